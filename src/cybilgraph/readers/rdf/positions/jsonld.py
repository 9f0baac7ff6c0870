"""Locate the statements of JSON-LD.

The meaning of keys and values depends on contexts, whose rules only the parser knows. Therefore the parser
gets the text with a position marker after each value, and the markers are then removed from its output.
Values that cannot carry a marker (numbers, terms of the context) get the position of their subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import pyoxigraph as ox

from cybilgraph.readers.rdf.positions.spots import NOWHERE, UNKNOWN, Spot

# The string also matches without its end: otherwise it would be searched again from each quotation mark in it.
_TOKEN = re.compile(rb'(?P<string>"(?:[^"\\]++|\\.)*+"?)(?P<key>\s*:)?|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)
#: Keys whose values are JSON-LD keywords.
_KEYWORD_KEYS = {b"@context", b"@language", b"@direction", b"@index", b"@container"}
#: Values that cannot carry a marker: empty ones, keywords and paths to another folder.
_UNMARKABLE = re.compile(rb"@.*|(?:[^\s]*/)?\.{0,2}", re.DOTALL)


def parse(content: bytes, base: str) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements with their positions.

    Raises SyntaxError if the text is not JSON-LD.
    """
    mark = _unused_marker(content)
    try:
        quads = list(ox.parse(_add_markers(content, mark), format=ox.RdfFormat.JSON_LD, base_iri=base))
    except (
        SyntaxError
    ):  # the text is invalid, which parsing it without markers reports; or a marker has made it invalid
        yield from ((quad, NOWHERE) for quad in ox.parse(content, format=ox.RdfFormat.JSON_LD, base_iri=base))
        return
    bare = partial(_strip_marker, re.compile(rf"{mark}([0-9]+)Z"))
    for quad in quads:
        graph, _ = bare(quad.graph_name)
        subject, at = bare(quad.subject)
        value, place = bare(quad.object)
        place = at if place == UNKNOWN else place
        yield ox.Quad(subject, quad.predicate, value, graph), Spot(at, place, place)


def _unused_marker(content: bytes) -> str:
    """Return the start of a marker that does not occur in the text; letters and digits are valid in every term."""
    return next(mark for number in count() if (mark := f"Zplace{number}Z").encode() not in content)


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
    for token in _TOKEN.finditer(content):
        kind = token.lastgroup
        if kind == "key":
            keys[-1] = token["string"][1:-1]
        elif kind == "string":
            yield token, keys
        elif kind == "open":
            keys.append(keys[-1] if token[0] == b"[" else b"")
        elif len(keys) > 1:
            keys.pop()


def _strip_marker(marks: re.Pattern[str], term: Any) -> tuple[Any, int]:
    """Return a term without its marker, and the offset in the marker."""
    text = term.value if isinstance(term, ox.NamedNode | ox.BlankNode | ox.Literal) else ""
    found = marks.search(text)
    at = int(found[1]) if found else UNKNOWN
    if isinstance(term, ox.Literal):
        datatype = marks.sub("", term.datatype.value)
        if not found and datatype == term.datatype.value:
            return term, at
        text = marks.sub("", text)
        if term.language:
            return ox.Literal(text, language=term.language, direction=term.direction), at
        return ox.Literal(text, datatype=ox.NamedNode(datatype)), at
    return (type(term)(marks.sub("", text)), at) if found else (term, at)
