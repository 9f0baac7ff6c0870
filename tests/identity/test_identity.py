"""Records of one project, records that are only similar, and permanent keys."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from cybilgraph.identity import Identities
from cybilgraph.model.record import Source, Text
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
