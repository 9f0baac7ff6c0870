"""Locate the statements of N-Triples and N-Quads, in the order of the parser."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.readers.rdf.positions.spots import Spot

_LINE = re.compile(
    rb"^[ \t]*(?P<subject><[^>\r\n]*+>|_:[^\s<]++)[ \t]*(?P<predicate><[^>\r\n]*+>)[ \t]*(?P<object>[^\s#])",
    re.MULTILINE,
)


def spots(content: bytes) -> Iterator[Spot]:
    """Yield the positions of all statements. The text must be valid."""
    for line in _LINE.finditer(content):
        yield Spot(
            line.start("subject"), line.start("predicate"), line.start("object"), line["predicate"][1:-1].decode()
        )
