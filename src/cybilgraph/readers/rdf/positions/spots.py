"""Where a statement is printed, as offsets into its text."""

from __future__ import annotations

from typing import NamedTuple

#: An offset that is not known.
UNKNOWN = -1


class Spot(NamedTuple):
    """Where subject, predicate and object of one statement begin.

    ``says`` is what the predicate's IRI ends in, as far as the text tells: by it a statement
    is told from its neighbours.
    """

    subject: int
    predicate: int
    object: int
    says: str = ""


NOWHERE = Spot(UNKNOWN, UNKNOWN, UNKNOWN)
