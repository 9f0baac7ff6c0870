"""Two releases → what is different: quads, and records with what changed in words.

The log of two releases is made once, from their sorted quads, and everything that is told of their
differences comes from it. It is two files: the rows of a patch, and the records that they belong to.

A record has changed where its statements have. How it was read is none of them: the name and checksum
of its source, the line of a quote and the confidence in it, the day of change that its page prints,
and which earlier captures are kept. Such quads are in the patch, which must lead from one graph to the
other, but they move no record's date.
"""

from __future__ import annotations

from cybilgraph.sync.changes.change_dates import (
    LastChange,
    first_change_date,
    last_changes_in,
    last_changes_until,
    prune,
)
from cybilgraph.sync.changes.change_log import ChangeLog, ChangeLogCache, as_json, change_date, describe_log

__all__ = [
    "ChangeLog",
    "ChangeLogCache",
    "LastChange",
    "as_json",
    "change_date",
    "describe_log",
    "first_change_date",
    "last_changes_in",
    "last_changes_until",
    "prune",
]
