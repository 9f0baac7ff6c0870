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
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, count, islice, zip_longest
from typing import Any, NamedTuple
from xml.parsers import expat

import pyoxigraph as ox

from cybilgraph.model.record import Place, Text
from cybilgraph.model.vocabulary import RDF

UNKNOWN = -1


class Spot(NamedTuple):
    """The byte offsets of a statement's subject, predicate and object, or ``UNKNOWN``.

    ``predicate_suffix`` is the end of the predicate's IRI, as far as the text shows it, which distinguishes the
    statement from others.
    """

    subject: int
    predicate: int
    object: int
    predicate_suffix: str = ""


NOWHERE = Spot(UNKNOWN, UNKNOWN, UNKNOWN)
#: The number of positions considered for a statement. The parser may return the statements of a list, or those
#: of XML attributes, in another order, but only locally.
_WINDOW = 64
_QUOTES, _NODES = (b'"', b"'"), (b"<", b"[", b"(", b"_")
#: The number of bytes compared to tell literals apart.
_COMPARED_BYTES = 16
_QUOTED = re.compile(rb"\"{3}|'{3}|[\"']")
# The string also matches without its end: otherwise it would be searched again from each quotation mark in it.
JSON_TOKEN = re.compile(
    rb'(?P<string>"(?:[^"\\]++|\\.)*+"?)(?P<key>\s*:)?|(?P<open>[\[{])|(?P<close>[\]}])|(?P<next>,)', re.DOTALL
)
#: Keys whose values are JSON-LD keywords.
_KEYWORD_KEYS = {b"@context", b"@language", b"@direction", b"@index", b"@container"}
#: Values that cannot carry a marker: empty ones, keywords and paths to another folder.
_UNMARKABLE = re.compile(rb"@.*|(?:[^\s]*/)?\.{0,2}", re.DOTALL)
#: Escape sequences (Turtle 1.1, section 6.4): numeric ones, and the characters with their own.
_NUMBERED, _ESCAPED = b"\\u", "\t\b\n\r\f\"'\\"
#: Characters are counted in steps of this many bytes; and the bytes that do not begin a UTF-8 character.
_STEP, _CONTINUATION_BYTES = 4096, bytes(range(0x80, 0xC0))
_LINE = re.compile(
    rb"^[ \t]*(?P<subject><[^>\r\n]*+>|_:[^\s<]++)[ \t]*(?P<predicate><[^>\r\n]*+>)[ \t]*(?P<object>[^\s#])",
    re.MULTILINE,
)
# Strings also match without their end: otherwise they would be searched again from each quotation mark in them. For the
# same reason, full stops are matched together, although Turtle never has two that are not part of a name.
TURTLE_TOKEN = re.compile(
    rb"""
      (?P<string>"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3})? | '{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?
        | "(?:[^"\\\r\n]++|\\.)*+"? | '(?:[^'\\\r\n]++|\\.)*+'?)
    | (?P<iri><[^<>"{}|^`\x00-\x20]*+>)
    | \#[^\r\n]*+
    | (?P<mark><<\(|\)>>|<<|>>|\{\||\|\}|\^\^|[\[\](){};,~])
    | (?P<number>[+-]?(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:\.?[eE][+-]?[0-9]+)?)
    | (?P<word>@?(?:[^\s<>"'{}|^`()\[\];,\#~@\\.]|\\.|\.++(?=[^\s<>"'{}|^`()\[\];,\#~@]))++)
    | (?P<end>\.++)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)")
_UNICODE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U(00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CHUNK_BYTES = 1_000_000
_XML = "http://www.w3.org/XML/1998/namespace"
#: Attributes that are not statements (RDF 1.1 XML Syntax, section 6.2.5).
_SYNTAX = {
    f"{RDF.iri}{name}" for name in ("about", "ID", "nodeID", "resource", "parseType", "datatype", "bagID", "aboutEach")
}
_REIFIED = tuple(f"{RDF.iri}{name}" for name in ("object", "predicate", "subject", "type"))


def parse(content: bytes, syntax: ox.RdfFormat, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements in the parser's order, each with its position or that of the subject before it.

    Raises SyntaxError, with line and column if known.
    """
    if syntax == ox.RdfFormat.JSON_LD:
        yield from _parse_json_ld(content, base)
        return
    spots = iter(_SCANNERS.get(syntax, _TurtleScanner)(content))
    # In XML, the text at a position does not show what begins there.
    compared = b"" if syntax == ox.RdfFormat.RDF_XML else content
    ahead: deque[Spot] = deque()
    last = NOWHERE
    for quad in ox.parse(content, format=syntax, base_iri=base):
        if not ahead:  # one at a time, since text that the parser has not yet reached may be invalid
            ahead.extend(islice(spots, 1))
        at = 0
        if not (ahead and _may_match(quad, ahead[0], compared)):
            ahead.extend(islice(spots, _WINDOW - len(ahead)))
            at = next((at for at, spot in enumerate(ahead) if _may_match(quad, spot, compared)), UNKNOWN)
        if at == UNKNOWN:
            last = Spot(last.subject, last.subject, last.subject)
        else:
            last = ahead[at]
            del ahead[at]
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
    terms: set[bytes] = set()  # of all contexts
    words = set(_KEYWORD_KEYS)  # keys whose values are keywords
    for token, keys in _values(content):
        if b"@context" in keys:
            terms.update(keys)
            if token["string"][1:-1] in _KEYWORD_KEYS:
                words.add(keys[-1])
    pieces: list[bytes] = []
    done = 0
    for token, keys in _values(content):
        value = token["string"][1:-1]
        if not (_UNMARKABLE.fullmatch(value) or value in terms or keys[-1] in words or b"@context" in keys):
            end = token.end("string") - 1
            pieces += [content[done:end], f"{mark}{token.start()}Z".encode()]
            done = end
    return b"".join([*pieces, content[done:]])


def _values(content: bytes) -> Iterator[tuple[re.Match[bytes], list[bytes]]]:
    """Yield each string that is not a key, with the keys above it."""
    keys = [b""]
    for token in JSON_TOKEN.finditer(content):
        kind = token.lastgroup
        if kind == "key":
            keys[-1] = token["string"][1:-1]
        elif kind == "string":
            yield token, keys
        elif kind == "open":
            keys.append(keys[-1] if token[0] == b"[" else b"")
        elif kind == "close" and len(keys) > 1:
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
        start = self._starts[line - 1]
        if offset - start <= _STEP:  # almost all
            return Place(line, _characters(self._content[start:offset]) + 1)
        return Place(line, self._before(offset) - self._before(start) + 1)

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


def _scan_lines(content: bytes) -> Iterator[Spot]:
    """Yield the positions of all statements of valid N-Triples or N-Quads."""
    for line in _LINE.finditer(content):
        suffix = line["predicate"][1:-1].decode(errors="replace")
        yield Spot(line.start("subject"), line.start("predicate"), line.start("object"), suffix)


class _TurtleScanner:
    """Reads valid Turtle or TriG token by token; ``_kind``, ``_text`` and ``_at`` describe the next one.

    RDF 1.2 Turtle, section 6.5 (grammar); TriG, section 3.2.
    """

    def __init__(self, content: bytes) -> None:
        tokens = TURTLE_TOKEN.finditer(content)
        # Comments have no kind.
        self._tokens = ((token.lastgroup, token[0], token.start()) for token in tokens if token.lastgroup)
        self._found: list[Spot] = []
        self._prefixes: dict[str, str] = {}
        self._at = 0
        self._next()

    def _next(self) -> int:
        """Advance to the next token, and return the offset of the one before."""
        at = self._at
        self._kind, self._text, self._at = next(self._tokens, ("", b"", 0))
        return at

    def _take(self, mark: bytes) -> bool:
        if self._text == mark:  # no other token has the text of a mark
            self._next()
            return True
        return False

    def __iter__(self) -> Iterator[Spot]:
        while self._kind:
            self._statement()
            yield from self._found
            self._found.clear()

    def _statement(self) -> None:
        """Read a directive, or a subject with its properties; or skip a token that begins neither."""
        word = self._text.lower() if self._kind == "word" else self._text
        if word in (b"@prefix", b"prefix"):
            self._next()
            name = self._text.partition(b":")[0].decode(errors="replace")
            self._next()
            self._prefixes[name] = _iri(self._text)
            self._next()
        elif word in (b"@base", b"base", b"@version", b"version"):
            self._next()
            self._next()
        elif word != b"graph" and (self._kind in ("word", "iri") or word in (b"[", b"(", b"<<")):
            subject = self._term()
            if self._text != b"{":  # otherwise a graph name
                self._properties(subject)
        else:
            self._next()

    def _properties(self, subject: int) -> None:
        while self._kind in ("word", "iri"):
            suffix, predicate = self._resolved(self._text), self._next()
            self._object(subject, predicate, suffix)
            while self._take(b","):
                self._object(subject, predicate, suffix)
            while self._take(b";"):
                pass

    def _resolved(self, token: bytes) -> str:
        """Return the end of a predicate's IRI: all of it, unless it depends on a base."""
        if token == b"a":
            return RDF.type
        if token.startswith(b"<"):
            return _iri(token)
        prefix, _, local = token.decode(errors="replace").partition(":")
        return self._prefixes.get(prefix, "") + _ESCAPE.sub(r"\1", local)

    def _object(self, subject: int, predicate: int, suffix: str) -> None:
        """Read an object, with its nested statements and annotations."""
        is_list, at = self._text == b"(", self._at
        if is_list:
            self._found.append(Spot(subject, predicate, at, suffix))
        self._term()
        if not is_list:  # the parser returns the statements about a node before the one that refers to it
            self._found.append(Spot(subject, predicate, at, suffix))
        named = False
        while self._text in (b"~", b"{|"):
            begin = self._at
            if self._take(b"~"):
                if self._kind in ("word", "iri") or self._text == b"[":
                    begin = self._term()
                self._found.append(Spot(begin, predicate, at, RDF.reifies))
                named = True
                continue
            self._next()
            if not named:
                self._found.append(Spot(begin, predicate, at, RDF.reifies))
            self._properties(begin)
            self._take(b"|}")

    def _term(self) -> int:
        """Read a subject or object with its nested statements, and return its offset."""
        at, mark, kind = self._at, self._text, self._kind
        if mark == b"(":
            self._list()
            return at
        self._next()
        if kind == "string":
            if self._take(b"^^") or (self._kind == "word" and self._text.startswith(b"@")):
                self._next()
        elif mark == b"[":
            self._properties(at)
            self._take(b"]")
        elif mark == b"<<":
            self._term()
            predicate, value = self._next(), self._term()
            if self._take(b"~") and self._text != b">>":
                self._next()
            self._take(b">>")
            self._found.append(Spot(at, predicate, value, RDF.reifies))
        elif mark == b"<<(":
            while self._kind and not self._take(b")>>"):
                self._term()
        return at

    def _list(self) -> None:
        """Read a list as a chain of nodes."""
        before = begin = self._next()
        while self._kind and self._text != b")":
            cell = self._at
            if before != begin:
                self._found.append(Spot(before, before, cell, RDF.rest))
            self._term()
            self._found.append(Spot(cell, cell, cell, RDF.first))
            before = cell
        end = self._next()
        if before != begin:
            self._found.append(Spot(before, before, end, RDF.rest))


def _iri(token: bytes) -> str:
    """Return the IRI between angle brackets; of a relative one, the part that does not depend on its base."""
    text = _UNICODE.sub(lambda match: chr(int(match[1] or match[2], 16)), token[1:-1].decode(errors="replace"))
    return text if _SCHEME.match(text) else text.rpartition("/")[2].lstrip(".")


@dataclass(slots=True)
class _Element:
    """An open element: a node, a property of the node around it, or both for ``rdf:parseType="Resource"``."""

    name: str
    begin: int
    parse: str
    is_reified: bool
    is_property: bool
    holds_properties: bool
    text: int = UNKNOWN
    items: list[int] = field(default_factory=list)
    members: int = 0


class _XmlScanner:
    """Follows the elements of RDF/XML up to the first syntax error, which the parser reports.

    expat reports line, column and offset of everything; lxml reports only the line. The text was checked before
    and declares no entities.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._found: list[Spot] = []
        self._open: list[_Element] = []
        self._within_literal = 0
        self._parser = expat.ParserCreate(namespace_separator="\n")
        self._parser.ordered_attributes = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def __iter__(self) -> Iterator[Spot]:
        with suppress(expat.ExpatError, LookupError, ValueError):  # also for encodings that expat does not support
            for start in range(0, len(self._content), _CHUNK_BYTES):
                self._parser.Parse(self._content[start : start + _CHUNK_BYTES], False)
                yield from self._found
                self._found.clear()
        yield from self._found

    def _start(self, name: str, pairs: list[str]) -> None:
        if self._within_literal:
            self._within_literal += 1
            return
        name, at = name.replace("\n", ""), self._parser.CurrentByteIndex
        names = [key.replace("\n", "") for key in pairs[::2]]
        values = dict(zip(names, pairs[1::2], strict=True))
        parse = values.get(f"{RDF.iri}parseType", "")
        above = self._open[-1] if self._open else None
        is_property = above is not None and above.holds_properties
        holds_properties = parse == "Resource" if is_property else name != f"{RDF.iri}RDF"
        element = _Element(name, at, parse, f"{RDF.iri}ID" in values, is_property, holds_properties)
        if above and is_property:
            if name == f"{RDF.iri}li":
                above.members += 1
                element.name = f"{RDF.iri}_{above.members}"
            if parse == "Resource":
                self._link(element, at)
            elif parse and parse != "Collection":
                self._within_literal = 1
        elif holds_properties:
            if above:
                above.items.append(at)
            if name != f"{RDF.iri}Description":
                self._found.append(Spot(at, at, at, RDF.type))
        self._found += [Spot(at, at, at, key) for key in names if key not in _SYNTAX and not key.startswith(_XML)]
        self._open.append(element)

    def _text(self, _: str) -> None:
        element = self._open[-1] if self._open else None
        if element and element.is_property and element.text == UNKNOWN:
            element.text = self._parser.CurrentByteIndex

    def _end(self, _: str) -> None:
        if self._within_literal > 1:
            self._within_literal -= 1
            return
        self._within_literal = 0
        element = self._open.pop()
        if not element.is_property or element.parse == "Resource":
            return
        if element.parse == "Collection":
            self._link(element, element.begin)
            for item, following in zip_longest(element.items, element.items[1:], fillvalue=element.begin):
                self._found += [Spot(item, item, following, RDF.rest), Spot(item, item, item, RDF.first)]
        else:
            self._link(element, next(iter(element.items), element.text if element.text != UNKNOWN else element.begin))

    def _link(self, element: _Element, value: int) -> None:
        """Add the statement of a property element and those that reify it."""
        self._found.append(Spot(self._open[-1].begin, element.begin, value, element.name))
        if element.is_reified:
            self._found += [Spot(element.begin, element.begin, element.begin, name) for name in _REIFIED]


#: Other syntaxes are forms of Turtle.
_SCANNERS: dict[ox.RdfFormat, Callable[[bytes], Iterable[Spot]]] = {
    **dict.fromkeys((ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS), _scan_lines),
    ox.RdfFormat.RDF_XML: _XmlScanner,
}
