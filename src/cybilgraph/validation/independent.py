"""SHACL by pySHACL: independent of the fast engine, so that each can be held against the other."""

from __future__ import annotations

from functools import cache

import pyshacl
from rdflib import RDF, SH, Graph
from rdflib.collection import Collection
from rdflib.term import Node

from cybilgraph.validation.results import Result, shapes_text


@cache
def _shapes() -> Graph:
    return Graph().parse(data=shapes_text(), format="turtle")


def validate(ntriples: str) -> list[Result]:
    """The results of our shapes over these triples, in no order. Not for several threads at once."""
    data = Graph().parse(data=ntriples, format="ntriples")
    _, report, _ = pyshacl.validate(data, shacl_graph=_shapes(), inplace=True)
    # Only the report's own results: those nested under sh:detail tell of sub-shapes.
    top = report.objects(next(report.subjects(RDF.type, SH.ValidationReport)), SH.result)
    return [_result(report, node) for node in top]


def _result(report: Graph, node: Node) -> Result:
    def value(predicate: Node) -> str:
        return str(report.value(node, predicate) or "")

    return Result(
        focus=value(SH.focusNode),
        rule=value(SH.sourceShape),
        path=_first(report, report.value(node, SH.resultPath)),
        value=value(SH.value),
        severity=value(SH.resultSeverity).removeprefix(str(SH)).lower(),
        message=value(SH.resultMessage),
    )


def _first(report: Graph, path: Node | None) -> str:
    """The first property of a path."""
    if path is None:
        return ""
    for graph in (report, _shapes()):
        if (alternatives := graph.value(path, SH.alternativePath)) is not None:
            return str(next(iter(Collection(graph, alternatives))))
    return str(path)
