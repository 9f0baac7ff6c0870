"""Lost headings of saved pages are restored."""

from __future__ import annotations

from tests.support.pages import read


def test_restores_headings_that_left_one_blank_line_each() -> None:
    """The side panel above the summary was lost, and "Details" and "Aim" below it."""
    page = read(
        "Drills for the Islands\n\nSuggest a page edit\n\n\nCybil code: G9901\n\nStatus: Ongoing\n\n\n\n\n\n\n"
        "Ana Lopez, Head of Training at the Drill Centre\n\n\n"
        "The project trains response teams.\n\n\n\n"
        "To make the teams quicker.\n\n\n"
        "The islands had no drill before.\n\n\n"
        "  • Forty people trained.\n"
    )
    assert page.title
    assert page.title.text == "Drills for the Islands"
    assert [contact.name for contact in page.contacts] == ["Ana Lopez, Head of Training at the Drill Centre"]
    assert [line.text for line in page.summary] == ["The project trains response teams."]
    assert [line.text for line in page.aim] == ["To make the teams quicker."]
    assert [line.text for line in page.context] == ["The islands had no drill before."]
    assert [line.text for line in page.outcomes] == ["Forty people trained."]


def test_restores_headings_of_capture_that_begins_with_summary() -> None:
    page = read(
        "This project goes on with the drills for the islands of the region until next year.\n\n\n\n"
        "To make the teams quicker.\n\n\nThe islands had no drill before.\n"
    )
    assert page.title is None
    assert next(line.text for line in page.summary).startswith("This project goes on")
    assert [line.text for line in page.aim] == ["To make the teams quicker."]
    assert [line.text for line in page.context] == ["The islands had no drill before."]


def test_name_in_capitals_below_other_heading_is_not_a_heading() -> None:
    page = read("A page\n\nImplementors\n\nIMPACT\n\nITU\n\nSummary\n\nIt helps.\n")
    assert {link.actor.key for link in page.participations} == {"impact", "itu"}
    page = read("A page\n\nIMPLEMENTORS\n\nITU\n\nIMPACT\n\nFewer attacks.\n")
    assert {link.actor.key for link in page.participations} == {"itu"}
