"""Records of one project, records that are only similar, and permanent keys."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import permutations

import pytest

from cybilgraph.identity import Identities
from cybilgraph.model.record import Basis, Named, Place, Record, Relation, Source, Text
from tests.support.identities import record, rules


def test_second_capture_is_reported_with_reason() -> None:
    one, other = record("A law", "G0001"), record("The law", "G0001")
    with Identities() as identities:
        identities.add(one)
        identities.add(other)
        [finding] = identities.findings()
    assert (finding.rule.rpartition("#")[2], finding.file) == ("second-capture", other.source.name)
    assert "with the same code" in finding.message


def test_capture_is_reported_with_the_one_that_shares_a_name() -> None:
    old, renamed, codeless = record("A law", "G0501"), record("A new law", "G0501"), record("A law")
    with Identities() as identities:
        for number, one in enumerate((old, renamed, codeless)):
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


@pytest.mark.slow
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


def test_larger_project_without_a_record_is_reported() -> None:
    def part(title: str, parent: str, basis: Basis = Basis.STATED) -> Record:
        named = Named("project", parent, Text(parent, Place(7, 2)))
        return replace(record(title), relations=(Relation("part_of", named, basis),))

    with Identities() as identities:
        for each in (
            record("A programme", "G0001"),
            part("By code", "G0001"),
            part("By title", "a-programme"),
            part("Unknown", "G0009"),
            part("In prose only", "G0008", Basis.DERIVED),
            replace(
                record("A sequel"), relations=(Relation("follows", Named("project", "G7", Text("G7")), Basis.STATED),)
            ),
        ):
            identities.add(each)
        [found] = identities.findings()
    assert (found.rule.rpartition("#")[2], found.text) == ("unknown-parent", "G0009")
    assert (found.line, found.column) == (7, 2)
