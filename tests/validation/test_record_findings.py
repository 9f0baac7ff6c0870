"""Findings that depend on several records do not depend on the batches of these."""

from __future__ import annotations

import io
from datetime import date

import pytest

from cybilgraph.model.findings import Severity
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, RDF, RULES, SKOS
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.record_findings import BATCH_RECORDS, CrossRecordGroups
from tests.support.findings import find, rules

#: Enough rows that the first and the last are in different batches.
BETWEEN = [f"G{number:04},Workshop number {number},2019,Kenya,," for number in range(100, 100 + BATCH_RECORDS + 10)]


@pytest.mark.slow
def test_records_of_different_batches_are_compared() -> None:
    first = "G0001,Training of judges,2018,Belize,G0009,"
    last = "G0009,Training of police,2018,Samoa,G0001,"
    lines = [("part-of-loop", 2), ("part-of-loop", len(BETWEEN) + 3)]
    assert rules(find(first, *BETWEEN, last)) == lines


@pytest.mark.slow
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
    assert rules(found) == [("same-code-in-table", 3)]


def test_successor_project_starts_later() -> None:
    assert not find("G0001,Training of judges,2018,Belize,,", "G0002,More training,2021,Belize,,G0001")
    found = find("G0001,Training of judges,2021,Belize,,", "G0002,More training,2018,Belize,,G0001")
    assert rules(found) == [("follows-later", 3)]


@pytest.mark.slow
@pytest.mark.parametrize("are_together", [True, False])
@pytest.mark.parametrize("names", [("ILA", "IOLA"), ("IOLA", "ILA")])
def test_actor_of_two_qualifiers_is_reported_at_each_line(names: tuple[str, str], are_together: bool) -> None:
    """In every role, order, batch and file."""
    header = "title,start,funders,implementers"
    first = f"Training of judges,2018,European Union,Institute of Law ({names[0]})"
    last = f"Training of police,2018,Institute of Law ({names[1]}),Council of Europe"
    between = (f"Workshop number {number},2019,," for number in range(BATCH_RECORDS))
    tables = [[header, first, *between, last]] if are_together else [[header, first], [header, last]]
    inputs = [Input(f"{at}.csv", data="\n".join(rows).encode()) for at, rows in enumerate(tables)]
    found = [each for each in check_inputs(inputs).findings if each.rule == f"{RULES}actor-of-two-qualifiers"]
    lines = [("0.csv", 2), ("0.csv", BATCH_RECORDS + 3)] if are_together else [("0.csv", 2), ("1.csv", 2)]
    assert [(each.file, each.line) for each in found] == lines
    assert [each.text for each in found] == [f"Institute of Law ({name})" for name in names]


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


@pytest.mark.parametrize(("column", "rule"), [("retrieved", "retrieved-in-future"), ("updated", "updated-in-future")])
def test_date_in_future_is_reported_once(column: str, rule: str) -> None:
    """Not also as the date of the status."""
    table = f"title,status,{column}\nTraining of judges,Ongoing,2026-11-26\nCyber strategy,Ongoing,2026-11-25"
    report = check_inputs([Input("a.csv", data=table.encode())], as_of=date(2026, 11, 25))
    found = [each for each in report.findings if "-in-future" in each.rule]
    assert [(each.rule.removeprefix(RULES), each.line, each.text) for each in found] == [(rule, 2, "2026-11-26")]


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


def test_chain_of_actors_with_two_names_does_not_connect_all_records() -> None:
    with CrossRecordGroups("") as across:
        for number in range(1_200):
            actors = (f"{BASE}id/actor/{each}" for each in (number, number + 1))
            names = [f'<{actor}> <{SKOS.prefLabel}> "{actor} of {number}"@en .' for actor in actors]
            across.add(names, b"%d" % number)
        batches = [[int(payload) for _, payload in batch] for batch in across.batches()]
    assert all(len(batch) <= 500 for batch in batches)
    assert all(any({number, number + 1} <= set(batch) for batch in batches) for number in range(1_199))


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


@pytest.mark.slow
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
