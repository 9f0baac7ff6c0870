"""Organisations are proposed by name, country and homepage; what disagrees lowers the score or excludes them."""

from __future__ import annotations

import pytest

from cybilgraph.identity.organisation_matches import (
    OurOrganisation,
    Proposal,
    listed_organisations,
    propose_identifiers,
)
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.identifiers import ActorIdentifier
from cybilgraph.readers.organisation_extracts import RegisteredOrganisation

TRUST = OurOrganisation("bula-trust", "Bula Trust", ("Bula Trust", "BT"), "FJ", "https://www.bula.example.org/")
MINISTRY = OurOrganisation(
    "ministry-fiji",
    "Ministry of Digital Affairs (Fiji)",
    ("Ministry of Digital Affairs (Fiji)", "Ministry of Digital Affairs"),
    "FJ",
    "",
)


def registered(
    *names: str, country: str = "FJ", homepage: str = "https://bula.example.org", text: str = "0abcdef23"
) -> RegisteredOrganisation:
    identifier = ActorIdentifier("ror", text, f"https://ror.org/{text}")
    homepages = {homepage} if homepage else set()
    return RegisteredOrganisation(names[0], [identifier], set(names), {country} if country else set(), homepages)


def propose(*theirs: RegisteredOrganisation, min_score: int = 0, most: int = 3) -> list[Proposal]:
    return propose_identifiers(load_gazetteer(), [TRUST, MINISTRY], theirs, min_score, most)


@pytest.mark.parametrize(
    ("theirs", "evidence"),
    [
        (registered("Bula Trust"), (100, "equal", "agrees", "agrees")),
        (registered("The Bula Trust Ltd"), (100, "equal", "agrees", "agrees")),
        (registered("Bula Trust (Fiji)"), (100, "equal", "agrees", "agrees")),
        (registered("Trust, Bula"), (100, "equal", "agrees", "agrees")),
        (registered("Something", "Bula Trust"), (100, "equal", "agrees", "agrees")),
        (registered("Bula Trusts"), (97, "similar", "agrees", "agrees")),
        (registered("Bula Trust", country=""), (88, "equal", "unknown", "agrees")),
        (registered("Bula Trust", homepage=""), (88, "equal", "agrees", "unknown")),
        (registered("Bula Trust", homepage="https://other.example.org"), (80, "equal", "agrees", "differs")),
        (registered("Bula Trust", country="NZ"), (80, "equal", "differs", "agrees")),
        (registered("Something", "BT"), (76, "abbreviation", "agrees", "agrees")),
        (registered("Something", "BT", homepage=""), (64, "abbreviation", "agrees", "unknown")),
    ],
)
def test_score_and_evidence(theirs: RegisteredOrganisation, evidence: tuple[int, str, str, str]) -> None:
    [one] = propose(theirs)
    assert one.ours is TRUST
    assert one.found == theirs.name
    assert (one.score, one.by_name, one.by_country, one.by_homepage) == evidence


@pytest.mark.parametrize(
    "theirs",
    [
        registered("Bula Bank"),
        registered("Bula Trust", country="NZ", homepage=""),
        registered("Bula Trust", country="NZ", homepage="https://bula.example.com"),
        registered("Ministry of Digital Affairs", country="TO", homepage=""),
        registered("bt"),
    ],
    ids=("other-name", "other-country", "other-country-and-homepage", "ministry-of-another-state", "word"),
)
def test_others_are_not_proposed(theirs: RegisteredOrganisation) -> None:
    assert not propose(theirs)


@pytest.mark.parametrize(
    ("homepage", "outcome"),
    [
        ("http://bula.example.org", "agrees"),
        ("HTTPS://WWW.BULA.EXAMPLE.ORG/en/", "agrees"),
        ("https://www.bula.example.org/en-gb/index.html", "agrees"),
        ("https://www.bula.example.org/index.php?lang=en", "agrees"),
        ("https://www.bula.example.org/units/security", "differs"),
        ("https://bula.example.org.evil.example", "differs"),
        ("not a url", "unknown"),
        ("https://[bula", "unknown"),
    ],
)
def test_homepages_agree_if_both_are_start_pages_of_a_host(homepage: str, outcome: str) -> None:
    assert [one.by_homepage for one in propose(registered("Bula Trust", homepage=homepage))] == [outcome]


def test_best_proposals_come_first_and_are_limited() -> None:
    theirs = [
        registered("Bula Trusts", text="1"),
        registered("Bula Trust", homepage="", text="2"),
        registered("Bula Trust", text="3"),
    ]
    assert [one.identifier.text for one in propose(*theirs)] == ["3", "1", "2"]
    assert [one.identifier.text for one in propose(*theirs, most=1)] == ["3"]
    assert [one.identifier.text for one in propose(*theirs, min_score=97)] == ["3", "1"]


def test_known_and_rejected_identifiers_are_left_out() -> None:
    names = load_gazetteer()
    ours = [one for one in listed_organisations(names) if one.key in ("un", "gfce")]
    un = RegisteredOrganisation("United Nations", [ActorIdentifier("ror", "0abcdef23", "")], {"United Nations"})
    assert not propose_identifiers(names, ours, [un], 0, 3), "it has one in ROR"
    gfce = RegisteredOrganisation(
        "GFCE", [ActorIdentifier("ror", "006kxhp52", "")], {"Global Forum on Cyber Expertise"}
    )
    assert not propose_identifiers(names, ours, [gfce], 0, 3), "another organisation has it"
    gfce.identifiers[:] = [ActorIdentifier("ror", "0abcdef23", "")]
    assert len(propose_identifiers(names, ours, [gfce], 0, 3)) == 1
    assert not propose_identifiers(names, ours, [gfce], 0, 3, {("gfce", "ror", "0abcdef23")})


def test_many_organisations_are_compared_in_linear_time() -> None:
    """Two hundred thousand would take minutes if each were compared with every name of ours."""
    theirs = [registered(f"University Number {n} of Bula", country="", homepage="", text=str(n)) for n in range(5000)]
    assert not propose_identifiers(load_gazetteer(), listed_organisations(load_gazetteer()), theirs, 60, 3)
