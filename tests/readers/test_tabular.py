"""Tables with any separator and workbooks are read within limits, and damaged rows are reported."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.model.record import Text
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import Input, read_input
from tests.support.forms import pages, read, sheet
from tests.support.hostile import cases


def test_reads_other_labels_and_separators(tmp_path: Path) -> None:
    [record] = read(
        tmp_path,
        "a.csv",
        "Project title;Cybil code;Donor;Country;Start date;Objectives\n"
        'A law;G1234;"EU; Norway";BZ;"Apr 2018";"First.\nSecond."\n',
    )
    assert record.code
    assert (record.code.text, record.start and record.start.value) == ("G1234", "2018-04")
    assert {link.actor.key for link in record.participations} == {"eu", "government-of-norway"}
    assert [scope.concept.key for scope in record.scopes] == ["BZ"]
    assert [part.text for part in record.aim] == ["First.", "Second."]


def test_unclosed_quotation_mark_loses_no_other_rows(tmp_path: Path) -> None:
    rows = "".join(f"Project {number},It helps.\n" for number in range(5000))
    records = read(tmp_path, "a.csv", f'title,summary\nFirst,"It never ends.\n{rows}')
    assert len(records) == 5001
    [finding] = records[0].findings
    assert (finding.line, finding.rule.rpartition("#")[2]) == (2, "quotation-marks")
    assert records[-1].title
    assert records[-1].title.text == "Project 4999"


def test_rows_with_too_many_or_too_few_cells(tmp_path: Path) -> None:
    long, short = read(tmp_path, "a.csv", "title,summary\nA,Helps,more,and more\nB\n")
    assert [part.text for part in long.description] == ["More: more", "More: and more"]
    assert long.findings[0].line == 2
    assert short.title
    assert not short.findings


def test_rows_without_code_and_title_are_separate_projects(tmp_path: Path) -> None:
    one, other = read(tmp_path, "a.csv", "title,summary\n,First.\n,Second.\n")
    assert one.key != other.key


@pytest.mark.parametrize("content", ["sep=;\ntitle;code\nA, B;G0001\n", '"sep=|"\r\n\r\ntitle|code\r\nA, B|G0001\r\n'])
def test_separator_declaration_is_not_a_row(content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.csv", content)
    assert (record.title, record.key) == (Text("A, B"), "G0001")


@pytest.mark.parametrize(("word", "ends"), [('word, and "" more ', ""), ('word, and "" more ', "\n"), ("word ", "")])
@pytest.mark.parametrize("quoted", [True, False])
def test_huge_cell_is_reported_once_and_others_are_kept(word: str, ends: str, quoted: bool, tmp_path: Path) -> None:
    if not quoted:
        word, ends = word.translate({ord(char): None for char in '",'}), ""
    mark = '"' if quoted else ""
    cell = f"{mark}{(word * 5 + ends) * 100_000}{mark}"
    rows = f"title,code,summary,status\nFirst,G0001,ok,Finished\nBig,G0002,{cell},Finished\nThird,G0003,ok,Ongoing\n"
    records = read(tmp_path, "page.csv", rows)
    assert [record.code and record.code.text for record in records] == ["G0001", "G0002", "G0003"]
    assert [record.findings and record.findings[0].line for record in records] == [(), 3, ()]
    assert [found.rule.rpartition("#")[2] for found in records[1].findings] == ["long-cell"]
    assert sum(len(part.text) for part in records[1].summary) < 100_000


@pytest.mark.parametrize("as_workbook", [True, False])
def test_rows_above_column_names_are_skipped(as_workbook: bool) -> None:
    above = [["Our project list 2024"], [""], ["", "as of, say, 1 May"]]
    rows = [*above, ["Title", "Funders"], ["A", "Norway"], ["B", "Kenya"]]
    first, second = read_input(sheet(rows, as_workbook))
    assert [(found.rule.rsplit("#", 1)[-1], found.line) for found in first.findings] == [("above-columns", 1)]
    assert [link.actor.key for link in first.participations] == ["government-of-norway"]
    assert second.title == Text("B")
    assert not second.findings


def test_table_without_column_names_is_reported_with_its_first_row() -> None:
    with pytest.raises(SourceError, match=r"a\.csv:1: none of the first 20 rows .*Our list"):
        list(read_input(sheet([["Our list"], *([["x", "y"]] * 100), ["title", "funders"]], as_workbook=False)))


def test_second_table_in_workbook_is_reported_but_notes_are_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, row in (("notes", ["See title"]), ("2024", ["title", "code"]), ("2025", ["Title", "Status"])):
        sheet = book.create_sheet(name)
        sheet.append(row)
        sheet.append(["A law", "G9401" if name == "2024" else "Ongoing"])
    book.save(tmp_path / "a.xlsx")
    report = pipeline.check(tmp_path / "a.xlsx")
    assert report.records == 1
    [unread] = [found for found in report.findings if found.rule.endswith("#unreadable")]
    assert unread.message == "only one sheet is read, but there are projects in 2025 too"
    (tmp_path / "b.xlsx").write_bytes(WRITERS["xlsx"](pages()[:3]))  # its second sheet explains the columns
    assert not pipeline.check(tmp_path / "b.xlsx").unread


def test_dates_displayed_as_months_are_months(tmp_path: Path) -> None:
    import datetime

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    sheet.append(["title", "start", "end", "code"])
    sheet.append(["A law", datetime.date(2018, 4, 1), datetime.date(2020, 3, 31), 12])
    sheet["B2"].number_format = "mmm-yy"
    book.save(tmp_path / "a.xlsx")
    [record] = read_input(Input("a.xlsx", tmp_path / "a.xlsx"))
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2018-04", "2020-03-31")
    assert record.code
    assert record.code.text == "12"


@pytest.mark.timeout(180)
def test_workbook_with_excessive_unpacked_size_is_rejected_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.MAX_UNCOMPRESSED_BYTES", 1_000_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b"0" * 100_000)
    with pytest.raises(SourceError, match="2,000,000 bytes when unpacked"):
        read(tmp_path, "bomb.xlsx", bomb.getvalue())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["unknown-tags", "empty-cells", "many-formats", "one-part-many-sheets"])
def test_small_workbook_with_millions_of_elements_is_rejected_before_parsing(name: str, tmp_path: Path) -> None:
    content = cases()[f"own-{name}.xlsx"]()
    assert len(content) < 200_000
    with pytest.raises(SourceError, match=r"more than 1,000,000 elements") as raised:
        read(tmp_path, "a.xlsx", content)
    assert "split the table" in raised.value.hint


def test_wide_empty_rows_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.MAX_CELLS", 100_000)
    with pytest.raises(SourceError, match=r"a.xlsx:7: more than 100,000 cells"):
        read(tmp_path, "a.xlsx", cases()["own-wide-rows.xlsx"]())


def test_workbook_keeps_distant_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    for row, column, text in [(1, 1, "title"), (2, 1, "A"), (2, 300, "far right"), (5_000, 1, "B")]:
        sheet.cell(row, column, text)
    book.save(tmp_path / "a.xlsx")
    first, second = read_input(Input("a.xlsx", tmp_path / "a.xlsx"))
    assert [line.text for line in first.description] == ["More: far right"]
    [finding] = [finding for finding in first.findings if finding.rule.endswith("long-row")]
    assert (
        finding.message == "The row has 300 cells, but the table has 1 columns. The rest was added to the description."
    )
    assert second.title == Text("B")


def test_workbook_cannot_use_external_entities(tmp_path: Path) -> None:
    whole = WRITERS["xlsx"](pages()[:1])
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell")
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>'
    poisoned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(poisoned, "w") as target:
        for part in archive.namelist():
            target.writestr(part, entity if part == "xl/worksheets/sheet1.xml" else archive.read(part))
    with pytest.raises(SourceError, match="cannot read this workbook"):
        read(tmp_path, "a.xlsx", poisoned.getvalue())


@pytest.mark.timeout(180)
def test_sheet_with_distant_row_is_read_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.MAX_ROWS", 20_000)
    whole = WRITERS["xlsx"](pages()[:1])
    far = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(far, "w") as target:
        for part in archive.namelist():
            content = archive.read(part)
            if part == "xl/worksheets/sheet1.xml":
                cell = b'<row r="900000000"><c r="A900000000" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
                content = content.replace(b"</sheetData>", cell)
            target.writestr(part, content)
    assert len(read(tmp_path, "far.xlsx", far.getvalue())) == 1
