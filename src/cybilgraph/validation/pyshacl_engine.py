"""Validates with pySHACL, which is independent of the fast engine, so that the two can be compared."""

from __future__ import annotations

import logging
import re
import warnings
from functools import lru_cache
from threading import Lock

import pyshacl
import rdflib.plugins.sparql
from pyparsing.exceptions import ParseBaseException
from pyshacl.errors import ReportableRuntimeError
from rdflib import RDF, SH, BNode, Graph, Literal
from rdflib.collection import Collection
from rdflib.plugins.sparql.sparql import SPARQLError
from rdflib.term import Node

from cybilgraph.model.findings import ShaclResult
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.rdf.rdflib_graph import graph_of
from cybilgraph.validation.shapes import Shapes, unusable

#: pySHACL patches rdflib while it runs.
_LOCK = Lock()
_NOISY_LOGGERS = ("pyshacl-validate", "rdflib.term")
#: Exceptions of pySHACL, rdflib and ``re`` for invalid shapes.
_ENGINE_ERRORS = (
    *(ReportableRuntimeError, NotImplementedError, RecursionError, ValueError, TypeError, AttributeError, KeyError),
    *(re.error, ParseBaseException, SPARQLError),
)
#: SPARQL forms of SHACL paths (SHACL, section 2.3.1).
_PATH_FORMATS = {
    SH.zeroOrMorePath: "({})*",
    SH.oneOrMorePath: "({})+",
    SH.zeroOrOnePath: "({})?",
    SH.inversePath: "^{}",
}


def validate(ntriples: str, shapes: Shapes) -> list[ShaclResult]:
    """Return the results of these shapes on these triples, in any order. Raises ShapesError.

    Downloads nothing: imports are not followed, and queries read only the data.
    """
    with _LOCK, warnings.catch_warnings(action="ignore"):
        rdflib.plugins.sparql.SPARQL_LOAD_GRAPHS = False  # otherwise FROM <file:…> would be read
        for name in _NOISY_LOGGERS:  # their messages also come as exceptions
            logging.getLogger(name).disabled = True
        try:
            _, report, text = pyshacl.validate(
                graph_of(ntriples), shacl_graph=_graph_of_shapes(shapes.text), inplace=True
            )
        except _ENGINE_ERRORS as error:
            raise unusable(error) from error
    if not isinstance(report, Graph):
        raise unusable(text)
    # Skip results nested under sh:detail, which belong to sub-shapes.
    top = report.objects(next(report.subjects(RDF.type, SH.ValidationReport)), SH.result)
    return [_result(report, node, shapes) for node in top]


_graph_of_shapes = lru_cache(maxsize=4)(graph_of)


def _result(report: Graph, node: Node, shapes: Shapes) -> ShaclResult:
    def term(predicate: Node) -> str:
        value = report.value(node, predicate)
        return "" if value is None else _term(value)

    path = report.value(node, SH.resultPath)
    return ShaclResult(
        focus=term(SH.focusNode),
        rule=shapes.name(term(SH.sourceShape).strip("<>")),
        path="" if path is None else sparql_path(_graph_of_shapes(shapes.text), path),
        value=term(SH.value),
        component=term(SH.sourceConstraintComponent).strip("<>"),
        severity=term(SH.resultSeverity).strip("<>"),
        messages=tuple(sorted(str(message) for message in report.objects(node, SH.resultMessage))),
    )


def _term(node: Node) -> str:
    if isinstance(node, Literal):
        return literal(str(node), node.language or "", str(node.datatype or ""))
    return f"_:{node}" if isinstance(node, BNode) else iri(str(node))


def sparql_path(graph: Graph, path: Node) -> str:
    """Return a SHACL path as a SPARQL property path, in the form that the fast engine writes."""
    if not isinstance(path, BNode):
        return _term(path)
    if graph.value(path, RDF.first) is None:
        for predicate, form in _PATH_FORMATS.items():
            if (inner := graph.value(path, predicate)) is not None:
                return form.format(sparql_path(graph, inner))
    alternatives = graph.value(path, SH.alternativePath)
    parts = [sparql_path(graph, part) for part in Collection(graph, alternatives or path)]
    return f"({('|' if alternatives else '/').join(parts)})"
