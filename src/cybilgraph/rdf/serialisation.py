"""Parse and serialise RDF with pyoxigraph."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import cache
from typing import IO, Any

import pyoxigraph as ox

from cybilgraph.model.formats import Format
from cybilgraph.model.vocabulary import PREFIXES, own_byte_pattern, own_iri

RDF_FORMATS = {
    "turtle": ox.RdfFormat.TURTLE,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "nquads": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
#: Characters that XML 1.0 does not allow (section 2.2).
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_VERSION = r"(.*) <OWNgraph/[^<>\"\\ ]+> \.\n?"
_PROJECT_KEY = "<OWN(?:id/project|record)/([^/>]+)"


def project_key(line: bytes) -> bytes:
    """Return the key of the project that the subject of a line is, or belongs to; empty for other subjects."""
    found = own_byte_pattern(_PROJECT_KEY).match(line)
    return found[1] if found else b""


def is_in_earlier_graph(line: bytes) -> bool:
    """Return whether a line of our own N-Quads is in the named graph of an earlier capture.

    A triple with such a graph as its object has the same end, but only two terms before it.
    """
    found = own_byte_pattern(_IN_VERSION).fullmatch(line) if _version_start() in line else None
    return found is not None and found[1].count(b" ") > 1


@cache
def _version_start() -> bytes:
    return f"<{own_iri('graph/')}".encode()


def to_xml_text(text: str) -> str:
    """Replace the characters that XML, and therefore a workbook, cannot contain."""
    return _NOT_XML.sub("\ufffd", text)


def parse_nquads(nquads: bytes) -> list[ox.Quad]:
    """Parse our own N-Quads."""
    return list(ox.parse(input=nquads, format=ox.RdfFormat.N_QUADS, lenient=True))


def write_quads(quads: Iterable[ox.Quad], fmt: Format) -> bytes:
    """Serialise quads as one document. For a format without named graphs, all must be in the default graph."""
    return ox.serialize(quads, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES) or b""


def serialise(blocks: Iterable[bytes], fmt: Format, output: IO[bytes]) -> None:
    """Write N-Quads in another format. For one without named graphs, they must be in the default graph.

    The data are streamed, so that memory does not grow.
    """
    if fmt.name in ("nquads", "ntriples"):
        output.writelines(blocks)
        return
    quads = ox.parse(
        io.BufferedReader(_Stream(blocks)), format=ox.RdfFormat.N_QUADS, lenient=True
    )  # our own output is valid
    ox.serialize(quads, output, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES)


def convert_to_nquads(stream: IO[bytes], fmt: Format, output: IO[bytes]) -> None:
    """Stream RDF of any syntax as N-Quads. Raises SyntaxError, OSError, and the errors of ``stream``."""
    quads = ox.parse(stream, format=RDF_FORMATS[fmt.name], lenient=True)  # as stores do
    ox.serialize(quads, output, format=ox.RdfFormat.N_QUADS)


class _Stream(io.RawIOBase):
    """A stream over blocks of bytes."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")  # a view: large blocks are not copied repeatedly

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (block := next(self._blocks, None)) is not None:
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def turtle_to_ntriples(turtle: bytes) -> list[str]:
    """Convert Turtle to sorted lines of N-Triples."""
    triples = ox.parse(input=turtle, format=ox.RdfFormat.TURTLE)
    return sorted(str(quad.triple) + " ." for quad in triples)
