"""Findings that depend on several records do not depend on the batches of these."""

from __future__ import annotations

import io
from datetime import date

import pytest

from cybilgraph.model.findings import Severity
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, RDF, RULES
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.record_findings import BATCH_RECORDS, CrossRecordGroups
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


@pytest.mark.slow
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


def _project(number: int, *more: str) -> list[str]:
    iri = f"<{BASE}id/project/P{number}>"
    return [f"{iri} <{RDF.type}> <{CYB.Project}> .", *(f"{iri} {line} ." for line in more)]


def test_only_related_records_are_yielded_and_together() -> None:
    with CrossRecordGroups("") as across:
        for number in range(1_000):
            across.add(
                _project(number, f'<{DCTERMS.title}> "Title {number}"@en', f'<{CYB.aim}> "Aim"@en'), b"%d" % number
            )
        across.add(_project(1_000, f'<{DCTERMS.title}> "title 7"@en'), b"same")
        across.add(_project(1_001, f"<{DCTERMS.isPartOf}> <{BASE}id/project/P1>"), b"part")
        across.add(_project(1_002, f"<{DCTERMS.isPartOf}> <{BASE}id/project/NONE>"), b"alone")
        [batch] = across.batches()
    assert [payload for _, payload in batch] == [b"1", b"part", b"7", b"same"]
    assert not any(CYB.aim in line for lines, _ in batch for line in lines)


def test_many_records_with_one_code_are_compared_in_parts() -> None:
    """Each is compared with some others, not with all, so that the work is not quadratic."""
    with CrossRecordGroups("") as across:
        for number in range(300):
            project = f"<{BASE}id/project/P{number}>"
            across.add([f'{project} <{DCTERMS.identifier}> "G0001" .'], str(number).encode())
        parts = [[int(number) for _, number in batch] for batch in across.batches()]
    assert {number for part in parts for number in part} == set(range(300))
    assert all(len(part) < 60 and part[:2] == [0, 1] for part in parts)


def test_one_different_record_among_many_with_its_code_is_reported() -> None:
    many = [f"G0001,Training number {number},2018,Belize,," for number in range(120)]
    found = rules(find(*many, "G0001,Cyber strategy,2021,Samoa,,"))
    assert ("code-of-two", len(many) + 2) in found
    assert found.count(("code-of-two", 2)) == 1


def test_each_of_many_projects_with_one_title_is_reported_once() -> None:
    """One finding per pair would be 380."""
    found = rules(find(*(f"G{number:04},Training of judges,2018,Belize,," for number in range(1, 21))))
    assert [line for rule, line in found if rule == "same-title-same-dates"] == list(range(2, 22))


def test_missing_column_is_one_finding_for_the_table() -> None:
    rows = [f"Workshop number {number}," for number in range(BATCH_RECORDS + 10)]
    tables = {"without.csv": "title,rights\n", "with.csv": "title,status\n"}
    for name, header in tables.items():
        report = check_inputs([Input(name, data=(header + "\n".join(rows)).encode())], as_of=date(2026, 11, 25))
        columns = {dict(found.values)["name"]: found for found in report.findings if found.rule == f"{RULES}no-column"}
        missing = [found for found in report.findings if found.rule == f"{RULES}has-status"]
        assert len(missing) == (len(rows) if name == "with.csv" else 0)
        assert ("status" in columns) == (name == "without.csv")
        assert len(columns) == sum(found.rule == f"{RULES}no-column" for found in report.findings)
    assert columns["funders"].severity is Severity.WARNING
    assert columns["outcomes"].severity is Severity.INFO
    assert columns["funders"].line == 1
    for fmt, write in OUTPUTS.items():
        out = io.StringIO()
        write(report, out)
        assert 1 <= out.getvalue().count("No column for funders in this table") <= 2, fmt
