"""Locate the statements of Turtle and TriG, in the order of the parser.

Only the structure is read: the parser validates the text and provides the terms. RDF 1.2 Turtle, section 6.5
(grammar); TriG, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.model.vocabulary import RDF
from cybilgraph.readers.rdf.positions.spots import Spot

# Strings also match without their end: otherwise they would be searched again from each quotation mark in them.
_TOKEN = re.compile(
    rb"""
      (?P<string>"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3})? | '{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?
        | "(?:[^"\\\r\n]++|\\.)*+"? | '(?:[^'\\\r\n]++|\\.)*+'?)
    | (?P<iri><[^<>"{}|^`\x00-\x20]*+>)
    | \#[^\r\n]*+
    | (?P<mark><<\(|\)>>|<<|>>|\{\||\|\}|\^\^|[\[\](){};,~])
    | (?P<number>[+-]?(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:\.?[eE][+-]?[0-9]+)?)
    | (?P<word>@?(?:[^\s<>"'{}|^`()\[\];,\#~@\\.]|\\.|\.++(?=[^\s<>"'{}|^`()\[\];,\#~@]))++)
    | (?P<end>\.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)")
_UNICODE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
#: The token at the end of the text.
_NOTHING = ("", b"", 0)


def spots(content: bytes) -> Iterator[Spot]:
    """Yield the positions of all statements. The text must be valid."""
    return _Scanner(content).document()


class _Scanner:
    """Reads token by token; ``_kind``, ``_text`` and ``_at`` describe the next one."""

    def __init__(self, content: bytes) -> None:
        self._tokens = ((match.lastgroup, match[0], match.start()) for match in _TOKEN.finditer(content))
        self._found: list[Spot] = []
        self._prefixes: dict[str, str] = {}
        self._suffixes: dict[bytes, str] = {}
        self._kind, self._text, self._at = "", b"", 0
        self._next()

    def _next(self) -> int:
        """Advance to the next token, and return the offset of the one before."""
        at = self._at
        kind = None
        while kind is None:  # comments have no kind
            kind, self._text, self._at = next(self._tokens, _NOTHING)
        self._kind = kind
        return at

    def _take(self, mark: bytes) -> bool:
        if self._text == mark:  # no other token has the text of a mark
            self._next()
            return True
        return False

    def document(self) -> Iterator[Spot]:
        """Yield the positions, statement by statement."""
        while self._kind:
            self._statement()
            yield from self._found
            self._found.clear()

    def _statement(self) -> None:
        word = self._text.lower() if self._kind == "word" else self._text
        if word in (b"@prefix", b"prefix"):
            self._prefix()
        elif word in (b"@base", b"base", b"@version", b"version"):
            self._next()
            self._next()
        elif word == b"graph":
            self._next()
            self._term()
        elif word == b"{":
            self._next()
            while self._kind and not self._take(b"}"):
                self._triples()
        else:
            self._triples()

    def _triples(self) -> None:
        """Read a subject with its properties, or skip a token that begins none."""
        if self._kind in ("word", "iri") or self._text in (b"[", b"(", b"<<"):
            subject = self._term()
            if self._text != b"{":  # otherwise a graph name
                self._properties(subject)
        else:
            self._next()

    def _prefix(self) -> None:
        self._next()
        name = self._text.partition(b":")[0].decode(errors="replace")
        self._next()
        self._prefixes[name] = _iri(self._text)
        self._suffixes.clear()
        self._next()

    def _properties(self, subject: int) -> None:
        """Read predicates and objects."""
        while self._kind in ("word", "iri"):
            if self._text not in self._suffixes:
                self._suffixes[self._text] = self._resolved(self._text)
            suffix, predicate = self._suffixes[self._text], self._next()
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
        if self._text == b"(":
            at = self._at
            self._collection(Spot(subject, predicate, at, suffix))
        else:
            at = self._term()
            self._found.append(Spot(subject, predicate, at, suffix))
        named = False
        while self._text in (b"~", b"{|"):
            begin = self._at
            if self._take(b"~"):
                if self._kind in ("word", "iri"):
                    begin = self._next()
                elif self._text == b"[":
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
        if mark == b"(" and kind == "mark":
            self._collection(None)
            return at
        self._next()
        if kind == "string":
            if self._take(b"^^") or (self._kind == "word" and self._text.startswith(b"@")):
                self._next()
        elif mark == b"[":
            self._properties(at)
            self._take(b"]")
        elif mark == b"<<":
            self._reified(at)
        elif mark == b"<<(":
            while self._kind and not self._take(b")>>"):
                self._term()
        return at

    def _reified(self, at: int) -> None:
        """Read a reified statement: << subject predicate object ~ name >>."""
        self._term()
        predicate = self._next()
        value = self._term()
        if self._take(b"~") and self._text != b">>":
            self._next()
        self._take(b">>")
        self._found.append(Spot(at, predicate, value, RDF.reifies))

    def _collection(self, parent: Spot | None) -> None:
        """Read a list as a chain of nodes; ``parent`` is the statement that has it as its object."""
        at = self._next()
        before = at
        while self._kind and self._text != b")":
            cell = self._at
            if before != at:
                self._found.append(Spot(before, before, cell, RDF.rest))
            self._term_or_collection(cell)
            if parent and before == at:
                self._found.append(parent)
            before = cell
        end = self._next()
        if before != at:
            self._found.append(Spot(before, before, end, RDF.rest))
        elif parent:  # the empty list is rdf:nil
            self._found.append(parent)

    def _term_or_collection(self, cell: int) -> None:
        item = self._term()
        self._found.append(Spot(cell, cell, item, RDF.first))


def _iri(token: bytes) -> str:
    """Return the IRI between angle brackets; if it is relative, the part that does not depend on its base."""
    text = _UNICODE.sub(lambda match: chr(int(match[1] or match[2], 16)), token[1:-1].decode(errors="replace"))
    return text if _SCHEME.match(text) else text.rpartition("/")[2].lstrip(".")
