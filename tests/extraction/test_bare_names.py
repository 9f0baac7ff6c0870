"""Bodies of states in prose get the same actors as in fields, and none is guessed."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.model.record import Basis
from cybilgraph.readers import Input, read_input
from tests.support.prose import about, roles


@pytest.mark.parametrize(
    "name",
    [
        "Kosovo's Ministry of Justice",
        "the Kosovar Ministry of Justice",
        "the Ministry of Justice of Kosovo",
        "the Ministry of Justice of the Republic of Kosovo",
        "the Ministry of Justice (Kosovo)",
    ],
)
def test_prose_names_the_actor_of_the_bracketed_name(name: str) -> None:
    for text in (f"The project trains {name}.", f"UNDP trained {name} with money of Spain's Ministry of Justice."):
        assert ("ministry-of-justice-kosovo", "beneficiary") in roles(about("A project", text))


@pytest.mark.parametrize(
    "data",
    [
        "title,countries,beneficiaries\nCourses,Kosovo,Kosovo's Ministry of Justice\n",
        "title,countries,beneficiaries\nCourses,Kosovo,Ministry of Justice\n",
        "title,countries,beneficiaries\nCourses,Kosovo;Spain,Ministry of Justice (Kosovo)\n",
    ],
)
def test_table_names_the_actor_of_the_bracketed_name(data: str) -> None:
    [record] = read_input(Input("projects.csv", data=data.encode()))
    assert roles(derive(record)) == {("ministry-of-justice-kosovo", "beneficiary")}


def test_body_without_state_is_the_listed_one_of_that_name() -> None:
    data = (
        "title,countries,implementers,summary\n"
        "Courses,Kenya;Ghana,National Cyber Security Centre (Netherlands),The National Cyber Security Centre trains.\n"
    )
    [record] = read_input(Input("projects.csv", data=data.encode()))
    assert roles(derive(record)) == {("netherlands-ncsc", "implementer")}


def test_body_without_state_is_that_of_the_only_state() -> None:
    record = about("Courses in Kosovo", "The project trains the Ministry of Justice in Kosovo. It is funded by the EU.")
    [ministry] = [link for link in record.participations if link.role == "beneficiary"]
    assert (ministry.actor.key, ministry.actor.home) == ("ministry-of-justice-kosovo", "XK")


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Courses in Kosovo", "FCDO trains the Ministry of Justice."),
        ("Courses in Kosovo", "The project trains the Ministry of Justice with Spanish experts."),
    ],
)
def test_body_that_benefits_is_of_the_only_country(title: str, text: str) -> None:
    """Even if the donor or the experts are from another state, as in a table."""
    [ministry] = [link for link in about(title, text).participations if link.role == "beneficiary"]
    assert (ministry.actor.key, ministry.actor.home) == ("ministry-of-justice-kosovo", "XK")


@pytest.mark.parametrize(
    ("title", "text", "role"),
    [
        ("Courses in Kosovo and Albania", "The project trains the Ministry of Justice.", "beneficiary"),
        ("Courses in Kosovo", "The Ministry of Justice implements it with Spanish experts.", "implementer"),
    ],
)
def test_no_state_is_guessed_in_doubt(title: str, text: str, role: str) -> None:
    assert ("ministry-of-justice", role) in roles(about(title, text))


def test_stated_body_is_not_found_again_without_its_state() -> None:
    data = (
        "title,countries,funders,partners,summary\n"
        "Courses,Kosovo,Ministry of Justice (Spain),Ministry of Justice (Kosovo),FCDO trains the Ministry of Justice.\n"
    )
    [record] = read_input(Input("projects.csv", data=data.encode()))
    links = [link for link in derive(record).participations if link.actor.key == "ministry-of-justice-kosovo"]
    assert [(link.role, link.basis) for link in links] == [("partner", Basis.STATED)]


def test_later_short_name_is_the_body_named_with_its_state() -> None:
    text = "Spain pays. The project trains Kosovo's Communications Authority. It helped the Communications Authority."
    [ministry] = {link.actor.key for link in about("A project", text).participations if link.role == "beneficiary"}
    assert ministry == "communications-authority-kosovo"


def test_same_body_of_two_states_is_two_actors() -> None:
    text = "The project trains Fiji's Ministry of Health, Samoa's Ministry of Health and the Ministry of Health."
    assert {key for key, _ in roles(about("A project", text))} >= {
        "ministry-of-health-fiji",
        "ministry-of-health-samoa",
    }


def test_abbreviated_state_in_brackets_belongs_to_the_body() -> None:
    record = about("A course", "It trained the Police nationale (RDC) and the Police nationale (RCI).")
    assert {link.actor.key for link in record.participations} == {
        "police-nationale-democratic-republic-of-the-congo",
        "police-nationale-cote-d-ivoire",
    }


def test_listed_body_of_another_state_is_another_actor() -> None:
    assert "uk-nca" not in dict(roles(about("A project", "It trains Jamaica's National Crime Agency.")))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("The project is implemented by the National Police, Niger.", "national-police-niger"),
        ("The training is delivered by the National Police, Niger and the OAS.", "national-police-niger"),
        ("The project trains the National Police, Niger and Mali.", "national-police"),  # two states
    ],
)
def test_state_after_a_comma_belongs_to_the_body(text: str, key: str) -> None:
    found = {link.actor.key for link in about("Courses", text).participations}
    assert found - {"oas"} == {key}
