"""Classify activities by their kind, and outcomes as intended or achieved, by cue words in their text.

The patterns are in data/reference/activity-kinds.csv and result-statuses.csv, each with an example.
"""

from __future__ import annotations

import re
from functools import cache

from cybilgraph.model.gazetteer import fold_in_place, load_gazetteer
from cybilgraph.model.resources import compile_pattern


def activity_kinds(text: str) -> tuple[str, ...]:
    """Return the keys of the kinds of work that an activity names."""
    folded = fold_in_place(text)
    return tuple(key for key, pattern in _patterns("activity-kind") if pattern.search(folded))


def result_status(text: str, heading: str = "") -> str:
    """Return the key of the status of a result, or an empty string if neither its text nor its heading tells."""
    for words in (text, heading):
        folded = fold_in_place(words)
        for key, pattern in _patterns("result-status"):
            if pattern.search(folded):
                return key
    return ""


@cache
def _patterns(kind: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the entries of a scheme with their patterns. Raises ReferenceDataError if a pattern is invalid."""
    entries = load_gazetteer().entries[kind].values()
    return tuple((entry.key, compile_pattern(entry.row["pattern"], f"{kind} {entry.key}")) for entry in entries)
