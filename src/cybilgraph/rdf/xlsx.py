"""Write rows of text as a workbook (XLSX, ECMA-376)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import openpyxl
from openpyxl.comments import Comment
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.styles import Font
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.writer.excel import ExcelWriter

from cybilgraph.model.fields import Field, FieldKind
from cybilgraph.rdf.serialisation import to_xml_text
from cybilgraph.readers.workbooks import COLUMNS_SHEET


def workbook(columns: Sequence[Field], choices: Mapping[Field, Sequence[str]], rows: Iterable[Iterable[str]]) -> bytes:
    """Return a workbook with a sheet of these rows and a sheet that explains the columns.

    Columns with ``choices`` offer them for selection.
    """
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "projects"
    sheet.freeze_panes = "B2"
    for number, row in enumerate(columns, start=1):
        cell = sheet.cell(1, number, row.column)
        cell.font = Font(bold=True)
        cell.comment = Comment(row.about, "")
        sheet.column_dimensions[cell.column_letter].width = 40 if row.kind in (FieldKind.PROSE, FieldKind.ITEMS) else 20
        if row in choices:
            choice = DataValidation(
                type="list", formula1=f'"{",".join(choices[row])}"', allow_blank=True, showErrorMessage=False
            )
            choice.add(f"{cell.column_letter}2:{cell.column_letter}10000")
            sheet.add_data_validation(choice)
    for line, texts in enumerate(rows, start=2):
        for number, text in enumerate(texts, start=1):
            if text:
                filled = sheet.cell(line, number)
                filled.value = to_xml_text(text)
                filled.data_type = "s"  # a text that begins with = is not a formula
                filled.number_format = "@"
    about = book.create_sheet(COLUMNS_SHEET)
    for row in columns:
        about.append(
            [row.column, row.about, "several: one per line, or separated by ;" if row.is_multivalued else "one"]
        )
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        _InMemory(book, archive).write_data()
    return output.getvalue()


class _InMemory(ExcelWriter):
    """Writes a workbook without temporary files: no data stay on disk, and a sandboxed process can do it."""

    def write_worksheet(self, ws: Any) -> None:
        ws._drawing = SpreadsheetDrawing()
        part = io.BytesIO()
        sheet: Any = WorksheetWriter(ws, part)
        sheet.write()
        ws._rels = sheet._rels
        archive: zipfile.ZipFile = vars(self)["_archive"]
        archive.writestr(ws.path[1:], part.getvalue())
        self.manifest.append(ws)
