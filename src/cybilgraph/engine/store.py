"""The store on disk, and serialisations: where RDF text meets pyoxigraph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO

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
    """Write N-Quads lines in another format. A format without graphs gets the default graph."""
    if fmt.name == "nquads":
        output.writelines(f"{line}\n".encode() for line in lines)
        return
    quads = ox.parse("\n".join(lines), format=ox.RdfFormat.N_QUADS)
    if fmt.kind is Kind.GRAPH:
        current = (quad.triple for quad in quads if isinstance(quad.graph_name, ox.DefaultGraph))
        ox.serialize(current, output, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES)
    else:
        ox.serialize(quads, output, format=RDF_FORMATS[fmt.name], prefixes=PREFIXES)


def ontology_lines(path: Path) -> list[str]:
    """A Turtle file as sorted N-Triples lines."""
    triples = ox.parse(path=path, format=ox.RdfFormat.TURTLE)
    return sorted(str(quad.triple) + " ." for quad in triples)
