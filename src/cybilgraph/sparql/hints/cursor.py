"""Reads the tokens of a query and turns them into terms."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from cybilgraph.model.vocabulary import PREFIXES, XSD
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.sparql.hints.syntax_tree import Term
from cybilgraph.sparql.lexer import Token, tokens

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)


class Unreadable(Exception):
    """The query has a syntax error at this offset."""

    def __init__(self, start: int, *, between: bool = False) -> None:
        """Create the error; ``between`` if the dot between two triples is missing."""
        super().__init__(start)
        self.start = start
        self.between = between


class Cursor:
    """A position in a query. Methods that consume tokens raise Unreadable on a syntax error."""

    def __init__(self, query: str) -> None:
        self._tokens = list(tokens(query))
        self._tokens.append(Token("end", "", len(query)))
        self._at = 0
        self.base = ""
        self.declared: dict[str, str] = {}
        self.used: dict[str, int] = {}
        self.graphs: list[Term] = []

    @property
    def token(self) -> Token:
        """The next token; after the last, one of the kind ``end``."""
        return self._tokens[self._at]

    @property
    def word(self) -> str:
        """The next token in upper case; empty for strings, names and other tokens that are not words or marks."""
        return self.token.text.upper() if self.token.kind in ("word", "open", "close", "other") else ""

    def next(self) -> Token:
        """Consume the next token."""
        token = self.token
        if token.kind == "end":
            raise Unreadable(token.start)
        self._at += 1
        return token

    def take(self, word: str) -> bool:
        """Consume this token if it is the next; return whether it was."""
        found = self.word == word
        self._at += found
        return found

    def expect(self, word: str) -> None:
        """Consume this token, which must be the next."""
        if not self.take(word):
            raise Unreadable(self.token.start)

    def piece(self) -> Term:
        """Read the next term, or word of an expression."""
        token = self.next()
        match token.kind:
            case "variable":
                return Term("variable", token.text[1:], token.text, token.start)
            case "iri":
                value = urljoin(self.base, token.text[1:-1])
                if not is_iri(value):
                    raise Unreadable(token.start)
                return Term("iri", value, token.text, token.start)
            case "name":
                prefix, _, local = token.text.partition(":")
                namespace = self.declared.get(prefix, PREFIXES.get(prefix))
                if namespace is None:
                    raise Unreadable(token.start)
                self.used.setdefault(prefix, token.start)
                return Term("iri", namespace + re.sub(r"\\(.)", r"\1", local), token.text, token.start)
            case "blank":
                return Term("blank", token.text, token.text, token.start)
            case "number":
                datatype = f"{XSD.iri}double" if "e" in token.text.lower() else XSD.decimal
                datatype = XSD.integer if token.text.isdigit() else datatype
                return Term("literal", token.text, token.text, token.start, "", datatype)
            case "string":
                return self._literal(token)
            case "other" if token.text in "+-" and self.token.kind == "number":
                number = self.piece()
                return number._replace(value=token.text + number.value, text=token.text + number.text)
            case "word" if token.text in ("true", "false"):
                return Term("literal", token.text, token.text, token.start, "", f"{XSD.iri}boolean")
        return Term("word", token.text.upper(), token.text, token.start)

    def _literal(self, token: Token) -> Term:
        quotes = 3 if token.text[:3] in ('"""', "'''") else 1
        value = _ESCAPED.sub(_unescaped, token.text[quotes:-quotes])
        if self.token.kind == "language":
            tag = self.next().text
            return Term("literal", value, token.text + tag, token.start, tag[1:])
        if self.word == "^" and self._tokens[self._at + 1].text == "^":
            self._at += 2
            datatype = self.piece()
            return Term("literal", value, f"{token.text}^^{datatype.text}", token.start, "", datatype.value)
        return Term("literal", value, token.text, token.start)


def _unescaped(match: re.Match[str]) -> str:
    if len(match[1]) > 1:
        return chr(min(int(match[1][1:], 16), 0x10FFFF))
    return _ESCAPES.get(match[1], match[1])
