"""Findings that depend on several records do not depend on the batches of these."""

from __future__ import annotations

from datetime import date

import pytest

from cybilgraph.model.vocabulary import RULES
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.validation.record_findings import BATCH_RECORDS
from tests.support.findings import find, rules

#: Enough rows that the first and the last are in different batches.
BETWEEN = [f"G{number:04},Workshop number {number},2019,Kenya,," for number in range(100, 100 + BATCH_RECORDS + 10)]


def test_records_of_different_batches_are_compared() -> None:
    first = "G0001,Training of judges,2018,Belize,G0009,"
    last = "G0009,Training of police,2018,Samoa,G0001,"
    lines = [("part-of-loop", 2), ("part-of-loop", len(BETWEEN) + 3)]
    assert rules(find(first, *BETWEEN, last)) == lines


def test_two_projects_with_one_code_are_both_reported() -> None:
    found = find("G0001,Training of judges,2018,Belize,,", *BETWEEN, "G0001,Cyber strategy,2021,Samoa,,")
    assert rules(found) == [("code-of-two", 2), ("code-of-two", len(BETWEEN) + 3)]
    assert [finding.message for finding in found] == [
        "Another project has this code: “Cyber strategy”.",
        "Another project has this code: “Training of judges”.",
    ]
    assert {finding.text for finding in found} == {"G0001"}


def test_two_captures_of_a_project_are_not_a_violation() -> None:
    found = find("G0001,Training of judges,2018,Belize,,", "G0001,Judges are trained,2018,Belize,,")
    assert rules(found) == [("second-capture", 3)]


def test_successor_project_starts_later() -> None:
    assert not find("G0001,Training of judges,2018,Belize,,", "G0002,More training,2021,Belize,,G0001")
    found = find("G0001,Training of judges,2021,Belize,,", "G0002,More training,2018,Belize,,G0001")
    assert rules(found) == [("follows-later", 3)]


def test_findings_have_a_stable_order() -> None:
    rows = [f"G{number:04},Workshop {number},2019,Nowhere,," for number in range(1, BATCH_RECORDS * 3)]
    found = find(*rows)
    assert [finding.line for finding in found] == list(range(2, len(rows) + 2))
    assert found == find(*rows)


@pytest.mark.parametrize("link", ["Part of", "Follows"])
def test_self_reference_keeps_the_positions_of_findings(link: str) -> None:
    text = (
        f"Training of judges for Peru\n\nCybil code: G9999\n\nStatus: Finished\n\nTo: Mar 2035\n\n{link}\n\n  • G9999\n"
    )
    inputs = [Input("a.txt", data=text.encode()), Input("b.txt", data=text.replace("Peru", "Chile").encode())]
    report = check_inputs(inputs, as_of=date(2024, 1, 1))
    places = {(each.file, each.rule.removeprefix(RULES), each.line) for each in report.findings}
    loop = "part-of-loop" if link == "Part of" else "follows-loop"
    assert {("a.txt", "has-funder", 1), ("a.txt", "over-end-in-future", 7), ("a.txt", loop, 11)} <= places
    assert ("b.txt", "code-of-two", 3) in places
