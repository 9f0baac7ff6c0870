"""Graphs of rdflib from N-Triples."""

from __future__ import annotations

from typing import Any

import pyoxigraph as ox
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.term import Node


def graph_of(ntriples: str | bytes) -> Graph:
    """Parse our own triples into a graph, keeping literals as written and blank nodes by their labels.

    The parser of rdflib takes quadratic time for a long literal.
    """
    graph = Graph()
    for quad in ox.parse(ntriples, format=ox.RdfFormat.N_TRIPLES, lenient=True):
        if not isinstance(quad.object, ox.Triple):  # rdflib does not support triple terms
            graph.add((_node(quad.subject), _node(quad.predicate), _node(quad.object)))
    return graph


def _node(term: Any) -> Node:
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    datatype = None if term.language or term.datatype.value.endswith("#string") else URIRef(term.datatype.value)
    return Literal(term.value, lang=term.language, datatype=datatype, normalize=False)
