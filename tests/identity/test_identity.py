"""Records of one project, records that are only similar, and permanent keys."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from hashlib import sha256
from itertools import permutations

import pytest

from cybilgraph.identity import Identities
from cybilgraph.model.record import (
    Basis,
    Date,
    Named,
    Participation,
    Record,
    Scope,
    Source,
    Text,
)
from cybilgraph.readers import Input, read_input
from tests.conftest import SAMPLES


def record(title: str, code: str = "", start: str = "", country: str = "", actor: str = "") -> Record:
    return Record(
        source=Source(f"{title[:20]}.txt", sha256(title.encode()).hexdigest()),
        title=Text(title),
        code=Text(code) if code else None,
        start=Date(start, Text(start)) if start else None,
        scopes=(Scope(Named("country", country, Text(country)), Basis.STATED),) if country else (),
        participations=(Participation(Named("actor", actor, Text(actor)), "funder", Basis.STATED),) if actor else (),
    )


def test_project_with_ambiguous_title_is_identified_by_its_key() -> None:
    slugged = replace(record("Cyber Fellowship"), slug=Text("cyber-fellowship"))
    alike = [record("Cyber Fellowship", "G0001"), record("Cyber Fellowship", "G0002"), slugged]

    def rows(earlier: list[tuple[str, str]], *records: Record) -> list[tuple[str, str]]:
        with Identities(earlier) as identities:
            for each in records:
                identities.add(each)
            return list(identities.rows())

    known = rows([], *alike)
    assert known == [("G0001", "code:G0001"), ("G0002", "code:G0002"), ("cyber-fellowship", "key:cyber-fellowship")]
    assert rows(known, *alike) == known


def rules(*records: Record) -> list[str]:
    with Identities() as identities:
        for each in records:
            identities.add(each)
        return [finding.rule.rpartition("#")[2] for finding in identities.findings()]


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


def test_second_capture_is_reported_with_reason() -> None:
    one, other = record("A law", "G0001"), record("The law", "G0001")
    with Identities() as identities:
        identities.add(one)
        identities.add(other)
        [finding] = identities.findings()
    assert (finding.rule.rpartition("#")[2], finding.file) == ("second-capture", other.source.name)
    assert "with the same code" in finding.message


def test_capture_is_reported_with_the_one_that_shares_a_name() -> None:
    old, renamed, untold = record("A law", "G0501"), record("A new law", "G0501"), record("A law")
    with Identities() as identities:
        for number, one in enumerate((old, renamed, untold)):
            identities.add(replace(one, source=Source(f"{number}.txt", "0")))
        found = [
            (each.rule.rpartition("#")[2], each.file, dict(each.values)["other"]) for each in identities.findings()
        ]
    assert found == [("second-capture", "1.txt", "0.txt"), ("same-title", "2.txt", "0.txt")]


def test_many_captures_of_one_project_are_reported_once() -> None:
    assert rules(*(replace(record("A law"), summary=(Text(str(number)),)) for number in range(5))) == ["same-title"] * 4
    with Identities() as identities:
        for number in range(30):
            identities.add(replace(record("A law"), source=Source(f"{number:02}.txt", "0")))
        [found] = identities.findings()
    assert (found.rule.rpartition("#")[2], found.file) == ("many-captures", "29.txt")
    assert found.message.startswith("30 records ")


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


def test_iati_identifier_is_key_and_record_merges_with_page_of_same_title() -> None:
    page = record("A law")
    activity = Record(source=Source("x.xml", "0"), title=Text("A law"), iati=Text("XM-1-2"))
    other = Record(source=Source("y.xml", "0"), title=Text("Another"), iati=Text("XM/1/3"))
    assert (activity.key, other.key) == ("xm-1-2", "xm-1-3")
    with Identities() as identities:
        for each in (activity, page, other):
            identities.add(each)
        assert [key for key, _ in identities.projects()] == sorted((page.key, "xm-1-3"))
        assert identities.key_of("xm-1-2") == page.key


@pytest.mark.timeout(60)
def test_many_records_take_bounded_time() -> None:
    with Identities() as identities:
        for number in range(20_000):
            identities.add(
                record(f"Cyber project number {number % 500} of some kind", f"G{number:05d}", "2018", "BZ", "oas")
            )
        sum(1 for _ in identities.findings())


def test_many_records_take_constant_memory() -> None:
    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        with Identities((f"old-{number}", f"code:G{number:06d}") for number in range(count)) as identities:
            for number in range(count):
                title = f"Cyber project of some {number // 2 % 40} kind {number // 2}"
                identities.add(
                    record(title, f"G{number:06d}" if number % 3 else "", f"{1900 + number % 90}", "BZ", "oas")
                )
            assert count / 2 < len(identities) < count
            assert sum(1 for _ in identities.findings()) > count / 5
            assert sum(1 for _ in identities.rows()) > count
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        peak(6_000)  # fills the caches
        few, many = peak(1_000), peak(10_000)
    finally:
        tracemalloc.stop()
    assert many - few < 3_000_000


def test_records_with_same_key_are_one_project() -> None:
    one, other = (Record(source=Source(f"{name}.xml", "0"), iati=Text(name)) for name in ("XM/1/3", "XM-1-3"))
    with Identities() as identities:
        for each in (one, other):
            identities.add(each)
        assert list(identities.projects()) == [("xm-1-3", [(0, "xm-1-3"), (1, "xm-1-3")])]
        assert [finding.file for finding in identities.findings()] == [other.source.name]


def test_codes_separate_projects_in_any_order() -> None:
    """A page between two with different codes, with the slug of one and the title of the other."""
    one = replace(record("A law", "G0001"), slug=Text("a-law"))
    other = replace(record("A team", "G0002"), slug=Text("a-team"))
    between = replace(record("A team"), slug=Text("a-law"))
    for records in permutations((one, other, between)):
        with Identities() as identities:
            for each in records:
                identities.add(each)
            assert {"G0001", "G0002"} <= {key for key, _ in identities.projects()}


@pytest.mark.timeout(60)
def test_very_long_titles_are_compared_quickly() -> None:
    titles = [f"{'cyber ' * 20_000}{number} {word}" for number, word in enumerate(("law", "laws"))]
    assert rules(*(record(title, f"G000{number}") for number, title in enumerate(titles))) == ["duplicate-suspected"]
