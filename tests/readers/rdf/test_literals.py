"""Values of a project in RDF become those of a record, by the kind of their field."""

from __future__ import annotations

import pytest

from cybilgraph.model.record import Contact, Text, WebLink
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
