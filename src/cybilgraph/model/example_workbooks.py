"""Writes the workbooks of rule examples from a short notation, which the rule pages show.

The notation is CSV. In the row of column names, ``(hidden)`` before a name hides the column; in another row, before
its first cell, it hides the row. ``(merged)`` merges a cell with the one above. A cell that begins with ``=`` is a
formula without a stored value, and a line ``--- NAME`` begins another sheet, which ``(hidden)`` before its name hides.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from xml.sax.saxutils import escape, quoteattr

_HIDDEN, _MERGED = "(hidden) ", "(merged)"
_NEXT_SHEET = re.compile(r"^--- (.+)\n", re.MULTILINE)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DATE = (1980, 1, 1, 0, 0, 0)


def write_example_workbook(text: str) -> bytes:
    """Return the workbook (XLSX, ECMA-376) that a text in this notation describes, always with the same bytes."""
    first, *others = _NEXT_SHEET.split(text)
    sheets = [("projects", first), *zip(others[::2], others[1::2], strict=True)]
    numbered = list(enumerate(sheets, start=1))
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for number, _ in numbered
    )
    names = "".join(
        f'<sheet name={quoteattr(name.removeprefix(_HIDDEN))} sheetId="{number}" r:id="rId{number}"'
        f"{' state=' + quoteattr('hidden') if name.startswith(_HIDDEN) else ''}/>"
        for number, (name, _) in numbered
    )
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number, _ in numbered
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{_TYPES}.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
    }
    parts |= {f"xl/worksheets/sheet{number}.xml": _sheet(body) for number, (_, body) in numbered}
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), f'<?xml version="1.0" encoding="UTF-8"?>\n{content}')
    return output.getvalue()


def _sheet(text: str) -> str:
    rows, hidden, merged = "", "", ""
    for line, cells in enumerate(csv.reader(text.splitlines()), start=1):
        is_hidden = line > 1 and cells[0].startswith(_HIDDEN)
        filled = ""
        for column, cell in enumerate(cells, start=1):
            name = f"{chr(ord('A') + column - 1)}"
            if line == 1 and cell.startswith(_HIDDEN):
                hidden += f'<col min="{column}" max="{column}" width="9" hidden="1"/>'
            if cell == _MERGED:
                merged += f'<mergeCell ref="{name}{line - 1}:{name}{line}"/>'
            elif cell:
                filled += _cell(f"{name}{line}", cell.removeprefix(_HIDDEN))
        rows += f'<row r="{line}"{" hidden=" + quoteattr("1") if is_hidden else ""}>{filled}</row>'
    columns = f"<cols>{hidden}</cols>" if hidden else ""
    ranges = f"<mergeCells>{merged}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{_MAIN}">{columns}<sheetData>{rows}</sheetData>{ranges}</worksheet>'


def _cell(name: str, text: str) -> str:
    if text.startswith("="):
        return f'<c r="{name}"><f>{escape(text[1:])}</f></c>'
    return f'<c r="{name}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
