"""Turtle reports are valid SHACL reports with positions."""

from __future__ import annotations

import pyoxigraph as ox
import rdflib

from cybilgraph.model.findings import (
    Report,
)
from cybilgraph.model.vocabulary import CYB, SH
from tests.support.reports import both, hostile, written


def test_turtle_has_positions(report: Report) -> None:
    graph = rdflib.Graph().parse(data=written(report, "turtle"), format="turtle")
    for predicate, places in (
        (CYB.line, [finding.line for finding in report.findings]),
        (CYB.column, [finding.column for finding in report.findings if finding.line]),
    ):
        positions = [int(value) for value in graph.objects(None, rdflib.URIRef(predicate))]
        assert sorted(positions) == sorted(filter(None, places))
        assert positions


def test_turtle_is_a_valid_shacl_report(report: Report) -> None:
    for each in both(report):
        text = written(each, "turtle")
        graph = rdflib.Graph().parse(data=text, format="turtle")
        quads = list(ox.parse(text.encode(), format=ox.RdfFormat.TURTLE))
        assert len(graph) == len(quads)
        named = [triple for triple in graph if isinstance(triple[0], rdflib.URIRef)]
        assert {predicate for _, predicate, value in named if isinstance(value, rdflib.BNode)} <= {rdflib.SH.resultPath}
        [node] = graph.subjects(rdflib.RDF.type, rdflib.SH.ValidationReport)
        assert graph.value(node, rdflib.SH.conforms).toPython() is not bool(each.findings)
        results = list(graph.objects(node, rdflib.SH.result))
        assert len(results) == len(each.findings)
        for result in results:
            for once in (rdflib.SH.focusNode, rdflib.SH.resultSeverity):  # SHACL, section 3.6.2
                assert len(list(graph.objects(result, once))) == 1
            assert graph.value(result, rdflib.SH.resultMessage) is not None


def test_turtle_uses_shacl_severities() -> None:
    text = written(hostile(), "turtle")
    for iri in (SH.Violation, SH.Warning, SH.Info):
        assert f"sh:resultSeverity <{iri}>" in text
