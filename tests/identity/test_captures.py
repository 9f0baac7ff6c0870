"""Records are grouped into projects by their codes, keys and titles."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from cybilgraph.identity import Identities
from cybilgraph.model.record import Record, Source, Text
from tests.support.identities import record


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
