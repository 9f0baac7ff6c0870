"""N-Triples and N-Quads → where each statement stands, in the order in which a parser gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.readers.rdf.positions.spots import Spot

_LINE = re.compile(
    rb"^[ \t]*(?P<subject><[^>\r\n]*+>|_:[^\s<]++)[ \t]*(?P<predicate><[^>\r\n]*+>)[ \t]*(?P<object>[^\s#])",
    re.MULTILINE,
)


def spots(content: bytes) -> Iterator[Spot]:
    """The places of all statements. The text must have been parsed without fault."""
    for line in _LINE.finditer(content):
        yield Spot(
            line.start("subject"), line.start("predicate"), line.start("object"), line["predicate"][1:-1].decode()
        )
