"""Countries, regions and groups that benefit from a project."""

from __future__ import annotations

import pytest

from cybilgraph.model.record import Basis
from tests.support.prose import about, check_roles, places, roles


@pytest.mark.parametrize(
    ("text", "actors", "countries"),
    [
        ("The project supports the Government of Belize.", {"government-of-belize"}, {"BZ"}),
        ("The project supports the Government of Belize in drafting a law.", {"government-of-belize"}, {"BZ"}),
        (
            "It will assist the Ministry of Justice of Samoa in drafting a law.",
            {"ministry-of-justice-samoa"},
            {"WS"},
        ),
        ("It trains the staff of the Ministry of Justice in Sri Lanka.", {"ministry-of-justice-sri-lanka"}, {"LK"}),
        ("The project works with the Ministry of Justice in Sri Lanka.", set(), {"LK"}),
        ("It trains regulators such as the Ministry of Justice of Samoa.", {"ministry-of-justice-samoa"}, {"WS"}),
        (
            "Training was provided to the Ministry of Interior of Senegal and the Senegalese Data Protection Commission.",
            {"ministry-of-interior-senegal", "data-protection-commission-senegal"},
            {"SN"},
        ),
        (
            "The assessment of Senegal was conducted for the Ministry of Interior.",
            {"ministry-of-interior-senegal"},
            {"SN"},
        ),
    ],
)
def test_finds_beneficiaries_and_their_countries(text: str, actors: set[str], countries: set[str]) -> None:
    record = about("A project", text)
    check_roles(record, {(actor, "beneficiary") for actor in actors})
    assert places(record) == countries


@pytest.mark.parametrize("text", ["Spain's INCIBE delivered the training.", "It was delivered by Spain’s INCIBE."])
def test_country_of_implementer_is_not_a_beneficiary(text: str) -> None:
    record = about("A project", text)
    assert roles(record) == {("spanish-national-cybersecurity-institute", "implementer")}
    assert not places(record)


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("A project in Fiji", "Fiji was the first in the Pacific to have a team.", {"FJ"}),
        ("A project in Fiji", "It is open to officials of the Pacific.", {"FJ", "pacific"}),
        ("A project", "It trains officers from West and Central Africa.", {"011", "017"}),
        ("Courses for North, West and Central Africa", "x", {"015", "011", "017"}),
        ("Get Safe Online in the Caribbean", "x", {"029"}),
        ("Korean Courses for Asia", "Officials came from Kenya.", {"142", "KE"}),
        ("A team in Greece", "It was compared with Kenya.", {"GR"}),
        ("A project", "France and Senegal opened a school.", {"SN"}),
    ],
)
def test_finds_regions_and_skips_donors(title: str, text: str, expected: set[str]) -> None:
    assert places(about(title, text)) == expected


@pytest.mark.parametrize(
    ("title", "country"),
    [
        ("Cyber drills for hospitals with Omani funding", "OM"),
        ("Israeli contribution to the INTERPOL cyber academy", "IL"),
        ("Ireland contribution to the INTERPOL cyber academy 2024", "IE"),
        ("Canada cyber capacity building course for the Pacific", "CA"),
        ("France-Brazil Third Country Training: incident response", "BR"),
        ("ITU–Qatar Digital Fellowship Programme 2024", "QA"),
        ("Pacific response team workshops with Ireland and Israel", "IL"),
    ],
)
def test_donors_and_partners_in_a_title_are_only_possible(title: str, country: str) -> None:
    [link] = [link for link in about(title, "Forty officials took part.").scopes if link.concept.key == country]
    assert link.basis is Basis.POSSIBLE


@pytest.mark.parametrize("stated", [("Countries", "Kenya"), ("Regions", "Eastern Africa")])
def test_country_not_among_the_stated_places_is_only_possible(stated: tuple[str, str]) -> None:
    prose = "A response team in Uganda", "Forty officials took part."
    assert {link.concept.key: link.basis for link in about(*prose).scopes}["UG"] is Basis.DERIVED
    bases = {link.concept.key: link.basis for link in about(*prose, *stated).scopes}
    assert bases["UG"] is Basis.POSSIBLE
    assert [*bases.values()].count(Basis.STATED) == 1


@pytest.mark.parametrize(
    ("title", "text", "country"),
    [
        ("Support to Oman's strategy", "x", "OM"),
        ("United States funding for a CERT in Fiji", "x", "FJ"),
        ("Workshop with Fiji and Tonga", "x", "TO"),
        ("US-Ukraine cyber training", "It trains officials in Ukraine.", "UA"),
    ],
)
def test_helped_country_in_a_title_counts(title: str, text: str, country: str) -> None:
    assert country in {link.concept.key for link in about(title, text).scopes if link.basis.counts}


def test_countries_of_authorities_are_used_if_no_place_is_known() -> None:
    assert places(about("A course", "UNODC guided the Ministry of Justice of Fiji through a first inventory.")) == {
        "FJ"
    }
    assert places(about("Korean agency trains police", "It trains officers from Fiji.")) == {"FJ"}


def test_excluded_countries_are_not_places() -> None:
    assert places(about("A course", "China has been excluded.", "It trains officers from Fiji and Peru.")) == {
        "FJ",
        "PE",
    }


def test_counted_groups_and_bodies_in_several_countries() -> None:
    assert places(about("Training", "The project covers the 15 ECOWAS member states and Mauritania.")) == {
        "ecowas",
        "MR",
    }
    text = "GIZ implements it on behalf of the Ministry of Foreign Affairs of Japan in Georgia, Moldova and Ukraine."
    assert places(about("Training", text)) == {"GE", "MD", "UA"}


def test_donor_in_a_list_of_beneficiaries_is_a_beneficiary() -> None:
    assert places(about("Training", "It trained officials of Kenya, Ghana, Japan and Togo.")) == {
        "KE",
        "GH",
        "JP",
        "TG",
    }
    assert places(about("Training", "It trained officials of Kenya, Japan and Sweden.")) == {"KE"}


def test_region_of_trainers_is_not_a_beneficiary() -> None:
    text = "Trainers from UNODC and from police forces of Africa taught it."
    assert not places(about("A course", text))
    assert places(about("Rapid support for Fiji under Team Europe", text)) == {"FJ"}


@pytest.mark.parametrize(
    "title",
    [
        "CSIRT Workshops with UK and Singapore",
        "Women in Cyber Fellowship with the UK and Singapore",
        "Third-Country Training Programme with Singapore",
    ],
)
def test_host_in_the_title_is_not_counted_as_a_country(title: str) -> None:
    [singapore] = [link for link in about(title, "Fellows met.").scopes if link.concept.key == "SG"]
    assert not singapore.basis.counts
