"""What the RDF parser must not be given: text that would end the process or take all its memory.

pyoxigraph reads most syntaxes with a stack of its own, but not all: triple terms in each
other, JSON in JSON and a JSON-LD context whose terms need each other overflow the stack of
the thread, and nothing can catch that. RDF/XML in depth, and contexts in number, take time
that grows with the square of the size. Each is counted here before the parser sees it, token
by token, so that what stands in strings, IRIs and comments is not counted. Where the text is
broken, too much is counted, never too little.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pyoxigraph as ox

#: People nest three or four deep; the parser holds a thousand.
MAX_NESTING_DEPTH = 100
#: Strings within one JSON-LD context: each term has two.
_MAX_CONTEXT_TERMS = 500
#: Contexts × their strings: what is copied for each of them.
_MAX_COPIED_BYTES = 200_000_000
#: Values of a JSON-LD file: the parser takes half a kilobyte for each, and may hold them all.
_MAX_JSON_VALUES = 2_000_000
#: Namespaces that are declared at one place of an XML file, and attributes of one element.
_MAX_NAMESPACES, _MAX_ATTRIBUTES = 1_000, 5_000

# Every alternative that opens something also matches without its end: a text that never ends
# it must not be looked through again from each of its characters.
_TURTLE = re.compile(
    rb"""
      "{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3})?
    | '{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?
    | "(?:[^"\\\r\n]++|\\.)*+"?
    | '(?:[^'\\\r\n]++|\\.)*+'?
    | \#[^\r\n]*+
    | <[^<>"{}|^`\x00-\x20]*+>
    | \\.
    | (?P<open><<|[\[({])
    | (?P<close>>>|[\])}])
    """,
    re.VERBOSE | re.DOTALL,
)
_JSON = re.compile(rb'(?P<string>"(?:[^"\\]++|\\.)*+"?)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<next>,)', re.DOTALL)
_XML = re.compile(
    rb"""
      <!--(?:[^-]++|-(?!->))*+(?:-->)?
    | <!\[CDATA\[(?:[^\]]++|\](?!\]>))*+(?:\]\]>)?
    | <\?(?:[^?]++|\?(?!>))*+(?:\?>)?
    | (?P<declared><!)
    | (?P<close></)
    | (?P<open><(?:[^<>"'!?/]|/(?!>))(?:[^<>"'/]++|/(?!>)|"[^"]*+"?|'[^']*+'?)*+)(?P<empty>/>)?
    """,
    re.VERBOSE,
)


def find_excess(content: bytes, syntax: ox.RdfFormat) -> str:
    """Why this text must not be parsed; empty where it may be."""
    return _CHECKS[syntax](content)


def _too_deep(what: str = "Statements") -> str:
    return f"{what} stand in each other more than {MAX_NESTING_DEPTH} deep"


def _lines(content: bytes) -> str:
    """Of N-Triples and N-Quads only triple terms can be nested."""
    return _turtle(content) if b"<<" in content else ""


def _turtle(content: bytes) -> str:
    depth = 0
    for token in _TURTLE.finditer(content):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
            if depth > MAX_NESTING_DEPTH:
                return _too_deep()
        elif kind == "close":
            depth = max(depth - 1, 0)
    return ""


def _json(content: bytes) -> str:
    """Depth, and the contexts: none in another, none of many terms, not too many of them."""
    depth = within = strings = contexts = total = values = 0
    named = False  # the string before this token was "@context"
    for token in _JSON.finditer(content):
        kind = token.lastgroup
        if kind in ("open", "next"):
            values += 1
            if values > _MAX_JSON_VALUES:
                return f"it has more than {_MAX_JSON_VALUES:,} values"
        if kind == "open":
            depth += 1
            if depth > MAX_NESTING_DEPTH:
                return _too_deep("Objects")
            if named and not within:
                within, strings, contexts = depth, 0, contexts + 1
        elif kind == "close":
            if depth == within:
                within = 0
            depth = max(depth - 1, 0)
        elif within and kind == "string":
            strings, total = strings + 1, total + 1
            if strings > _MAX_CONTEXT_TERMS:
                return f"a @context has more than {_MAX_CONTEXT_TERMS // 2} terms"
        named = kind == "string" and _is_context(token[0])
        if named and within:
            return "a @context stands in another"
    return "it has too many contexts" if contexts * total > _MAX_COPIED_BYTES else ""


def _is_context(token: bytes) -> bool:
    """True for the word, however it is escaped (no escape is longer than six characters)."""
    if token == b'"@context"':
        return True
    if b"\\" not in token or len(token) > 2 + 6 * len("@context"):
        return False
    try:
        return bool(json.loads(token) == "@context")
    except ValueError:
        return False


def _xml(content: bytes) -> str:
    """Entities, depth, namespaces and attributes."""
    if b"<!ENTITY" in content:
        return "it declares entities"
    opened: list[int] = []
    namespaces = 0
    for token in _XML.finditer(content):
        kind = token.lastgroup
        if kind == "close":
            namespaces -= opened.pop() if opened else 0
        elif kind in ("open", "empty"):
            declared = token[0].count(b"xmlns")
            if namespaces + declared > _MAX_NAMESPACES or token[0].count(b"=") > _MAX_ATTRIBUTES:
                return "an element has too many namespaces or attributes"
            if kind == "open":
                opened.append(declared)
                namespaces += declared
            if len(opened) > MAX_NESTING_DEPTH:
                return _too_deep("Elements")
    return ""


_CHECKS: dict[ox.RdfFormat, Callable[[bytes], str]] = {
    ox.RdfFormat.TURTLE: _turtle,
    ox.RdfFormat.TRIG: _turtle,
    ox.RdfFormat.N_TRIPLES: _lines,
    ox.RdfFormat.N_QUADS: _lines,
    ox.RdfFormat.JSON_LD: _json,
    ox.RdfFormat.RDF_XML: _xml,
}
