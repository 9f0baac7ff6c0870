"""The statements of an RDF text, each with its place: no library for RDF keeps them.

The parser tells what is said; a scanner of ours, which knows the structure of the syntax and
nothing else, tells where statements stand. Both go through the text once, side by side.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pyoxigraph as ox

from cybilgraph.model.record import Place, Text
from cybilgraph.model.vocabulary import RDF
from cybilgraph.readers.rdf.positions import jsonld, nquads, rdfxml, turtle
from cybilgraph.readers.rdf.positions.spots import NOWHERE, UNKNOWN, Spot

__all__ = ["NOWHERE", "UNKNOWN", "Places", "Spot", "parse"]

_SCANNERS: dict[ox.RdfFormat, Callable[[bytes], Iterator[Spot]]] = {
    ox.RdfFormat.TURTLE: turtle.spots,
    ox.RdfFormat.TRIG: turtle.spots,
    ox.RdfFormat.N_TRIPLES: nquads.spots,
    ox.RdfFormat.N_QUADS: nquads.spots,
    ox.RdfFormat.RDF_XML: rdfxml.spots,
}
#: Places that are looked at for a statement. The parser may give the statements of a list, or
#: those of attributes, in another order; what is further away is another statement.
_WINDOW = 64
_QUOTES, _NODES = (b'"', b"'"), (b"<", b"[", b"(", b"_")
#: Bytes by which a literal is told from its neighbour.
_ENOUGH = 16
_QUOTED = re.compile(rb"\"{3}|'{3}|[\"']")


def parse(content: bytes, syntax: ox.RdfFormat, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """The statements, in the parser's order, each with its place.

    A statement whose place is not found has that of the subject before it. Raises SyntaxError,
    with line and column where they are known.
    """
    if syntax == ox.RdfFormat.JSON_LD:
        yield from jsonld.parse(content, base)
        return
    quads = ox.parse(content, format=syntax, base_iri=base)
    # In XML nothing tells what begins at a place: text may begin with any character.
    yield from _match_spots(quads, _SCANNERS[syntax](content), b"" if syntax == ox.RdfFormat.RDF_XML else content)


def _match_spots(quads: Iterable[ox.Quad], spots: Iterator[Spot], content: bytes) -> Iterator[tuple[ox.Quad, Spot]]:
    ahead: deque[Spot] = deque()
    last = NOWHERE
    for quad in quads:
        if not ahead:
            ahead.extend(islice(spots, 1))
        if ahead and _may_match(quad, ahead[0], content):
            last = ahead.popleft()
        else:
            ahead.extend(islice(spots, _WINDOW - len(ahead)))
            at = next((at for at, spot in enumerate(ahead) if _may_match(quad, spot, content)), UNKNOWN)
            if at == UNKNOWN:
                last = Spot(last.subject, last.subject, last.subject)
            else:
                last = ahead[at]
                del ahead[at]
        yield quad, last


#: What a backslash may stand for (Turtle 1.1, section 6.4): a character by its number, or one of these.
_NUMBERED, _ESCAPED = b"\\u", "\t\b\n\r\f\"'\\"


def _may_match(quad: ox.Quad, spot: Spot, content: bytes) -> bool:
    """True where what is printed at a place can be the statement. Without content, its predicate decides."""
    if not quad.predicate.value.endswith(spot.says):
        return False
    if spot.says == RDF.rest:  # leads to a node that is printed as nothing but its item
        return True
    at, value = spot.object, quad.object
    first = content[at : at + 1]
    if isinstance(value, ox.Literal):
        if first not in _QUOTES:
            return first not in _NODES
        several = content.startswith(first * 3, at)  # such a text may hold a quote, and end further on
        at += 3 if several else 1
        begin, ended, _ = content[at : at + _ENOUGH].partition(first)
        said = value.value[:_ENOUGH].encode()
        if b"\\" in begin:
            plain = begin.partition(b"\\")[0]
            return said.startswith(plain) and (
                _NUMBERED in begin.lower() or any(mark in value.value for mark in _ESCAPED)
            )
        return said == begin if ended and not several else said.startswith(begin)
    return first not in _QUOTES


#: Bytes between two places before which characters are counted; and those that begin no character in UTF-8.
_STEP, _INNER = 4096, bytes(range(0x80, 0xC0))


def _characters(part: bytes) -> int:
    return len(part.translate(None, _INNER))


class Places:
    """Lines and columns of a text, by offsets into it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._characters = array("Q")
        self._starts = array("Q", [0])
        self._starts.extend(match.end() for match in re.finditer(b"\n", content))

    def place(self, offset: int) -> Place | None:
        """The line and the column, in characters; None where the offset is not known."""
        if offset == UNKNOWN:
            return None
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        if offset - start <= _STEP:
            return Place(line, _characters(self._content[start:offset]) + 1)
        return Place(line, self._before(offset) - self._before(start) + 1)

    def _before(self, offset: int) -> int:
        """How many characters stand before an offset. They are counted once: all of a file may be one line."""
        if not self._characters:
            self._characters.append(0)
            for start in range(0, len(self._content), _STEP):
                count = _characters(self._content[start : start + _STEP])
                self._characters.append(self._characters[-1] + count)
        step = offset // _STEP
        return self._characters[step] + _characters(self._content[step * _STEP : offset])

    def text(self, value: str, offset: int) -> Text:
        """A literal with the place of its first character; of each line, where it is printed as it is."""
        if offset == UNKNOWN:
            return Text(value)
        quotes = _QUOTED.match(self._content, offset)
        start = quotes.end() if quotes else offset
        place = self.place(start)
        if "\n" not in value or place is None or not self._content.startswith(value.encode(), start):
            return Text(value, place)
        ends = (match.end() for match in re.finditer("\n", value))
        return Text(value, place, breaks=tuple((end, Place(place.line + number)) for number, end in enumerate(ends, 1)))
