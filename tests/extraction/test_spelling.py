"""Misspelt and ambiguous names are matched and reported."""

from __future__ import annotations

import pytest

from tests.support.prose import about, places, roles


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("It was delivered by the Counsil of Europe.", "coe"),
        ("It was delivered by Global Partner Digital.", "gpd"),
    ],
)
def test_misspelt_names_are_used_and_reported(text: str, key: str) -> None:
    record = about("A project", text)
    assert (key, "implementer") in roles(record)
    assert any(finding.rule.endswith("near-name") for finding in record.findings)


@pytest.mark.parametrize(
    ("sentence", "printed", "key"),
    [
        ("It trains the judges of Maldova and Ukraine.", "Maldova", "MD"),
        ("It helps the Government of Maldova with a law.", "Maldova", "MD"),
        ("It trains judges in the Domincan Republic.", "Domincan Republic", "DO"),
        ("It trains judges in Antigua and Barbada.", "Antigua and Barbada", "AG"),
        ("It trains judges in Papua New Guniea, which asked for them.", "Papua New Guniea", "PG"),
    ],
)
def test_misspelt_countries_are_used_and_reported_at_their_place(sentence: str, printed: str, key: str) -> None:
    record = about("A project", sentence)
    assert key in {scope.concept.key for scope in record.scopes}
    [found] = record.findings
    assert (found.text, found.line, found.column) == (printed, 5, sentence.index(printed) + 1)


@pytest.mark.parametrize(
    "name",
    ["Nakuru", "Kenyatta University", "North Sudan", "Colombie", "Zambia", "Iceland", "Ginea", "maldova", "Mauritius"],
)
def test_other_words_are_not_taken_for_misspelt_names(name: str) -> None:
    assert not about("A project", f"Courses are held in {name}.").findings


@pytest.mark.parametrize("name", ["Governments of Fiji and Kenya", "Council of Europe's"])
def test_word_endings_are_not_typos(name: str) -> None:
    assert not about("A project", f"It was delivered by the {name} experts.").findings


def test_ambiguous_country_name_is_reported() -> None:
    record = about("A course", "It trains judges in Kenya, Congo and Rwanda.", "Judges of the Congo came.")
    assert places(record) == {"KE", "CG", "RW"}
    [found] = record.findings
    assert found.rule.endswith("#ambiguous-name")
    assert (found.line, found.column) == (5, 28)
    assert "Democratic Republic of the Congo" in found.message
    record = about("A course", "It trains judges in Congo-Brazzaville and the Democratic Republic of Congo.")
    assert places(record) == {"CG", "CD"}
    assert not record.findings


def test_short_name_with_typo() -> None:
    record = about("A course", "It is funded by the World Bnak.")
    assert roles(record) == {("world-bank", "funder")}
    assert [found.rule.rpartition("#")[2] for found in record.findings] == ["near-name"]
