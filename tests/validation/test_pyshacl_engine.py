"""pySHACL gets literals as written, and returns only top-level results."""

from __future__ import annotations

import rdflib
from rdflib import SH, BNode, URIRef
from rdflib.collection import Collection

from cybilgraph.validation.pyshacl_engine import graph_of, sparql_path, validate
from cybilgraph.validation.shapes import read_shapes


def test_literals_and_blank_nodes_are_kept_as_written() -> None:
    graph = graph_of('_:label <urn:p> "01"^^<http://www.w3.org/2001/XMLSchema#integer> .\n')
    [(subject, _, value)] = graph
    assert (subject, str(value)) == (BNode("label"), "01")


def test_results_of_sub_shapes_are_not_listed() -> None:
    shapes = read_shapes("""@prefix sh: <http://www.w3.org/ns/shacl#> .
        <urn:s> a sh:NodeShape ; sh:targetSubjectsOf <urn:p> ; sh:node <urn:sub> .
        <urn:sub> a sh:NodeShape ; sh:property [ sh:path <urn:p> ; sh:nodeKind sh:IRI ] .""")
    [result] = validate('<urn:a> <urn:p> "x" .\n', shapes)
    assert (result.focus, result.rule) == ("<urn:a>", "urn:s")
    assert str(SH.NodeConstraintComponent) == result.component


def test_path_is_written_as_in_sparql() -> None:
    graph, inverse, steps = rdflib.Graph(), BNode(), BNode()
    graph.add((inverse, SH.inversePath, URIRef("urn:q")))
    Collection(graph, steps, [URIRef("urn:p"), inverse])
    assert sparql_path(graph, steps) == "(<urn:p>/^<urn:q>)"
