"""Locate the statements of an RDF text, which RDF libraries do not support.

The parser provides the statements. Our scanner, which knows only the structure of the syntax, provides their
positions. Both pass through the text once, in parallel.
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
#: The number of positions considered for a statement. The parser may return the statements of a list, or those
#: of XML attributes, in another order, but only locally.
_WINDOW = 64
_QUOTES, _NODES = (b'"', b"'"), (b"<", b"[", b"(", b"_")
#: The number of bytes compared to tell literals apart.
_COMPARED_BYTES = 16
_QUOTED = re.compile(rb"\"{3}|'{3}|[\"']")


def parse(content: bytes, syntax: ox.RdfFormat, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements in the parser's order, each with its position.

    A statement that cannot be located gets the position of the subject before it. Raises SyntaxError, with
    line and column if known.
    """
    if syntax == ox.RdfFormat.JSON_LD:
        yield from jsonld.parse(content, base)
        return
    quads = ox.parse(content, format=syntax, base_iri=base)
    # In XML, the text at a position does not show what begins there.
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


#: Escape sequences (Turtle 1.1, section 6.4): numeric ones, and the characters with their own.
_NUMBERED, _ESCAPED = b"\\u", "\t\b\n\r\f\"'\\"


def _may_match(quad: ox.Quad, spot: Spot, content: bytes) -> bool:
    """Return whether a statement may be printed at a position. Without content, only its predicate is compared."""
    if not quad.predicate.value.endswith(spot.predicate_suffix):
        return False
    if spot.predicate_suffix == RDF.rest:  # the node of a list is not printed, only its item
        return True
    at, value = spot.object, quad.object
    first = content[at : at + 1]
    if isinstance(value, ox.Literal):
        if first not in _QUOTES:
            return first not in _NODES
        is_long = content.startswith(first * 3, at)  # a long string may contain quotation marks and end later
        at += 3 if is_long else 1
        begin, ended, _ = content[at : at + _COMPARED_BYTES].partition(first)
        expected = value.value[:_COMPARED_BYTES].encode()
        if b"\\" in begin:
            plain = begin.partition(b"\\")[0]
            return expected.startswith(plain) and (
                _NUMBERED in begin.lower() or any(mark in value.value for mark in _ESCAPED)
            )
        return expected == begin if ended and not is_long else expected.startswith(begin)
    return first not in _QUOTES


#: Characters are counted in steps of this many bytes; and the bytes that do not begin a UTF-8 character.
_STEP, _CONTINUATION_BYTES = 4096, bytes(range(0x80, 0xC0))


def _characters(part: bytes) -> int:
    return len(part.translate(None, _CONTINUATION_BYTES))


class Places:
    """Converts offsets in a text to lines and columns."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._characters = array("Q")
        self._starts = array("Q", [0])
        self._starts.extend(match.end() for match in re.finditer(b"\n", content))

    def place(self, offset: int) -> Place | None:
        """Return line and column, in characters; None if the offset is unknown."""
        if offset == UNKNOWN:
            return None
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        if offset - start <= _STEP:
            return Place(line, _characters(self._content[start:offset]) + 1)
        return Place(line, self._before(offset) - self._before(start) + 1)

    def _before(self, offset: int) -> int:
        """Return the number of characters before an offset. Counts are cached: a whole file may be one line."""
        if not self._characters:
            self._characters.append(0)
            for start in range(0, len(self._content), _STEP):
                count = _characters(self._content[start : start + _STEP])
                self._characters.append(self._characters[-1] + count)
        step = offset // _STEP
        return self._characters[step] + _characters(self._content[step * _STEP : offset])

    def text(self, value: str, offset: int) -> Text:
        """Return a literal with the place of its first character, and of each line if it is printed verbatim."""
        if offset == UNKNOWN:
            return Text(value)
        quotes = _QUOTED.match(self._content, offset)
        start = quotes.end() if quotes else offset
        place = self.place(start)
        if "\n" not in value or place is None or not self._content.startswith(value.encode(), start):
            return Text(value, place)
        ends = (match.end() for match in re.finditer("\n", value))
        return Text(value, place, breaks=tuple((end, Place(place.line + number)) for number, end in enumerate(ends, 1)))
