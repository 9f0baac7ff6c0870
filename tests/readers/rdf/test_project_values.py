"""Values of a project in RDF become those of a record, by the kind of their field."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.model.record import Basis, Contact, Text, WebLink
from cybilgraph.rdf.description import describe
from tests.support.rdf_files import turtle


@pytest.mark.parametrize(
    ("statement", "value", "printed"),
    [
        ('cyb:start "2018-04"', "2018-04", "2018-04"),
        ('cyb:start "2018-04" ; cyb:startAsPrinted "in April 2018"', "2018-04", "in April 2018"),
        ('cyb:start "Apr 2018"', "2018-04", "Apr 2018"),
        ('cyb:startAsPrinted "soon"', "", "soon"),
    ],
)
def test_dates_keep_their_printed_form(statement: str, value: str, printed: str) -> None:
    start = turtle(f"project:G0001 a cyb:Project ; {statement} .").start
    assert start
    assert (start.value, start.printed.text) == (value, printed)


def test_blank_lines_separate_paragraphs_and_line_ends_do_not() -> None:
    record = turtle("project:G0001 a cyb:Project ; cyb:aim '''One\n  line.\n \n\nAnother.''' .")
    assert record.aim == (Text("One line."), Text("Another."))


def test_contacts_are_nodes_addresses_or_text() -> None:
    record = turtle("""
        project:G0001 a cyb:Project ; cyb:contact <mailto:ann@example.org>, "Ben <ben@example.org>", [
            vcard:fn "Cy" ; vcard:note "Adviser" ; vcard:hasEmail <mailto:cy@example.org> ] .
    """)
    assert set(record.contacts) == {
        Contact("", "ann@example.org"),
        Contact("Ben", "ben@example.org"),
        Contact("Cy", "cy@example.org", "Adviser"),
    }


def test_links_are_addresses_or_nodes_with_a_title() -> None:
    record = turtle("""
        project:G0001 a cyb:Project ; cyb:link <https://example.org/a>, [
            dcterms:title "A page" ; schema:url <https://example.org/b> ] .
    """)
    assert set(record.links) == {
        WebLink("https://example.org/a", "https://example.org/a"),
        WebLink("A page", "https://example.org/b"),
    }


def test_node_without_text_is_reported() -> None:
    record = turtle("project:G0001 a cyb:Project ; cyb:outcome <urn:x> ; cyb:contact <urn:y> .")
    assert not record.outcomes
    assert not record.contacts
    assert {(found.label, found.text) for found in record.findings} == {
        ("cyb:outcome", "urn:x"),
        ("cyb:contact", "urn:y"),
    }


def test_handwritten_direct_links_are_stated() -> None:
    record = turtle("""
        project:G0099 a cyb:Project ; dcterms:title "By hand" ; cyb:funder actor:eu, "Council of Europe", country:AU ;
            cyb:implementer [ skos:prefLabel "UNODC" ], [ foaf:name "A new body" ], <https://example.org/x> ;
            cyb:partner <https://example.org/y>, <https://www.wikidata.org/wiki/Q7809> ;
            cyb:country country:BZ, "Kenya", country:AA ; cyb:region "Caribbean" ; cyb:theme theme:cybercrime ;
            cyb:status "Ongoing" ; cyb:start "2018-04" ; cyb:end "April 2020" ; cyb:duration "24 months" ;
            cyb:outcome "A law.", [ dcterms:description "A team." ; cyb:subheading "Later" ] ;
            cyb:contact "Ann <ann@example.org>", <mailto:ben@example.org> ; cyb:link <https://example.org/page> ;
            dcterms:abstract '''It helps
                them.

                And more.''' ; cyb:follows project:G0001, "An older project" ; dcterms:rights "CC0" .
        <https://example.org/y> rdfs:label "World Bank"@en .
    """)
    assert record.code == Text("G0099")
    assert record.slug == Text("by-hand")
    links = {(link.role, link.actor.key, link.actor.known) for link in record.participations}
    assert links >= {
        ("funder", "eu", True),
        ("funder", "coe", True),
        ("implementer", "unodc", True),
        ("implementer", "a-new-body", False),
        ("implementer", "https-example-org-x", False),
        ("partner", "world-bank", True),
    }
    assert any(role == "funder" and "australia" in key for role, key, _ in links)
    assert all(link.basis is Basis.STATED for link in (*record.participations, *record.scopes, *record.relations))
    assert [(link.concept.kind, link.concept.key, link.concept.known) for link in record.scopes] == [
        ("theme", "cybercrime", True),
        ("country", "AA", False),
        ("country", "BZ", True),
        ("country", "KE", True),
        ("region", "029", True),
    ]
    assert record.status
    assert record.status.key == "ongoing"
    assert [date and date.value for date in (record.start, record.end, record.duration)] == [
        "2018-04",
        "2020-04",
        "P2Y",
    ]
    assert record.outcomes == (Text("A law."), Text("A team.", subheading="Later"))
    assert record.contacts == (Contact("Ann", "ann@example.org"), Contact("", "ben@example.org"))
    assert record.links == (WebLink("https://example.org/page", "https://example.org/page"),)
    assert record.summary == (Text("It helps them."), Text("And more."))
    assert {link.project.key for link in record.relations} == {"G0001", "an-older-project"}
    assert record.rights == Text("CC0")
    assert describe(derive(record))


def test_cycles_terminate() -> None:
    record = turtle("""
        project:a a cyb:Project ; cyb:funder project:a ; cyb:outcome project:a ; cyb:participation project:a ;
            cyb:actor project:a ; cyb:evidence project:a ; cyb:relation project:a ; cyb:project project:a ;
            cyb:scope project:a ; cyb:concept project:a ; cyb:contact project:a ; cyb:link project:a ;
            cyb:dating project:a ; cyb:property cyb:start ; cyb:start "2018" ; dcterms:relation project:a .
    """)
    assert describe(derive(record))


def test_organisations_are_recognised_by_their_iri_in_a_register() -> None:
    record = turtle("""
        project:G0099 a cyb:Project ; dcterms:title "By hand" ;
            cyb:funder <https://ror.org/051777d98>, <http://www.wikidata.org/entity/Q458> .
    """)
    assert {link.actor.key for link in record.participations} == {"undp", "eu"}
