"""Places that a project is for or in, and lists of places."""

from __future__ import annotations

import pytest

from tests.support.prose import about, places


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("CMM Review - Samoa", "It was compared with work in Tonga.", {"WS"}),
        ("A project", "It supports Kenya and Fiji with experts from Estonia.", {"KE", "FJ"}),
        ("A project", "It helps ASEAN member states.", set()),
        ("A project for ASEAN", "It helps them all.", {"asean"}),
        ("A project", "The UK Home Office ran it in Sierra Leone.", {"SL"}),
        ("A project", "Nigeria's police took part.", {"NG"}),
        ("A project", "Fiji was not part of it.", set()),
        ("A project", "The Netherlands pays, and Kenya's police take part.", {"KE"}),
        ("A project", "UK experts taught officers in Kenya.", {"KE"}),
        ("Support from Estonia to Ukraine", "x", {"UA"}),
        ("A project", "It works in St. Lucia and Sao Tome and Principe.", {"LC", "ST"}),
        ("A project in Niger", "x", {"NE"}),
        ("A project in Guinea-Bissau", "x", {"GW"}),
    ],
)
def test_finds_places(title: str, text: str, expected: set[str]) -> None:
    assert places(about(title, text)) >= expected
    if expected:
        assert {key for key in places(about(title, text)) if len(key) == 2} == {
            key for key in expected if len(key) == 2
        }


@pytest.mark.parametrize(
    ("title", "heading", "text", "expected"),
    [
        ("Courses for the Pacific", "Context", "Experts from Fiji, Samoa and Tonga took part.", {"FJ", "WS", "TO"}),
        ("Courses for the Pacific", "Context", "Members are Australia, Fiji, Samoa and New Zealand.", {"FJ", "WS"}),
        ("Courses for the Pacific", "Context", "Fiji and Samoa had adopted a law in 2015.", set()),
        ("Courses for the Pacific", "Context", "Fiji, Samoa and ITU spoke at the launch.", set()),
        ("Courses for the Pacific", "Context", "It followed attacks on Albania and Costa Rica.", set()),
        ("Courses for the Pacific", "Outcomes", "Fiji and Samoa adopted a law.", {"FJ", "WS"}),
        ("Courses for the Pacific", "Outputs", "Fiji: a policy brief\n\nSamoa: a policy brief", {"FJ", "WS"}),
        ("Courses for the Pacific", "Activities", "• A course in Fiji\n\n• A course in Samoa", {"FJ", "WS"}),
        ("Courses for the Pacific", "Activities", "• A course in Fiji", set()),
        ("Courses for the Pacific", "Activities", "• Regional workshops in Fiji and Samoa", set()),
        ("Courses", "Outputs", "Model laws were adapted for Lesotho, Eswatini and Botswana.", {"LS", "SZ", "BW"}),
        ("Courses", "Outcomes", "Graduates found work in Nigeria.", {"NG"}),
        ("Courses", "Activities", "Training with experts from France, Estonia and Spain", set()),
        ("Courses", "Activities", "Visits to Estonia, Ghana and Malawi", {"GH", "MW"}),
        ("Courses in Kenya", "Activities", "Courses for officials from Ghana and Malawi", {"KE"}),
        ("Courses for the Pacific", "Outcomes", "It strengthens the Fijian and Samoan institutions.", {"FJ", "WS"}),
        (
            "Courses for Africa",
            "Context",
            "The UK's overseas cooperation programme assisted Ghana and Togo.",
            {"GH", "TG"},
        ),
    ],
)
def test_finds_countries_listed_in_any_section(title: str, heading: str, text: str, expected: set[str]) -> None:
    record = about(title, "It helps officials.", heading, text)
    found = {link.concept.key: link.basis for link in record.scopes if link.concept.kind == "country"}
    assert expected <= found.keys()
    assert {key for key, basis in found.items() if basis.counts} <= expected


def test_list_items_are_places() -> None:
    record = about("A project", "In Africa:", "• Kenya (priority)", "• Congo-Brazzaville;", "Estonia advises.")
    assert places(record) == {"KE", "CG", "002"}


def test_pilot_phase_belongs_to_the_project() -> None:
    record = about("A project", "It began with a pilot in Samoa and Tonga, and now reaches Niue.")
    assert places(record) == {"WS", "TO", "NU"}


def test_countries_listed_with_the_title_country_are_beneficiaries() -> None:
    record = about("Course for judges of Chad", "Judges of Chad, Niger and Guinea were trained.")
    assert places(record) == {"TD", "NE", "GN"}
    assert places(about("Course for judges of Chad", "Judges of Chad have visited Rwanda and Benin.")) == {"TD"}


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("The Delegation to Kenya and Uganda praised the schools of Fiji.", {"FJ"}),
        ("It is to share Estonia's expertise with the ministries of Fiji.", {"FJ"}),
        ("Representatives from Fiji, Tonga and Samoa, as well as UNICEF, came together.", {"FJ", "TO", "WS"}),
        ("Representatives from Fiji came.", set()),
    ],
)
def test_participants_countries_differ_from_speakers(text: str, countries: set[str]) -> None:
    assert places(about("A project for the region", text)) == countries


def test_unlisted_name_does_not_end_a_list() -> None:
    record = about("Training", "It trained participants from Kenya, Zanzibar, Ghana, I.R. Iran and Togo.")
    assert places(record) == {"KE", "GH", "IR", "TG"}


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("It is implemented by GIZ in Ghana.", {"GH"}),
        ("It is implemented by GIZ and Expertise France in Ghana.", {"GH"}),
        ("It is implemented by GIZ, UNDP and INTERPOL in Ghana.", {"GH"}),
        ("It is implemented by UNODC and INTERPOL in Ghana and Togo.", {"GH", "TG"}),
        ("It is implemented by the British Council and GIZ in Nepal, and trains judges.", {"NP"}),
        ("It is implemented by DCAF and RACVIAC in Albania.", {"AL"}),
        ("It is funded by Estonia and UNDP in Kenya.", {"KE"}),
        ("It is funded by the Ford Foundation in Kenya.", {"KE"}),
        ("It is implemented by UNDP and funded by the Ford Foundation in Tanzania.", {"TZ"}),
        ("Training was given to police in Lagos, Nigeria.", {"NG"}),
        ("It was implemented by UNODC in Vienna, Austria.", set()),
        ("UNDP in Kenya delivered it.", set()),
    ],
)
def test_country_after_implementer_or_funder(text: str, countries: set[str]) -> None:
    assert places(about("A project", text)) == countries
