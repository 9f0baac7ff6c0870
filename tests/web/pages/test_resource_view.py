"""A resource shows its labels, its statements and tables of them."""

from __future__ import annotations

import pytest
import rdflib
from rdflib import RDF, SKOS, Literal, URIRef

from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, OWL, RDFS
from cybilgraph.web.pages.resource_view import Resource, join_items, rdf_response, shorten_title

NODE = URIRef(f"{BASE}id/project/G0020")


def resource(*statements: tuple[str, rdflib.term.Node]) -> Resource:
    graph = rdflib.Graph()
    for predicate, value in statements:
        graph.add((NODE, URIRef(predicate), value))
    return Resource(graph, NODE)


@pytest.mark.parametrize(
    ("statements", "label"),
    [
        ([(DCTERMS.title, Literal("Projet", "fr")), (DCTERMS.title, Literal("Project", "en"))], "Project"),
        ([(DCTERMS.title, Literal("Projet", "fr"))], "Projet"),
        ([(DCTERMS.title, Literal("Title", "en")), (str(SKOS.prefLabel), Literal("Name", "fr"))], "Name"),
        ([], "project:G0020"),
    ],
)
def test_label_prefers_names_and_english(statements: list[tuple[str, rdflib.term.Node]], label: str) -> None:
    assert resource(*statements).label == label


def test_numbered_values_are_sorted_by_number() -> None:
    outcomes = [URIRef(f"{NODE}/outcome/{number}") for number in (10, 9, 1)]
    view = resource(*((CYB.outcome, outcome) for outcome in outcomes))
    assert view.all(CYB.outcome) == outcomes[::-1]


def test_statements_name_values_and_languages() -> None:
    country = URIRef(f"{BASE}id/country/BZ")
    view = resource((DCTERMS.title, Literal("Projet", "fr")), (CYB.country, country))
    view.graph.add((country, SKOS.prefLabel, Literal("Belize", "en")))
    assert dict(view.statements()) == {
        DCTERMS.title: [("Projet (fr)", "")],
        CYB.country: [("Belize", str(country))],
    }


@pytest.mark.parametrize("name", [DCTERMS.title, str(SKOS.prefLabel)])
def test_statements_leave_out_a_label_that_repeats_the_name(name: str) -> None:
    text = Literal("A name", "en")
    assert dict(resource((name, text), (RDFS.label, text)).statements()) == {name: [("A name (en)", "")]}
    assert dict(resource((RDFS.label, text)).statements()) == {RDFS.label: [("A name (en)", "")]}


def test_facts_leave_out_what_only_software_needs() -> None:
    """Releases of older software also say which organisations are deprecated."""
    facts = [(str(SKOS.altLabel), Literal("EU", "en")), (OWL.sameAs, URIRef("https://www.wikidata.org/entity/Q458"))]
    others = [
        (OWL.deprecated, Literal("true")),
        (RDFS.seeAlso, URIRef("https://example.org/")),
        (str(SKOS.prefLabel), Literal("European Union", "en")),
        (str(RDF.type), URIRef(CYB.Actor)),
    ]
    assert {predicate for predicate, _ in resource(*facts, *others).facts()} == dict(facts).keys()


@pytest.mark.parametrize(
    ("paragraphs", "joined"),
    [
        (["A sentence.", "One", "Two"], [["A sentence."], ["One"], ["Two"]]),
        (["It works:", "In Asia:", "Fiji", "Nepal", "In Europe:", "Malta", "The end."],
         [["It works:"], ["In Asia:", "Fiji", "Nepal"], ["In Europe:", "Malta"], ["The end."]]),
        (["x" * 41, "a", "b", "c"], [["x" * 41], ["a", "b", "c"]]),
    ],
)  # fmt: skip
def test_short_paragraphs_are_joined(paragraphs: list[str], joined: list[list[str]]) -> None:
    assert join_items(paragraphs) == joined


def test_long_title_ends_in_an_ellipsis() -> None:
    assert shorten_title("x" * 200) == "x" * 200
    assert shorten_title("x" * 201) == "x" * 199 + "…"


def test_rdf_response_has_every_statement_in_its_format() -> None:
    line = f'<{NODE}> <{DCTERMS.title}> "A project"@en .'
    reply = rdf_response([line], BY_NAME["turtle"])
    assert reply.content_type == BY_NAME["turtle"].content_type
    graph = rdflib.Graph().parse(data=reply.get_data(), format="turtle")
    assert set(graph) == {(NODE, URIRef(DCTERMS.title), Literal("A project", "en"))}
