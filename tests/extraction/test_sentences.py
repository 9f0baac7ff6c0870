"""Names in sentences are found and marked."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.readers import Input, read_input
from tests.support.prose import about, page, places, roles


def test_introduced_abbreviations_are_recognised_afterwards() -> None:
    record = about("A project", "It is funded by the Foo Trust (FT).", "FT delivers the courses.")
    assert roles(record) == {("foo-trust", "funder"), ("foo-trust", "implementer")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The project helps the fishers of Lake Chad and the navies of the Gulf of Guinea.", set()),
        ("The course was held in Benin City, in Niger State and in Atlanta, Georgia.", set()),
        ("It trained the police of the State of Georgia.", set()),
        ("Judges were trained in Trinidad, Colorado.", set()),
        ("Experts of New Mexico met those of the Gulf of Oman and of Georgia Tech.", set()),
        ("It was funded by Air Jordan.", {("air-jordan", "funder")}),
        ("Students were the Guinea pigs of the course.", set()),
        ("Estonian companies wrote it.", set()),
        ("It was delivered by Mexico City's UNAM.", {("unam", "implementer")}),
        ("The project supports Ecobank Chad.", set()),
    ],
)
def test_names_that_contain_a_country_are_not_the_country(text: str, expected: set[tuple[str, str]]) -> None:
    record = about("A project", text)
    assert (places(record), roles(record)) == (set(), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It trains judges in England and Wales.", {"GB"}),
        ("It trains judges in Kenya and New South Wales.", {"KE"}),
        ("It trains judges in Peru, and was held in British Columbia and the District of Columbia.", {"PE"}),
        ("It trains judges in Columbia and Peru.", {"CO", "PE"}),
    ],
)
def test_parts_of_countries_belong_to_their_country(text: str, expected: set[str]) -> None:
    record = about("A course", text)
    assert places(record) == expected
    assert [found.rule.rpartition("#")[2] for found in record.findings] == ["near-name"] * ("CO" in expected)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The third Steering Committee meeting of ITU took place in Fiji.", {"itu"}),
        ("It was organised by the e-Governance Academy (eGA) within the EU-funded project.", {"ega", "eu"}),
        ("UNICEF and FIRST, on Tuesday, were there.", {"unicef", "first"}),
        ("It was taught by the United Nations Children's Fund (UNICEF) Fiji and others.", {"unicef"}),
        ("It was run by the Commission for the Coast (UN-COAST) and others.", {"commission-for-the-coast"}),
    ],
)
def test_finds_exactly_these_names(text: str, names: set[str]) -> None:
    [*_, sentence] = split_sentences(page("Courses", text))
    assert {actor.key for name in sentence.names if (actor := name.of("actor"))} == names


def test_region_may_begin_with_lower_case_letter() -> None:
    assert places(about("A course", "It trains administrations of sub-Saharan Africa.")) == {"202"}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_text_without_spaces_takes_linear_time() -> None:
    [record] = read_input(Input("a.txt", data=b"Title\n" + b"U.S.A." * 70_000))
    assert derive(record).key == record.key
