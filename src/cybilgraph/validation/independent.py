"""SHACL by pySHACL: independent of the fast engine, so that each can be held against the other."""

from __future__ import annotations

from functools import lru_cache

import pyshacl
from rdflib import RDF, SH, Graph
from rdflib.collection import Collection
from rdflib.term import Node

from cybilgraph.validation.results import Result


@lru_cache(maxsize=4)
def _shapes(turtle: str) -> Graph:
    return Graph().parse(data=turtle, format="turtle")


def validate(ntriples: str, shapes: str) -> list[Result]:
    """The results of these shapes (Turtle) over these triples, in no order. Not for several threads
    at once.
    """
    given = _shapes(shapes)
    data = Graph().parse(data=ntriples, format="ntriples")
    _, report, _ = pyshacl.validate(data, shacl_graph=given, inplace=True)
    # Only the report's own results: those nested under sh:detail tell of sub-shapes.
    top = report.objects(next(report.subjects(RDF.type, SH.ValidationReport)), SH.result)
    return [_result(report, given, node) for node in top]


def _result(report: Graph, shapes: Graph, node: Node) -> Result:
    def value(predicate: Node) -> str:
        found = report.value(node, predicate)
        return "" if found is None else str(found)  # a literal that is 0 or empty is false

    return Result(
        focus=value(SH.focusNode),
        rule=value(SH.sourceShape),
        path=_first(report, shapes, report.value(node, SH.resultPath)),
        value=value(SH.value),
        severity=value(SH.resultSeverity).removeprefix(str(SH)).lower(),
        message=value(SH.resultMessage),
    )


def _first(report: Graph, shapes: Graph, path: Node | None) -> str:
    """The first property of a path."""
    if path is None:
        return ""
    for graph in (report, shapes):
        if (alternatives := graph.value(path, SH.alternativePath)) is not None:
            return str(next(iter(Collection(graph, alternatives))))
    return str(path)
