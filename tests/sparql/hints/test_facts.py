"""Facts about a store say which terms it has, within a limit of searches."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from cybilgraph.model.vocabulary import RDF, XSD
from cybilgraph.sparql.hints.facts import Facts, iri_term, literal_term

TURTLE = """<urn:a> a <urn:Class> ; <urn:p> "x"@en , 7 , <urn:b> .
<urn:c> <urn:p> "x"@en ."""


def small() -> Facts:
    store = ox.Store()
    store.load(TURTLE.encode(), format=ox.RdfFormat.TURTLE)
    graph = ox.NamedNode("urn:g")
    store.add(ox.Quad(ox.NamedNode("urn:d"), ox.NamedNode("urn:q"), ox.Literal("y"), graph))
    return Facts(store)


def test_terms_are_known_by_their_use() -> None:
    facts = small()
    assert facts.is_property("urn:p")
    assert facts.is_property("urn:q"), "a property of a named graph"
    assert not facts.is_property("urn:a")
    assert facts.is_class("urn:Class")
    assert not facts.is_class("urn:a")
    assert facts.is_resource("urn:b")
    assert not facts.is_resource("urn:p")
    assert facts.is_graph("urn:g")
    assert not facts.is_graph("urn:a")
    assert facts.graphs() == ["urn:g"]


def test_statements_are_found_by_language_and_datatype() -> None:
    facts, verb = small(), iri_term("urn:p")
    assert facts.has(predicate=verb, value=literal_term("x", "en"))
    assert not facts.has(predicate=verb, value=literal_term("x"))
    assert facts.has(iri_term("urn:a"), verb, literal_term("7", datatype=XSD.integer))
    assert not facts.has(iri_term("urn:c"), iri_term(RDF.type))


def test_values_are_distinct() -> None:
    values = small().values("urn:p")
    assert sorted((each.kind, each.value, each.language, each.datatype) for each in values) == [
        ("iri", "urn:b", "", ""),
        ("literal", "7", "", XSD.integer),
        ("literal", "x", "en", ""),
    ]


def test_class_lacks_a_property_only_if_no_instance_has_it() -> None:
    facts = small()
    assert sorted(facts.properties("urn:Class")) == [RDF.type, "urn:p"]
    assert facts.classes("urn:p") == []
    assert not facts.lacks("urn:Class", "urn:p")
    assert facts.lacks("urn:Class", "urn:q"), "another resource has it"


@pytest.mark.slow
def test_unknown_whether_a_large_class_has_a_property() -> None:
    """Reading all instances could take longer than the query."""
    store = ox.Store()
    rows = (f"<urn:a{n}> a <urn:Large> .\n<urn:b{n}> <urn:p> {n} .\n" for n in range(100_001))
    store.bulk_load("".join(rows).encode(), format=ox.RdfFormat.TURTLE)
    facts = Facts(store)
    assert not facts.lacks("urn:Large", "urn:p")
    facts.start_query()
    assert facts.lacks("urn:Large", "urn:q"), "there are no statements to read"


def test_searches_are_limited_per_query() -> None:
    facts = small()
    before = sum(facts.may_search() for _ in range(1_000))
    assert 0 < before < 1_000
    assert not facts.may_search()
    facts.start_query()
    assert facts.may_search()
