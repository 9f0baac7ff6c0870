"""Two releases → what is different: quads, and records with what changed in words.

The log of two releases is made once, from their sorted quads, and everything that is told of their
differences comes from it. It is two files: the rows of a patch, and the records that they belong to.

A record has changed where its statements have. How it was read is none of them: the name and checksum
of its source, the line of a quote and the confidence in it, the day of change that its page prints,
and which earlier captures are kept. Such quads are in the patch, which must lead from one graph to the
other, but they move no record's date.
"""

from __future__ import annotations

from cybilgraph.sync.changes.change_log import Changes, Log, as_json, date_of, lines_in_words
from cybilgraph.sync.changes.last_changes import Moved, earliest, moved_until, of_log, prune

__all__ = [
    "Changes",
    "Log",
    "Moved",
    "as_json",
    "date_of",
    "earliest",
    "lines_in_words",
    "moved_until",
    "of_log",
    "prune",
]
