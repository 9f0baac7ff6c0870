"""Named cells become the values of a record, and problems are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.model.record import Record
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.cells import cell_name
from tests.support.forms import read, sheet


def test_unknown_column_is_kept_and_reported(tmp_path: Path) -> None:
    first, second = read(tmp_path, "a.csv", "title,Fundrs,Turnover\nA law,EU,2000000\nA team,,3\n")
    assert [part.text for part in first.description] == ["Fundrs: EU", "Turnover: 2000000"]
    assert [(finding.label, finding.line, finding.column) for finding in first.findings] == [
        ("Fundrs", 1, 2),
        ("Turnover", 1, 3),
    ]
    assert first.findings[0].suggestion == "Did you mean funders?"
    assert not second.findings


@pytest.mark.parametrize("title", ["!!!", "\U0001f600", "((", "- -", ""])
def test_title_without_letters_is_not_a_key(title: str, tmp_path: Path) -> None:
    documents = [{"title": {"text": title, "url": ""}, "summary": text} for text in ("x", "y")]
    records = read(tmp_path, "a.json", json.dumps(documents, indent=1))
    assert len({record.key for record in records}) == 2
    assert all(record.key.startswith("untitled-") for record in records)


def test_long_column_name_is_shortened_in_message(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", json.dumps({"title": "A", "k" * 1_000_000: "v"}))
    [finding] = [finding for finding in record.findings if finding.rule.endswith("unknown-column")]
    assert len(finding.message) < 300
    assert len(record.description[0].text) > 400_000


def test_links_on_one_line_are_split_between_addresses() -> None:
    address = "https://e.org/?a=1;b=2"
    cell = f"{address}; Read <{address}>;More <{address}>;https://f.org/"
    [record] = read_input(Input("a.csv", data=f'code,title,links\nG0001,T,"{cell}"\n'.encode()))
    assert [link.url for link in record.links] == [address, address, address, "https://f.org/"]


def test_semicolons_split_lines_of_a_cell_except_bullets(tmp_path: Path) -> None:
    table = 'title,funders\nA,"Norway; Kenya\n• Smith; Sons & Co."\n'
    [record] = read(tmp_path, "a.csv", table)
    keys = {link.actor.key for link in record.participations}
    assert keys == {"government-of-norway", "government-of-kenya", "smith-sons-co"}
    [plain] = read(tmp_path, "a.json", '{"title": "A", "funders": "Norway; Kenya"}')
    assert {link.actor.key for link in plain.participations} == keys - {"smith-sons-co"}


ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")


@pytest.mark.parametrize("as_workbook", [True, False])
def test_spreadsheet_error_is_not_a_value(as_workbook: bool) -> None:
    columns = ["title", "code", "status", "start", "funders", "outcomes", "remarks"]
    rows = [columns, ["A project", *ERRORS[:6]], [ERRORS[6], "G0001", "", "", "", "", "#1 in the list"]]
    first, second = read_input(sheet(rows, as_workbook))
    findings = [(found.line, found.column, found.text) for found in first.findings if found.rule.endswith("cell-error")]
    assert findings == [(2, column, error) for column, error in enumerate(ERRORS[:6], start=2)]
    assert first == Record(source=first.source, title=first.title, slug=first.slug)
    assert [found.text for found in second.findings] == ["#NUM!"]
    assert second.title is None
    assert [line.text for line in second.description] == ["remarks: #1 in the list"]


@pytest.mark.parametrize(
    ("number", "name"), [(1, "A7"), (26, "Z7"), (27, "AA7"), (52, "AZ7"), (702, "ZZ7"), (703, "AAA7")]
)
def test_cell_is_named_as_in_spreadsheet_programs(number: int, name: str) -> None:
    assert cell_name(7, number) == name


def test_column_without_its_field_is_named_in_hints_and_missing_column_is_one_finding(tmp_path: Path) -> None:
    rows = "".join(f"Training {number} for Fiji,,G{number:04}\n" for number in range(1, 6))
    (tmp_path / "a.csv").write_text(f"Project name,Donor,code\n{rows}", encoding="utf-8")
    findings = list(pipeline.check(tmp_path / "a.csv", excerpts=True).findings)
    funders = [found for found in findings if found.rule.endswith("#has-funder")]
    assert {(found.label, found.cell, found.suggestion) for found in funders} == {
        ("Donor", 2, "Fill in the column “Donor”.")
    }
    assert [found.line for found in funders] == [2, 3, 4, 5, 6]
    status = [found for found in findings if "status" in dict(found.values).get("name", "")]
    assert [(found.rule.rpartition("#")[2], found.line) for found in status] == [("no-column", 1)]


def test_table_without_titles_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,status\nG0001,Ongoing\nG0002,Ongoing\n", encoding="utf-8")
    findings = list(pipeline.check(tmp_path / "a.csv").findings)
    assert not [found for found in findings if found.rule.endswith("#title")]
    [column] = [found for found in findings if found.message == "No column for title in this table."]
    assert column.severity == "violation"


def test_identifiers_of_other_registers_have_their_register(tmp_path: Path) -> None:
    cell = "World Bank: P161086; ITU 9RAS17059; 2019/1 (JICA); 44000-P1; Grants: no 12"
    (tmp_path / "a.csv").write_text(f"title,other_ids\nA law,{cell}\n", encoding="utf-8")
    [record] = read_input(Input("a.csv", tmp_path / "a.csv"))
    assert [(other.notation, other.register) for other in record.other_ids] == [
        *(("P161086", "World Bank"), ("9RAS17059", "ITU"), ("2019/1", "JICA"), ("44000-P1", ""), ("no 12", "Grants"))
    ]
    assert [(found.rule.rpartition("#")[2], found.text) for found in record.findings] == [("no-register", "44000-P1")]
    assert not [found for found in pipeline.check(tmp_path / "a.csv").findings if found.severity == "violation"]
