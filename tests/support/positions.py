"""Statements of a text with their positions."""

from __future__ import annotations

import pyoxigraph as ox

from cybilgraph.readers.rdf.positions import Spot, parse

BASE = "http://example.org/base/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"


def located(text: str, syntax: ox.RdfFormat) -> list[tuple[ox.Quad, Spot]]:
    return list(parse(text.encode(), syntax, BASE))
