"""Workbooks are read within limits, and what is easily overlooked in them is reported with its cell."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Text
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import Input, read_input
from tests.support.forms import pages, read
from tests.support.hostile import cases


def checked(book: openpyxl.Workbook) -> list[Finding]:
    content = io.BytesIO()
    book.save(content)
    return list(pipeline.check_input(Input("a.xlsx", data=content.getvalue())).report.findings)


def of_rule(findings: list[Finding], rule: str) -> list[Finding]:
    return [found for found in findings if found.rule.endswith(f"#{rule}")]


def book_of(*rows: list[object], name: str = "projects") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    assert book.active
    book.active.title = name
    for row in rows:
        book.active.append(row)
    return book


def test_second_table_is_a_violation_and_notes_are_information() -> None:
    book = openpyxl.Workbook()
    for name, row in (("notes", ["See title"]), ("2024", ["title", "code"]), ("2025", ["Title", "Status"])):
        sheet = book.create_sheet(name)
        sheet.append(row)
        sheet.append(["A law", "G9401" if name == "2024" else "Ongoing"])
    findings = checked(book)
    [table], [notes] = of_rule(findings, "other-table"), of_rule(findings, "other-sheet")
    assert table.message == "The sheet “2025” also contains projects, but only the sheet “2024” was read."
    assert table.severity == "violation"
    assert notes.message == "The sheet “notes” was not read, because it has no column names."


def test_sheet_that_explains_the_columns_of_a_form_is_not_reported() -> None:
    content = WRITERS["xlsx"](pages()[:3])
    report = pipeline.check_input(Input("b.xlsx", data=content)).report
    assert not report.unread
    assert not of_rule(list(report.findings), "other-sheet")


def test_hidden_rows_and_columns_with_content_are_reported_once_with_their_cell() -> None:
    book = book_of(["title", "status", "funders", ""], *([f"Law {number}", "Ongoing", "Norway"] for number in range(8)))
    sheet = book["projects"]
    for number in (3, 6, 7, 8, 40):  # the last row is empty
        sheet.row_dimensions[number].hidden = True
    for letter in ("C", "D", "Z"):  # only the first has a name
        sheet.column_dimensions[letter].hidden = True
    findings = checked(book)
    [rows], [columns] = of_rule(findings, "hidden-rows"), of_rule(findings, "hidden-columns")
    assert (rows.cell_name, rows.message) == ("A3", "Hidden rows were read like the others: 3, 6–8.")
    assert (columns.cell_name, columns.message) == ("C1", "Hidden columns were read like the others: C (funders).")


def test_merged_cells_of_the_table_are_reported_and_those_above_it_are_not() -> None:
    book = book_of(
        ["Our projects", "", ""], ["title", "status", "funders"], ["A", "Ongoing", "Norway"], ["B", "Ongoing"]
    )
    sheet = book["projects"]
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("C3:C4")
    [merged] = of_rule(checked(book), "merged-cells")
    assert (merged.cell_name, merged.label) == ("C3", "funders")
    assert merged.message == "The cells C3:C4 are merged: only C3 has a value, and the others were read as empty."


def test_merged_cells_below_the_last_row_are_not_reported() -> None:
    content, extended = io.BytesIO(), io.BytesIO()
    book_of(["title", "status"], ["A", "Ongoing"]).save(content)
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(extended, "w") as target:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "xl/worksheets/sheet1.xml":
                merged = b'</sheetData><mergeCells><mergeCell ref="A2:B2"/><mergeCell ref="A3:B3"/></mergeCells>'
                data = data.replace(b"</sheetData>", merged)
            target.writestr(name, data)
    findings = pipeline.check_input(Input("a.xlsx", data=extended.getvalue())).report.findings
    assert [found.cell_name for found in of_rule(list(findings), "merged-cells")] == ["A2"]


def test_formulas_without_a_stored_value_are_reported_by_column() -> None:
    rows = [["A", "=B9", "Norway"], ["B", "=B9", "=C2"], ["C", "Ongoing", "Kenya"], ["D", "=B9", "Kenya"]]
    formulas = of_rule(checked(book_of(["title", "status", "funders"], *rows)), "formula-without-value")
    cells = [(found.cell_name, dict(found.values)["cells"]) for found in formulas]
    assert cells == [("B2", "B2:B3"), ("C3", "C3"), ("B5", "B5")]  # in reading order


def test_formula_with_a_stored_value_is_a_value() -> None:
    content = io.BytesIO()
    book_of(["title", "status"], ["A", "=B9"]).save(content)
    valued = io.BytesIO()
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(valued, "w") as target:
        for part in archive.namelist():
            text = archive.read(part)
            if part.endswith("sheet1.xml"):
                assert b'<c r="B2"><f>B9</f><v' in text
                text = text.replace(b'<c r="B2"><f>B9</f><v />', b'<c r="B2" t="str"><f>B9</f><v>Ongoing</v>')
                text = text.replace(b'<c r="B2"><f>B9</f><v/>', b'<c r="B2" t="str"><f>B9</f><v>Ongoing</v>')
                text = text.replace(b'<c r="B2"><f>B9</f><v></v>', b'<c r="B2" t="str"><f>B9</f><v>Ongoing</v>')
                text = text.replace(b"Ongoing</v></v>", b"Ongoing</v>")
            target.writestr(part, text)
    checked_input = pipeline.check_input(Input("a.xlsx", data=valued.getvalue()))
    [record] = checked_input.records
    assert record.status
    assert record.status.key == "ongoing"
    assert not of_rule(list(checked_input.report.findings), "formula-without-value")


def test_extra_spaces_of_short_values_are_reported_with_a_fix() -> None:
    rows = [["A", " Ongoing", "Two  spaces.", "Norway;  Kenya"], ["B", "Ongoing", "None.", "Norway\nKenya"]]
    spaces = of_rule(checked(book_of(["title", "status", "summary", "funders"], *rows)), "stray-spaces")
    assert [found.cell_name for found in spaces] == ["B2", "D2"]
    assert [found.fix and found.fix.new for found in spaces] == ["Ongoing", "Norway; Kenya"]


def test_document_type_of_a_sheet_is_refused() -> None:
    content = io.BytesIO()
    book_of(["title"], ["A"]).save(content)
    bomb = io.BytesIO()
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><worksheet'
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(bomb, "w") as target:
        for part in archive.namelist():
            text = archive.read(part)
            target.writestr(part, text.replace(b"<worksheet", entities) if part.endswith("sheet1.xml") else text)
    with pytest.raises(SourceError, match="cannot read this workbook"):
        list(read_input(Input("a.xlsx", data=bomb.getvalue())))


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
    monkeypatch.setattr("cybilgraph.readers.workbooks.MAX_UNCOMPRESSED_BYTES", 1_000_000)
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
    with pytest.raises(
        SourceError, match=r"more than 1,000,000 elements \(rows, cells, texts\), or too many sheets"
    ) as raised:
        read(tmp_path, "a.xlsx", content)
    assert "split the table" in raised.value.hint


@pytest.mark.slow
def test_wide_empty_rows_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.workbooks.MAX_CELLS", 100_000)
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
    monkeypatch.setattr("cybilgraph.readers.workbooks.MAX_ROWS", 20_000)
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


def test_visible_sheet_is_read_before_a_hidden_one_and_the_advice_says_that_a_sheet_is_hidden() -> None:
    book = book_of(["title", "status"], ["A", "Ongoing"], name="2023")
    for name, row in (("2024", ["title", "status"]), ("lists", ["Ongoing", "Planned"])):
        book.create_sheet(name).append(row)
    book["2024"].append(["B", "Planned"])
    for name in ("2023", "lists"):
        book[name].sheet_state = "hidden"
    findings = checked(book)
    [table], [lists] = of_rule(findings, "other-table"), of_rule(findings, "other-sheet")
    assert table.message == "The sheet “2023” also contains projects, but only the sheet “2024” was read."
    for found in (table, lists):
        assert found.suggestion.startswith("The sheet is hidden. Unhide it and move any projects to the sheet “2024”")


def test_findings_about_a_row_are_in_the_order_of_its_cells() -> None:
    findings = checked(book_of(["title", "status", "countries"], ["  A ", "Sleeping", "Tongo"]))
    cells = [found.cell_name for found in findings if found.line == 2]
    assert cells == sorted(cells)
    assert set(cells) == {"A2", "B2", "C2"}


def test_hidden_sheet_is_read_if_no_visible_one_has_column_names() -> None:
    book = book_of(["How to fill in the form"], name="help")
    for row in (["title", "status"], ["A", "Ongoing"]):
        (book["data"] if "data" in book else book.create_sheet("data")).append(row)
    book["data"].sheet_state = "hidden"
    [found] = of_rule(checked(book), "other-sheet")
    assert found.message == "The sheet “help” was not read, because it has no column names."


def test_cell_that_could_not_be_read_is_not_reported_as_empty_as_well() -> None:
    rows = [["A", "=B9", "#REF!"], ["B", "=B9", "Norway"], ["C", None, "Norway"]]
    findings = checked(book_of(["title", "status", "funders"], *rows))
    assert [dict(found.values)["cells"] for found in of_rule(findings, "formula-without-value")] == ["B2:B3"]
    assert [found.cell_name for found in of_rule(findings, "has-status")] == ["B4"]
    assert of_rule(findings, "cell-error")
    assert not of_rule(findings, "has-funder")


def test_second_column_of_a_field_is_reported_with_both_values_only_if_they_differ() -> None:
    rows = [["A", "Ongoing", "Finished"], ["B", "Ongoing", "Ongoing"]]
    findings = checked(book_of(["title", "status", "Status"], *rows))
    [second] = of_rule(findings, "second-value")
    assert (second.cell_name, second.message) == (
        "C2",
        "“Status” is given a second time, as “Finished”. “Ongoing” was kept.",
    )
    assert not of_rule(findings, "unknown-column")
