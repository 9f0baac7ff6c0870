"""Detect RDF that would crash the parser or exhaust its memory.

pyoxigraph parses most syntaxes with an explicit stack. Nested triple terms, nested JSON and JSON-LD contexts
with dependent terms, however, overflow the thread's stack, which cannot be caught. Deep RDF/XML and large
numbers of contexts take quadratic time. All of them are counted token by token before parsing, so that
strings, IRIs and comments do not count. In invalid text, the count may be too high but never too low.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pyoxigraph as ox

#: People nest three or four levels; the parser supports a thousand.
MAX_NESTING_DEPTH = 100
#: The maximum number of strings in a JSON-LD context; each term has two.
_MAX_CONTEXT_TERMS = 500
#: The maximum of contexts times their strings, which the parser copies for each context.
_MAX_COPIED_BYTES = 200_000_000
#: The maximum number of values in JSON-LD: the parser uses half a kilobyte for each, and may hold them all.
_MAX_JSON_VALUES = 2_000_000
#: The maximum number of namespaces in scope, and of attributes of an element, in XML.
_MAX_NAMESPACES, _MAX_ATTRIBUTES = 1_000, 5_000

# Each alternative also matches if its closing token is missing. Otherwise an unclosed token would be searched
# again from each of its characters.
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
    """Return the reason why this text must not be parsed, or an empty string."""
    return _CHECKS[syntax](content)


def _too_deep(what: str = "statements") -> str:
    return f"{what} are nested more than {MAX_NESTING_DEPTH} levels deep"


def _lines(content: bytes) -> str:
    """Check N-Triples and N-Quads, in which only triple terms can be nested."""
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
    """Check the depth and the contexts, which must not be nested, large or too numerous."""
    depth = within = strings = contexts = total = values = 0
    named = False  # whether the previous token was "@context"
    for token in _JSON.finditer(content):
        kind = token.lastgroup
        if kind in ("open", "next"):
            values += 1
            if values > _MAX_JSON_VALUES:
                return f"it has more than {_MAX_JSON_VALUES:,} values"
        if kind == "open":
            depth += 1
            if depth > MAX_NESTING_DEPTH:
                return _too_deep("objects")
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
            return "a @context is nested in another"
    return "it has too many contexts" if contexts * total > _MAX_COPIED_BYTES else ""


def _is_context(token: bytes) -> bool:
    """Return whether a token is "@context", in any escaped form (escapes have at most six characters)."""
    if token == b'"@context"':
        return True
    if b"\\" not in token or len(token) > 2 + 6 * len("@context"):
        return False
    try:
        return bool(json.loads(token) == "@context")
    except ValueError:
        return False


def _xml(content: bytes) -> str:
    """Check entities, depth, namespaces and attributes."""
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
                return _too_deep("elements")
    return ""


_CHECKS: dict[ox.RdfFormat, Callable[[bytes], str]] = {
    ox.RdfFormat.TURTLE: _turtle,
    ox.RdfFormat.TRIG: _turtle,
    ox.RdfFormat.N_TRIPLES: _lines,
    ox.RdfFormat.N_QUADS: _lines,
    ox.RdfFormat.JSON_LD: _json,
    ox.RdfFormat.RDF_XML: _xml,
}
