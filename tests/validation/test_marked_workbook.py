"""Mistakes in a workbook are reported with their cell in every format, and marked in the workbook itself."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import openpyxl
import pytest

from cybilgraph import pipeline
from cybilgraph.model.findings import Finding, Report
from cybilgraph.model.rules import translate
from cybilgraph.readers import Input
from cybilgraph.validation.marked_workbook import mark_workbook
from cybilgraph.validation.outputs import OUTPUTS
from tests.support.workbooks import MISTAKES, workbook_with_mistakes


@pytest.fixture(scope="module")
def report() -> Report:
    return pipeline.check_input(Input("mistakes.xlsx", data=workbook_with_mistakes())).report


def written(report: Report, name: str) -> str:
    output = io.StringIO()
    OUTPUTS[name](report, output)
    return output.getvalue()


def found(report: Report, cell: str, rule: str) -> Finding:
    [finding] = [
        finding for finding in report.findings if finding.cell_name == cell and finding.rule.endswith(f"#{rule}")
    ]
    return finding


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_reported_with_its_cell_and_a_clear_sentence(report: Report, mistake: str) -> None:
    cell, rule, words = MISTAKES[mistake]
    finding = found(report, cell, rule)
    assert words in f"{finding.message} {finding.suggestion}"
    for language in ("es", "fr"):
        assert translate(finding, language).message != finding.message


@pytest.mark.parametrize("mistake", [name for name, (cell, *_) in MISTAKES.items() if cell])
def test_every_format_names_the_cell_and_its_column(report: Report, mistake: str) -> None:
    cell, rule, _ = MISTAKES[mistake]
    finding = found(report, cell, rule)
    name = f"{cell} ({finding.label})" if finding.label else cell
    for format_name in ("html", "sarif", "junit", "github"):
        assert name in written(report, format_name), format_name
    lines = written(report, "text").splitlines()
    [at] = [number for number, line in enumerate(lines) if line.startswith(f"{cell:>8}") and f"[{rule}]" in line]
    assert finding.label in lines[at + 1]
    document = json.loads(written(report, "json"))
    assert cell in [each["cell_name"] for each in document["findings"] if each["rule"] == finding.rule]
    rows = list(csv.DictReader(io.StringIO(written(report, "csv"))))
    assert (cell, finding.label) in {(row["cell_name"], row["label"]) for row in rows if row["rule"] == rule}


def test_marked_workbook_has_colours_and_comments_and_keeps_the_rest(report: Report) -> None:
    before = workbook_with_mistakes()
    after = mark_workbook(before, report)
    sheet = openpyxl.load_workbook(io.BytesIO(after))["projects"]
    for cell, rule, words in MISTAKES.values():
        covered = "G5" if cell == "G6" else cell or "A1"  # merged cells have one comment
        assert sheet[covered].comment, cell
        assert words in sheet[covered].comment.text, cell
        assert f"[{rule}]" in sheet[covered].comment.text
    assert [sheet[cell].fill.fgColor.rgb for cell in ("C3", "G5", "C4")] == ["FFFFC7C2", "FFFFE3A3", "FFCFE2FF"]
    assert sheet["C3"].font.bold
    assert "Ask Ana." in sheet["C3"].comment.text
    assert sheet["F6"].value == "=F5"
    assert sheet.row_dimensions[5].hidden
    own = openpyxl.load_workbook(io.BytesIO(before))["projects"]
    values = [[[cell.value for cell in row] for row in each.iter_rows(max_row=6, max_col=10)] for each in (own, sheet)]
    assert values[0] == values[1]
    assert sheet["A6"].fill.fgColor.rgb == own["A6"].fill.fgColor.rgb
    with zipfile.ZipFile(io.BytesIO(before)) as one, zipfile.ZipFile(io.BytesIO(after)) as other:
        assert set(one.namelist()) <= set(other.namelist())
        changed = {name for name in one.namelist() if one.read(name) != other.read(name)}
    assert changed <= {
        *("xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/comments/comment1.xml"),
        "xl/drawings/commentsDrawing1.vml",
    }


def test_sheet_without_comments_gets_some() -> None:
    book = openpyxl.Workbook()
    for row in (["title", "status"], ["A project", "Sleeping"]):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    report = pipeline.check_input(Input("a.xlsx", data=content.getvalue())).report
    report.language = "fr"
    report.findings = [translate(finding, "fr") for finding in report.findings]
    marked = mark_workbook(content.getvalue(), report)
    sheet = openpyxl.load_workbook(io.BytesIO(marked)).active
    assert "infraction : " in sheet["B2"].comment.text or "infraction: " in sheet["B2"].comment.text
    assert mark_workbook(marked, report) != marked  # marking a marked workbook is possible
    again = pipeline.check_input(Input("a.xlsx", data=marked)).report
    assert [finding.rule for finding in again.findings] == [finding.rule for finding in report.findings]


def test_marks_of_an_earlier_check_are_replaced() -> None:
    before = workbook_with_mistakes()
    marked = mark_workbook(before, pipeline.check_input(Input("a.xlsx", data=before)).report)
    book = openpyxl.load_workbook(io.BytesIO(marked))  # like a spreadsheet program, it numbers formats anew
    book["projects"]["C3"].value, book["projects"]["D3"].value = "Ongoing", "Feb 2020"
    corrected = io.BytesIO()
    book.save(corrected)
    report = pipeline.check_input(Input("a.xlsx", data=corrected.getvalue())).report
    again = mark_workbook(corrected.getvalue(), report)
    sheet = openpyxl.load_workbook(io.BytesIO(again))["projects"]
    assert sheet["C3"].comment.text == "Ask Ana."
    assert sheet["D3"].comment is None
    assert [sheet[cell].fill.fill_type for cell in ("C3", "D3")] == [None, None]
    assert sheet["C3"].font.bold
    assert sheet["F4"].comment.text.count("Did you mean Fiji?") == 1
    assert sheet["F4"].fill.fgColor.rgb == "FFFFC7C2"
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        [comments] = [archive.read(name) for name in archive.namelist() if "comments/" in name]
        [shapes] = [archive.read(name) for name in archive.namelist() if name.endswith(".vml")]
    assert comments.count(b"</comment>") == shapes.count(b"ClientData>")


def test_findings_follow_the_comment_of_somebody_else(report: Report) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(mark_workbook(workbook_with_mistakes(), report)))["projects"]
    assert sheet["C3"].comment.text.startswith("Ask Ana.\n\ncybilgraph:\nviolation: This status is not on the list.")


def test_truncated_report_says_so_in_the_first_cell(report: Report) -> None:
    short = pipeline.check_input(Input("mistakes.xlsx", data=workbook_with_mistakes())).report
    short.truncate(2, 10_000, lambda _: 1)
    sheet = openpyxl.load_workbook(io.BytesIO(mark_workbook(workbook_with_mistakes(), short)))["projects"]
    assert "more findings are not listed" in sheet["A1"].comment.text
