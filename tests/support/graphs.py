"""The values of a property in a graph, and the IRI of the first sample project."""

from __future__ import annotations

import rdflib
from rdflib import URIRef

from cybilgraph.model.vocabulary import BASE

G0020 = f"{BASE}id/project/G0020"


def objects(graph: rdflib.Graph, subject: str, predicate: str) -> set[str]:
    return {str(value) for value in graph.objects(URIRef(subject), URIRef(predicate))}
