"""Differences between two releases: quads, and records with the changed fields.

The change log of two releases is computed once from their sorted quads, and all reports of their differences use it. It
consists of two files: the rows of a patch, and the records that they belong to.

A record has changed if its statements have. Statements about its provenance do not count: the name and checksum of its
source, the line and confidence of a quote, the date of change printed on its page, and the list of earlier captures.
The patch includes these quads, but they do not change the record's date.
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
