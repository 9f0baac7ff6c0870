"""Advice about a query: why it may be empty, or slow, or only a part of what was meant.

``outline`` reads the query, ``empty`` and ``slow`` look at the outline, ``facts`` at the release; ``syntax`` is for
what is no query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from cybilgraph.sparql import Advice
from cybilgraph.sparql.hints.comparisons import dated
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.empty import empty
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import read
from cybilgraph.sparql.hints.parts import Note
from cybilgraph.sparql.hints.slow import slow

#: No more is told of one query, and of one sentence.
_MOST, _LONGEST = 5, 400


def advise(
    query: str, why: tuple[str, ...] = ("empty", "slow"), facts: Facts | None = None, graphs: Sequence[str] = ()
) -> tuple[Advice, ...]:
    """Why a query may be ``empty`` or ``slow``, or what it found only in part (``partial``), over ``graphs`` that were
    chosen beside it; nothing where it cannot be read.
    """
    try:
        outline = read(query)
    except Unreadable:
        return ()
    if facts:
        facts.begin()
    causes: Iterator[Advice] = chain(
        _told(query, "empty", empty(outline, facts, graphs)) if "empty" in why else (),
        _told(query, "slow", slow(outline)) if "slow" in why else (),
        _told(query, "partial", dated(outline, facts)) if facts and "partial" in why else (),
    )
    found: dict[Advice, None] = {}
    for advice in causes:
        found[advice] = None
        if len(found) == _MOST:
            break
    return tuple(found)


def _told(query: str, why: str, notes: Iterator[Note]) -> Iterator[Advice]:
    for note in notes:
        text = note.text if len(note.text) <= _LONGEST else f"{note.text[:_LONGEST]}..."
        yield Advice(why, text, query.count("\n", 0, note.start) + 1)
