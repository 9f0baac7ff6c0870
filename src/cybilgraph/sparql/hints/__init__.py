"""Hints about a query: why its answer may be empty, slow or incomplete.

``outline`` parses the query; ``empty_results`` and ``slow_queries`` examine the outline, with ``facts`` about the
release; ``syntax`` explains syntax errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from cybilgraph.sparql import Hint
from cybilgraph.sparql.hints.comparisons import find_mismatched_dates
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.empty_results import find_empty_causes
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.slow_queries import find_slow_causes
from cybilgraph.sparql.hints.syntax_tree import Note

#: Limits of the hints about one query, and of the text of each.
_MAX_HINTS, _MAX_HINT_CHARS = 5, 400


def find_hints(
    query: str, why: tuple[str, ...] = ("empty", "slow"), facts: Facts | None = None, graphs: Sequence[str] = ()
) -> tuple[Hint, ...]:
    """Say why a query may be ``empty`` or ``slow``, or its answer ``partial``; no hints if it cannot be parsed.

    ``graphs`` are the dataset of the request.
    """
    try:
        outline = parse_outline(query)
    except Unreadable:
        return ()
    if facts:
        facts.start_query()
    causes: Iterator[Hint] = chain(
        _hints(query, "empty", find_empty_causes(outline, facts, graphs)) if "empty" in why else (),
        _hints(query, "slow", find_slow_causes(outline)) if "slow" in why else (),
        _hints(query, "partial", find_mismatched_dates(outline, facts)) if facts and "partial" in why else (),
    )
    found: dict[Hint, None] = {}
    for hint in causes:
        found[hint] = None
        if len(found) == _MAX_HINTS:
            break
    return tuple(found)


def _hints(query: str, why: str, notes: Iterator[Note]) -> Iterator[Hint]:
    for note in notes:
        text = note.text if len(note.text) <= _MAX_HINT_CHARS else f"{note.text[:_MAX_HINT_CHARS]}..."
        yield Hint(why, text, query.count("\n", 0, note.start) + 1)
