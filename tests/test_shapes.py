"""Every rule has an IRI, a message, a graph that keeps it and one that breaks it; two
independent engines agree on each."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from rdflib import RDF, SH, Graph, URIRef

from cybilgraph.describe import describe_reference
from cybilgraph.reference import reference
from cybilgraph.resources import shape_files
from cybilgraph.validation import ENGINES, validate
from cybilgraph.vocab import PREFIXES, RULES
from tests.conftest import SAMPLES

FOLDER = SAMPLES / "rules"
SHAPES = Graph()
for _path in shape_files():
    SHAPES.parse(_path)


def rules() -> list[str]:
    """The shapes that a report can name: those with a target, and the property shapes of those."""
    found = set()
    for shape in set(SHAPES.subjects(SH.targetClass)):
        own = set(SHAPES.predicates(shape)) - {RDF.type, SH.targetClass, SH.property, SH.message}
        found |= {shape} if own else set()
        found |= set(SHAPES.objects(shape, SH.property))
    return sorted(str(shape).removeprefix(RULES) for shape in found)


def ntriples(store: ox.Store) -> str:
    lines = ox.serialize((quad.triple for quad in store), format=ox.RdfFormat.N_TRIPLES)
    return "\n".join([lines.decode(), *describe_reference(reference())])


def good() -> ox.Store:
    store = ox.Store()
    store.load(path=FOLDER / "good.ttl", format=ox.RdfFormat.TURTLE)
    return store


@pytest.mark.parametrize("engine", ENGINES)
def test_the_good_graph_breaks_no_rule(engine: str) -> None:
    assert validate(ntriples(good()), engine) == []


@pytest.mark.parametrize("rule", rules())
def test_a_rule_is_broken_by_its_bad_graph(rule: str) -> None:
    store = good()
    store.update((FOLDER / f"{rule}.ru").read_text(encoding="utf-8"), prefixes=PREFIXES)
    fast, independent = (validate(ntriples(store), engine) for engine in ENGINES)
    assert fast == independent
    hits = [result for result in fast if result.rule == f"{RULES}{rule}"]
    assert hits, fast
    assert all(result.message for result in hits)


def test_every_update_is_for_a_rule() -> None:
    assert {path.stem for path in FOLDER.glob("*.ru")} == set(rules())


def test_every_shape_has_an_iri_and_every_rule_a_message() -> None:
    for shape in {*SHAPES.subjects(RDF.type, SH.NodeShape), *SHAPES.subjects(RDF.type, SH.PropertyShape)}:
        assert isinstance(shape, URIRef)
        assert str(shape).startswith(RULES)
    for rule in rules():
        shape = URIRef(f"{RULES}{rule}")
        sparql = SHAPES.value(shape, SH.sparql)
        assert SHAPES.value(sparql or shape, SH.message), rule


def test_the_severity_follows_the_promise() -> None:
    """What must hold is a violation; what is recommended is a warning."""
    for path in shape_files():
        graph = Graph().parse(path)
        for shape in graph.subjects(RDF.type, SH.PropertyShape):
            severity = graph.value(shape, SH.severity)
            if path.stem == "recommended":
                assert severity == SH.Warning
            elif path.stem == "must-hold":
                assert severity is None
