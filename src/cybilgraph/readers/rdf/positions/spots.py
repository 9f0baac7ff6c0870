"""Positions of statements, as byte offsets."""

from __future__ import annotations

from typing import NamedTuple

#: An unknown offset.
UNKNOWN = -1


class Spot(NamedTuple):
    """The start of a statement's subject, predicate and object.

    ``predicate_suffix`` is the end of the predicate's IRI, as far as the text shows it, which distinguishes the
    statement from others.
    """

    subject: int
    predicate: int
    object: int
    predicate_suffix: str = ""


NOWHERE = Spot(UNKNOWN, UNKNOWN, UNKNOWN)
