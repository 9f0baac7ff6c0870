"""Hints about a query: why its answer may be empty, slow or incomplete, or why it is not valid.

``outline`` parses the query; ``empty_results`` and ``slow_queries`` examine the outline, with ``facts`` about the
release; ``syntax`` explains syntax errors. Queries over ``outline.MAX_TOKENS`` get no hints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from cybilgraph.sparql import Hint
from cybilgraph.sparql.hints.empty_results import (
    find_empty_causes,
    find_mismatched_comparisons,
    find_unbound_variables,
    find_wrong_names,
)
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import Note, OutlineError, parse_outline, shortened
from cybilgraph.sparql.hints.slow_queries import find_slow_causes

_MAX_HINTS = 5
#: Longer queries are not explained when they exceed a limit: it would take 1.5 ms per 1,000 characters.
_MAX_EXPLAINED_CHARACTERS = 10_000
_DATE = re.compile(r"\^\^\s*(?:\w*:|<http://www\.w3\.org/2001/XMLSchema#)(?:date|gYear)")
_VARIABLE = re.compile(r"[?$](\w+)")
_NAME_AFTER_AS = re.compile(r"\bAS\s+[?$](\w+)", re.IGNORECASE)
#: Groups that give no variable outside of them a value.
_WITHOUT_BINDING = re.compile(r"\b(?:EXISTS|MINUS)\b", re.IGNORECASE)


def find_hints(
    query: str, why: tuple[str, ...] = ("empty", "slow"), facts: Facts | None = None, graphs: Sequence[str] = ()
) -> tuple[Hint, ...]:
    """Say why a query may be ``empty`` or ``slow``, or its answer ``partial``; no hints if it cannot be parsed.

    ``graphs`` are the dataset of the request.
    """
    try:
        outline = parse_outline(query)
    except OutlineError:
        return ()
    if facts:
        facts.start_query()
    causes: dict[str, Iterator[Note]] = {
        "empty": find_empty_causes(outline, facts, graphs),
        "slow": find_slow_causes(outline),
        "partial": chain(
            find_mismatched_comparisons(outline, facts, only_dates=True) if facts else (),
            find_unbound_variables(outline),
            find_wrong_names(outline, facts, set()),
        ),
    }
    found: dict[Hint, None] = {}
    for kind, note in ((kind, note) for kind, notes in causes.items() if kind in why for note in notes):
        found[Hint(kind, shortened(note.text), query.count("\n", 0, note.start) + 1)] = None
        if len(found) == _MAX_HINTS:
            break
    return tuple(found)


def explain_cost(query: str) -> tuple[Hint, ...]:
    """Say why a query that exceeded a limit may be slow; nothing if it is long."""
    return find_hints(query, ("slow",)) if len(query) <= _MAX_EXPLAINED_CHARACTERS else ()


def may_be_partial(query: str) -> bool:
    """Return whether to look for hints despite a result: the query has a typed date, or may use a variable outside of
    its pattern that never has a value.

    Called for every query, so it does not parse.
    """
    head, _, rest = query.partition("{")
    pattern, _, modifiers = rest.rpartition("}")
    outside = head + modifiers
    used = set(_VARIABLE.findall(outside)) - set(_NAME_AFTER_AS.findall(outside))
    return (
        ("^^" in query and bool(_DATE.search(query)))
        or not used.issubset(_VARIABLE.findall(pattern))
        or bool(used and _WITHOUT_BINDING.search(pattern))
    )
