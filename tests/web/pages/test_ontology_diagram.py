"""The ontology diagram shows every class and every property between them, legibly."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from rdflib import OWL, RDF, RDFS, Graph, URIRef

from cybilgraph.model.resources import ONTOLOGY_FILES
from cybilgraph.model.vocabulary import CYB, PREFIXES
from cybilgraph.web.pages.ontology_diagram import Box, Diagram, lay_out
from tests.support.http_client import BROWSER, http
from tests.support.markup import parse_page

ONTOLOGY = Graph().parse(ONTOLOGY_FILES[0])
#: A class with arrows to and from classes that the ontology does not connect like this.
MORE = """
cyb:Budget a owl:Class ; rdfs:isDefinedBy <https://w3id.org/cybilgraph/ontology> .
cyb:budget a owl:ObjectProperty ; schema:domainIncludes cyb:Project, cyb:Outcome ; rdfs:range cyb:Budget .
cyb:payer a owl:ObjectProperty ; schema:domainIncludes cyb:Budget ; rdfs:range cyb:Actor .
cyb:Award a owl:Class ; rdfs:subClassOf cyb:Claim ; rdfs:isDefinedBy <https://w3id.org/cybilgraph/ontology> .
cyb:award a owl:ObjectProperty ; schema:domainIncludes cyb:Project ; rdfs:range cyb:Award .
"""
PREFIX = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())
GRAPHS = [ONTOLOGY, ONTOLOGY + Graph().parse(data=PREFIX + MORE, format="turtle")]
either = pytest.mark.parametrize("graph", GRAPHS, ids=["ontology", "larger"])


def shown(diagram: Diagram) -> Counter[str]:
    return Counter(
        [term.text for arrow in diagram.arrows for line in arrow.lines for term in line]
        + [line.term.text for box in diagram.boxes for line in box.properties]
    )


def names(graph: Graph, kind: URIRef) -> set[str]:
    return {str(term).removeprefix(CYB.iri) for term in graph.subjects(RDF.type, kind)}


@either
def test_diagram_shows_every_class_and_every_property_between_resources(graph: Graph) -> None:
    diagram = lay_out(graph)
    assert {box.term.text for box in diagram.boxes} == names(graph, OWL.Class)
    own = {name for name in shown(diagram) if ":" not in name}
    # those of quotes and from roles to properties are not between classes of ours
    assert own == names(graph, OWL.ObjectProperty) - {"section", "directProperty"}
    assert all(name in diagram.description for name in shown(diagram))


@either
def test_boxes_are_apart_and_within_the_picture(graph: Graph) -> None:
    diagram = lay_out(graph)

    def apart(one: Box, other: Box) -> bool:
        return (
            one.right < other.x
            or other.right < one.x
            or one.top + one.height < other.top
            or other.top + other.height < one.top
        )

    assert all(apart(one, other) for one, other in combinations(diagram.boxes, 2))
    for box in diagram.boxes:
        assert box.x >= 0
        assert box.top >= 0
        assert box.right < diagram.width
        assert box.top + box.height < diagram.height


def test_project_is_in_the_middle() -> None:
    boxes = {box.term.text: box for box in lay_out(ONTOLOGY).boxes}
    assert boxes["Outcome"].right < boxes["Project"].x
    assert boxes["Project"].right < boxes["Participation"].x
    assert boxes["Participation"].right < boxes["Actor"].x


def test_superclass_of_claims_has_an_arrow() -> None:
    claims = set(ONTOLOGY.subjects(RDFS.subClassOf, URIRef(CYB.Claim)))
    assert sum("subclass" in arrow.kind for arrow in lay_out(ONTOLOGY).arrows) == len(claims)


@pytest.mark.slow
def test_page_contains_an_accessible_picture_without_inline_styles(server: str) -> None:
    page = parse_page(http(f"{server}/ontology", Accept=BROWSER).body.decode())
    [picture] = page.all("svg", "picture ontology")
    described = {part.own("id"): part.text for tag in ("title", "desc") for part in picture.all(tag)}
    assert picture.own("role") == "group"
    assert all(described[name] for name in picture.own("aria-labelledby").split())
    assert "Project to Actor: accountable, beneficiary, extending, funder" in described["diagram-text"]
    anchors = {section.own("id") for section in page.all("section", "term")}
    links = picture.all("a")
    assert {link.own("href").removeprefix("#") for link in links} <= anchors
    assert all(link.text for link in links)
    assert not any(part.own("style") for tag in ("svg", "g", "path", "text", "rect", "a") for part in page.all(tag))
