"""The store on disk, and serialisations: where RDF text meets pyoxigraph."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyoxigraph as ox

from cybilgraph.formats import Format, Kind
from cybilgraph.vocab import PREFIXES

RDF_FORMATS = {
    "turtle": ox.RdfFormat.TURTLE,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "nquads": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
#: Lines that are encoded and written at once.
_CHUNK = 2_000
RESULT_FORMATS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}


def write_store(nquads: Path, folder: Path) -> int:
    """Load an N-Quads file into a new store in this folder; returns the number of quads."""
    store = ox.Store(folder)
    store.bulk_load(path=nquads, format=ox.RdfFormat.N_QUADS)
    store.optimize()
    store.flush()
    return len(store)


def serialise(lines: Iterable[str], fmt: Format, output: IO[bytes]) -> None:
    """Write N-Quads lines in another format. For one without graphs the lines are of the default graph.

    They are written, or parsed, as they come: they are never in memory together.
    """
    if fmt.name in ("nquads", "ntriples"):
        rest = iter(lines)
        while chunk := "\n".join(islice(rest, _CHUNK)):
            output.write(f"{chunk}\n".encode())
        return
    quads = ox.parse(io.BufferedReader(_Bytes(lines)), format=ox.RdfFormat.N_QUADS)
    if fmt.kind is Kind.GRAPH:
        ox.serialize((quad.triple for quad in quads), output, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES)
    else:
        ox.serialize(quads, output, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES)


class _Bytes(io.RawIOBase):
    """Lines as a stream of bytes."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = "".join(f"{line}\n" for line in islice(self._lines, _CHUNK)).encode()
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def ontology_lines(path: Path) -> list[str]:
    """A Turtle file as sorted N-Triples lines."""
    triples = ox.parse(path=path, format=ox.RdfFormat.TURTLE)
    return sorted(str(quad.triple) + " ." for quad in triples)
