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
from functools import cached_property
from itertools import accumulate, count, islice
from typing import Any

import pyoxigraph as ox

from cybilgraph.model.record import Place, Text
from cybilgraph.model.vocabulary import RDF
from cybilgraph.readers.rdf.scanners import UNKNOWN, Spot, TurtleScanner, XmlScanner, scan_lines

__all__ = ["NOWHERE", "UNKNOWN", "Places", "Spot", "parse"]

NOWHERE = Spot(UNKNOWN, UNKNOWN, UNKNOWN)
#: Other syntaxes are forms of Turtle.
_SCANNERS: dict[ox.RdfFormat, Callable[[bytes], Iterable[Spot]]] = {
    **dict.fromkeys((ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS), scan_lines),
    ox.RdfFormat.RDF_XML: XmlScanner,
}
#: The number of positions considered for a statement. The parser may return the statements of a list, or those
#: of XML attributes, in another order, but only locally.
_WINDOW = 64
_QUOTES, _NODES = (b'"', b"'"), (b"<", b"[", b"(", b"_")
#: The number of bytes compared to tell literals apart.
_COMPARED_BYTES = 16
_QUOTED = re.compile(rb"\"{3}|'{3}|[\"']")
# The string also matches without its end: otherwise it would be searched again from each quotation mark in it.
_JSON_TOKEN = re.compile(
    rb'(?P<string>"(?:[^"\\]++|\\.)*+"?)(?P<key>\s*:)?|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL
)
#: Keys whose values are JSON-LD keywords.
_KEYWORD_KEYS = {b"@context", b"@language", b"@direction", b"@index", b"@container"}
#: Values that cannot carry a marker: empty ones, keywords and paths to another folder.
_UNMARKABLE = re.compile(rb"@.*|(?:[^\s]*/)?\.{0,2}", re.DOTALL)
#: Escape sequences (Turtle 1.1, section 6.4): numeric ones, and the characters with their own.
_NUMBERED, _ESCAPED = b"\\u", "\t\b\n\r\f\"'\\"
#: Characters are counted in steps of this many bytes; and the bytes that do not begin a UTF-8 character.
_STEP, _CONTINUATION_BYTES = 4096, bytes(range(0x80, 0xC0))


def parse(content: bytes, syntax: ox.RdfFormat, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements in the parser's order, each with its position or that of the subject before it.

    Raises SyntaxError, with line and column if known.
    """
    if syntax == ox.RdfFormat.JSON_LD:
        yield from _parse_json_ld(content, base)
        return
    spots = iter(_SCANNERS.get(syntax, TurtleScanner)(content))
    # In XML, the text at a position does not show what begins there.
    compared = b"" if syntax == ox.RdfFormat.RDF_XML else content
    ahead: deque[Spot] = deque()
    last = NOWHERE
    for quad in ox.parse(content, format=syntax, base_iri=base):
        for size in (1, _WINDOW):
            ahead.extend(islice(spots, max(size - len(ahead), 0)))
            at = next((at for at, spot in enumerate(ahead) if _may_match(quad, spot, compared)), UNKNOWN)
            if at != UNKNOWN:
                last = ahead[at]
                del ahead[at]
                break
        else:
            last = Spot(last.subject, last.subject, last.subject)
        yield quad, last


def _parse_json_ld(content: bytes, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements with their positions.

    The meaning of keys and values depends on contexts, whose rules only the parser knows. Therefore the parser
    gets the text with a position marker after each value, and the markers are then removed from its output.
    Values that cannot carry a marker (numbers, terms of the context) get the position of their subject.
    """
    # A marker that does not occur in the text; letters and digits are valid in every term.
    mark = next(mark for number in count() if (mark := f"Zplace{number}Z").encode() not in content)
    try:
        quads = list(ox.parse(_add_markers(content, mark), format=ox.RdfFormat.JSON_LD, base_iri=base))
    except SyntaxError:  # the text is invalid, which parsing it as it is reports; or a marker has made it invalid
        yield from ((quad, NOWHERE) for quad in ox.parse(content, format=ox.RdfFormat.JSON_LD, base_iri=base))
        return
    marks = re.compile(rf"{mark}([0-9]+)Z")
    for quad in quads:
        graph, _ = _strip_marker(quad.graph_name, marks)
        subject, at = _strip_marker(quad.subject, marks)
        value, place = _strip_marker(quad.object, marks)
        place = at if place == UNKNOWN else place
        yield ox.Quad(subject, quad.predicate, value, graph), Spot(at, place, place)


def _add_markers(content: bytes, mark: str) -> bytes:
    """Return the text with a marker at the end of each possible value, containing the offset of the value."""
    terms, words = _terms(content)
    pieces: list[bytes] = []
    done = 0
    for token, keys in _values(content):
        value = token["string"][1:-1]
        if not (_UNMARKABLE.fullmatch(value) or value in terms or keys[-1] in words or b"@context" in keys):
            end = token.end("string") - 1
            pieces += [content[done:end], f"{mark}{token.start()}Z".encode()]
            done = end
    return b"".join([*pieces, content[done:]])


def _terms(content: bytes) -> tuple[set[bytes], set[bytes]]:
    """Return the terms of all contexts, and the keys whose values are keywords."""
    terms: set[bytes] = set()
    words = set(_KEYWORD_KEYS)
    for token, keys in _values(content):
        if b"@context" in keys:
            terms.update(keys)
            if token["string"][1:-1] in _KEYWORD_KEYS:
                words.add(keys[-1])
    return terms, words


def _values(content: bytes) -> Iterator[tuple[re.Match[bytes], list[bytes]]]:
    """Yield each string that is not a key, with the keys above it."""
    keys = [b""]
    for token in _JSON_TOKEN.finditer(content):
        kind = token.lastgroup
        if kind == "key":
            keys[-1] = token["string"][1:-1]
        elif kind == "string":
            yield token, keys
        elif kind == "open":
            keys.append(keys[-1] if token[0] == b"[" else b"")
        elif len(keys) > 1:
            keys.pop()


def _strip_marker(term: Any, marks: re.Pattern[str]) -> tuple[Any, int]:
    """Return a term without its marker, and the offset in the marker."""
    if not isinstance(term, ox.NamedNode | ox.BlankNode | ox.Literal):
        return term, UNKNOWN
    found = marks.search(term.value)
    at = int(found[1]) if found else UNKNOWN
    text = marks.sub("", term.value)
    if not isinstance(term, ox.Literal):
        return type(term)(text), at
    if term.language:
        return ox.Literal(text, language=term.language, direction=term.direction), at
    return ox.Literal(text, datatype=ox.NamedNode(marks.sub("", term.datatype.value))), at


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


def _characters(part: bytes) -> int:
    return len(part.translate(None, _CONTINUATION_BYTES))


class Places:
    """Converts offsets in a text to lines and columns."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._starts = array("Q", [0])
        self._starts.extend(match.end() for match in re.finditer(b"\n", content))

    def place(self, offset: int) -> Place | None:
        """Return line and column, in characters; None if the offset is unknown."""
        if offset == UNKNOWN:
            return None
        line = bisect_right(self._starts, offset)
        return Place(line, self._before(offset) - self._before(self._starts[line - 1]) + 1)

    @cached_property
    def _counts(self) -> array[int]:
        """The number of characters before each step, because a whole file may be one line."""
        steps = (self._content[start : start + _STEP] for start in range(0, len(self._content), _STEP))
        return array("Q", accumulate(map(_characters, steps), initial=0))

    def _before(self, offset: int) -> int:
        step = offset // _STEP
        return self._counts[step] + _characters(self._content[step * _STEP : offset])

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
