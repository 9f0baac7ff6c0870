"""Advice about a query: why it may be empty, or slow, or only a part of what was meant.

``outline`` reads the query, ``empty`` and ``slow`` look at the outline, ``facts`` at the release; ``syntax`` is for
what is no query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from cybilgraph.sparql import Hint
from cybilgraph.sparql.hints.comparisons import mismatched_dates
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.empty import empty
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.slow import slow
from cybilgraph.sparql.hints.syntax_tree import Note

#: No more is told of one query, and of one sentence.
_MAX_HINTS, _MAX_HINT_CHARS = 5, 400


def find_hints(
    query: str, why: tuple[str, ...] = ("empty", "slow"), facts: Facts | None = None, graphs: Sequence[str] = ()
) -> tuple[Hint, ...]:
    """Why a query may be ``empty`` or ``slow``, or what it found only in part (``partial``), over ``graphs`` that were
    chosen beside it; nothing where it cannot be read.
    """
    try:
        outline = parse_outline(query)
    except Unreadable:
        return ()
    if facts:
        facts.begin()
    causes: Iterator[Hint] = chain(
        _hints(query, "empty", empty(outline, facts, graphs)) if "empty" in why else (),
        _hints(query, "slow", slow(outline)) if "slow" in why else (),
        _hints(query, "partial", mismatched_dates(outline, facts)) if facts and "partial" in why else (),
    )
    found: dict[Hint, None] = {}
    for advice in causes:
        found[advice] = None
        if len(found) == _MAX_HINTS:
            break
    return tuple(found)


def _hints(query: str, why: str, notes: Iterator[Note]) -> Iterator[Hint]:
    for note in notes:
        text = note.text if len(note.text) <= _MAX_HINT_CHARS else f"{note.text[:_MAX_HINT_CHARS]}..."
        yield Hint(why, text, query.count("\n", 0, note.start) + 1)
