"""Similar projects are reported as likely duplicates, and not merged."""

from __future__ import annotations

import pytest

from cybilgraph.identity import Identities
from cybilgraph.model.record import Record
from cybilgraph.readers import Input, read_input
from tests.conftest import SAMPLES
from tests.support.identities import record, rules


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        (
            record("National Strategy for Belize", "G0001"),
            record("National Stratgy for Belize", "G0002"),
            "duplicate-suspected",
        ),
        (
            record("Strategy for Belize, National", "G0001"),
            record("National Strategy for Belize", "G0002"),
            "duplicate-suspected",
        ),
        (
            record("Support to cyber strategy", "G0001", "2018-04", "BZ", "oas"),
            record("Support for the strategy on cyber", "G0002", "2018-04", "BZ", "oas"),
            "overlap-suspected",
        ),
    ],
)
def test_likely_duplicates_are_reported_and_not_merged(one: Record, other: Record, rule: str) -> None:
    assert rules(one, other) == [rule]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (record("CMM Review - Samoa"), record("CMM Review - Tonga")),
        (record("CMM Review - Saint Lucia"), record("CMM Review - Saint Kitts and Nevis")),
        (record("Cyber Training Phase 1"), record("Cyber Training Phase 2")),
        (record("Cyber Training I"), record("Cyber Training II")),
        (record("Strategy for Belize", start="2018"), record("Strategy for Beliz", start="2021")),
        (
            record("A law on cybercrime", "", "2018-04", "BZ", "oas"),
            record("Training of judges", "", "2018-04", "BZ", "oas"),
        ),
    ],
)
def test_similar_titles_of_other_places_or_phases_are_not_duplicates(one: Record, other: Record) -> None:
    assert rules(one, other) == []


def test_shared_title_words_do_not_make_duplicates() -> None:
    siblings = [next(read_input(Input(path.name, path))) for path in sorted((SAMPLES / "labelled").glob("7[34]-*.txt"))]
    assert len(siblings) == 2
    assert rules(*siblings) == []


def test_many_similar_projects_are_reported_once() -> None:
    """All pairs would give 190 findings."""
    letters = "abcdefghjklmnopqrstu"  # "i" is a number
    alike = [record(f"Training of judges and prosecutors on evidence {x}", f"G{x}") for x in letters]
    assert rules(*alike[:4]) == ["duplicate-suspected"] * 3
    with Identities() as identities:
        for each in alike:
            identities.add(each)
        [found] = identities.findings()
    assert found.rule.rpartition("#")[2] == "many-alike"
    assert "18 others" in found.message


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_many_records_take_bounded_time() -> None:
    with Identities() as identities:
        for number in range(20_000):
            identities.add(
                record(f"Cyber project number {number % 500} of some kind", f"G{number:05d}", "2018", "BZ", "oas")
            )
        sum(1 for _ in identities.findings())


@pytest.mark.timeout(180)
def test_very_long_titles_are_compared_quickly() -> None:
    titles = [f"{'cyber ' * 20_000}{number} {word}" for number, word in enumerate(("law", "laws"))]
    assert rules(*(record(title, f"G000{number}") for number, title in enumerate(titles))) == ["duplicate-suspected"]
