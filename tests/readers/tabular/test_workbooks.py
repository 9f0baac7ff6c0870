"""Workbooks are read within limits."""

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
from tests.support.forms import pages, read
from tests.support.hostile import cases


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
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_UNCOMPRESSED_BYTES", 1_000_000)
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
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_CELLS", 100_000)
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
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_ROWS", 20_000)
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
