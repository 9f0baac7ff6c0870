"""Read workbooks (XLSX, ECMA-376) within limits, and report what is easily overlooked in a spreadsheet program.

Rows are streamed, so that memory does not grow with the sheet.
"""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import IO, Any, NamedTuple

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.cells import cell_name, cell_place, column_letters
from cybilgraph.readers.inputs import Input, Stream
from cybilgraph.readers.tabular import (
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_ROWS_ABOVE_HEADER,
    SIZE_HINT,
    TableRow,
    csv_rows,
    header_fields,
    read_rows,
)

#: The maximum size of a workbook, and of its unpacked content.
MAX_WORKBOOK_BYTES, MAX_UNCOMPRESSED_BYTES = 50_000_000, 100_000_000
#: The maximum number of XML elements, enough for ten thousand projects. openpyxl takes microseconds and
#: hundreds of bytes for each, and several times that for an element other than a row, cell or text (a format, a
#: rule, a merged range).
MAX_ELEMENTS, _OTHER_ELEMENT_COST = 1_000_000, 4
_CHEAP_ELEMENT, _SHEET_ELEMENT = re.compile(rb"[<:](?:row|c|v|f|is|si|t|r)[\s/>]"), re.compile(rb"[<:]sheet[\s/>]")
#: openpyxl reads the start of a part once for each sheet that refers to it.
_MAX_SHEETS = 10
#: The maximum number of cells up to the last of each row, including those that the file omits.
MAX_CELLS = 4_000_000
#: The sheet of our form that explains the columns.
COLUMNS_SHEET = "columns"
#: The maximum length of a list in a message.
_MAX_LIST_CHARACTERS = 200


def read_xlsx(input_file: Input) -> Iterator[Record]:
    """Yield the records of the first sheet with column names.

    Raises SourceError if the file is not a workbook, is too large when unpacked, or has no such sheet.
    """
    findings: list[Finding] = []
    with input_file.open(MAX_WORKBOOK_BYTES) as file:
        yield from read_rows(input_file, _workbook_rows(input_file, file, findings), findings)


def table_rows(input_file: Input) -> Iterator[TableRow]:
    """Yield the rows of any table (XLSX or CSV), the one with the names of its columns first. Raises SourceError."""
    if input_file.suffix == ".xlsx":
        with input_file.open(MAX_WORKBOOK_BYTES) as file:
            yield from _workbook_rows(input_file, file, [])
    else:
        yield from csv_rows(input_file, [])


def read_sheet(input_file: Input, last_row: int) -> tuple[str, list[list[str]]]:
    """Return the part of a workbook that holds its table, and the rows of the table up to ``last_row``.

    Raises SourceError.
    """
    with input_file.open(MAX_WORKBOOK_BYTES) as file:
        [table, *_] = _open_sheets(input_file, file)
        return table.part, [row.cells for row in islice(_sheet_rows(input_file, table.sheet), last_row)]


class _Sheet(NamedTuple):
    """A sheet, the number of the row with its column names (0 if there is none), these names, and its fields."""

    sheet: Any
    header_row: int
    header: list[str]
    fields: set[str]
    is_empty: bool

    @property
    def is_hidden(self) -> bool:
        """Whether spreadsheet programs do not show it."""
        return bool(self.sheet.sheet_state != "visible")

    @property
    def part(self) -> str:
        """The name of its part in the archive."""
        return str(self.sheet._worksheet_path).removeprefix("/")


def _workbook_rows(input_file: Input, file: Stream, findings: list[Finding]) -> Iterator[TableRow]:
    """Yield the rows of the table. Before the first, add the findings about the workbook."""
    try:
        [table, *others] = _open_sheets(input_file, file)
        findings += _other_sheets(input_file, table, others)
        if table.fields:
            findings += _overlooked(input_file, table)
        yield from _sheet_rows(input_file, table.sheet)
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises errors of every kind for damaged workbooks
        raise SourceError(
            f"{input_file.name}: cannot read this workbook; it may be damaged or locked",
            "Open it in a spreadsheet program and save it again as .xlsx, without a password, or as .csv.",
        ) from error


def _open_sheets(input_file: Input, file: Stream) -> list[_Sheet]:
    """Return the sheets of a workbook. The first is the table: the first sheet with column names, a visible one if
    possible, or else the first sheet.
    """
    import openpyxl  # takes a tenth of a second

    _check_archive(input_file, file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about drawings and rules, which are not read
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    sheets = [_describe_sheet(sheet) for sheet in book.worksheets]
    sheets.sort(key=lambda described: (not described.fields, described.fields and described.is_hidden))
    for described in sheets[:1]:
        described.sheet.reset_dimensions()  # the declared size may be wrong; each row is read to its end
    return sheets


def _check_archive(input_file: Input, file: Stream) -> None:
    """Check the unpacked size (which zipfile enforces), and the number of elements.

    Elements are counted before parsing: a file of a few kilobytes may contain millions.
    """
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAX_UNCOMPRESSED_BYTES:
            raise SourceError(f"{input_file.name}: too large: {unpacked:,} bytes when unpacked", "Split the workbook.")
        elements = sheets = 0
        cost = 0.0
        for part in archive.infolist():
            # openpyxl reports unreadable parts if it needs them.
            with suppress(Exception), archive.open(part) as content:
                # Without zero bytes, UTF-16 looks like UTF-8.
                while cost <= MAX_ELEMENTS and (chunk := content.read(1 << 20).replace(b"\0", b"")):
                    found, cheap = chunk.count(b"<") - chunk.count(b"</"), len(_CHEAP_ELEMENT.findall(chunk))
                    elements += cheap + _OTHER_ELEMENT_COST * max(found - cheap, 0)
                    sheets += len(_SHEET_ELEMENT.findall(chunk))
                    cost = elements * max(1, sheets / _MAX_SHEETS)
        if cost > MAX_ELEMENTS:
            raise SourceError(
                f"{input_file.name}: more than {MAX_ELEMENTS:,} elements (rows, cells, texts), or too many sheets",
                SIZE_HINT,
            )


def _describe_sheet(sheet: Any) -> _Sheet:
    above = 0
    for number, row in enumerate(sheet.iter_rows(max_row=MAX_ROWS_ABOVE_HEADER, max_col=MAX_COLUMNS), start=1):
        cells = [displayed(cell) for cell in row]
        if any(cells):
            if fields := header_fields(cells, is_first=not above):
                return _Sheet(sheet, number, cells, fields, is_empty=False)
            above += 1
    return _Sheet(sheet, 0, [], set(), is_empty=not above)


def _sheet_rows(input_file: Input, sheet: Any) -> Iterator[TableRow]:
    read = 0
    for number, row in enumerate(islice(sheet.iter_rows(), MAX_ROWS), start=1):
        read += len(row)
        if read > MAX_CELLS:
            raise SourceError(f"{input_file.name}:{number}: more than {MAX_CELLS:,} cells up to this row", SIZE_HINT)
        yield TableRow(number, [displayed(cell) for cell in row])


def displayed(cell: Any) -> str:
    """Return a cell as displayed: a date displayed as a month is a month."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime.datetime | datetime.date):
        shown = cell.number_format.casefold().replace("\\", "")
        if "d" not in shown and "m" in shown:
            return f"{value:%Y-%m}"
        return f"{value:%Y-%m-%d}" if "d" in shown else f"{value:%Y}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# ---- what is easily overlooked ----------------------------------------------------------------


def _other_sheets(input_file: Input, table: _Sheet, others: Iterable[_Sheet]) -> Iterator[Finding]:
    """Yield a finding for each other sheet: a violation if it also has projects."""
    for other in others:
        values = {"sheet": other.sheet.title, "read": table.sheet.title}
        advice = "hidden-sheet" if other.is_hidden else ""
        # A single known name may be part of a sheet that explains the columns.
        if len(other.fields) > 1:
            yield finding("other-table", input_file.name, values, advice=advice)
        elif not other.is_empty and other.sheet.title != COLUMNS_SHEET:
            yield finding("other-sheet", input_file.name, values, advice=advice)


def _overlooked(input_file: Input, table: _Sheet) -> Iterator[Finding]:
    """Yield the findings about hidden and merged cells of the table, and formulas without a stored value."""
    with table.sheet._get_source() as content:
        found = _Overlooked.of(content)
    names = dict(enumerate(table.header, start=1))

    def at(rule: str, line: int, column: int, values: dict[str, object]) -> Finding:
        label = names.get(column, "")
        return finding(rule, input_file.name, values, label=label, line=line, column=column)

    if rows := [number for number in found.hidden_rows if number > table.header_row]:
        runs = [f"{first}–{last}" if first != last else f"{first}" for first, last in _runs(rows)]
        yield at("hidden-rows", rows[0], 1, {"rows": _listed(runs)})
    if columns := sorted(
        {number for number in names if names[number] and any(number in run for run in found.hidden_columns)}
    ):
        listed = _listed(f"{column_letters(number)} ({names[number]})" for number in columns)
        yield at("hidden-columns", table.header_row, columns[0], {"columns": listed})
    for (top, left), end in found.merged:
        if table.header_row <= top <= found.last_row and left <= len(names):
            first, last = cell_name(top, left), cell_name(*end)
            yield at("merged-cells", top, left, {"cells": f"{first}:{last}", "first": first})
    formulas = sorted((column, line) for line, column in found.formulas if line > table.header_row)
    for column, group in groupby(formulas, key=lambda place: place[0]):
        for top, bottom in _runs(line for _, line in group):
            first, last = cell_name(top, column), cell_name(bottom, column)
            cells = first if first == last else f"{first}:{last}"
            yield at("formula-without-value", top, column, {"cells": cells, "last_line": bottom})


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of each run of consecutive numbers."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield run[0], run[-1]


def _listed(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return text if len(text) <= _MAX_LIST_CHARACTERS else f"{text[: _MAX_LIST_CHARACTERS - 1]}…"


@dataclass(slots=True)
class _Overlooked:
    """What the XML of a sheet says beyond its values: hidden rows with content, hidden columns, merged ranges (first
    and last cell), and formulas without a stored value; and its last row. Cells are pairs of row and column.
    """

    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[range] = field(default_factory=list)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    formulas: list[tuple[int, int]] = field(default_factory=list)
    last_row: int = 0

    @classmethod
    def of(cls, content: IO[bytes]) -> _Overlooked:
        """Read the XML of a sheet row by row. Raises XMLSyntaxError if it is not well-formed."""
        found, number = cls(), 0
        tags = ("{*}row", "{*}col", "{*}mergeCell")
        # The size and the number of elements were checked before.
        for _, element in etree.iterparse(content, tag=tags, resolve_entities=False, no_network=True, huge_tree=True):
            match etree.QName(element).localname:
                case "row":
                    number = int(given) if (given := element.get("r", "")).isdecimal() else number + 1
                    found.last_row = number
                    found._add_row(element, number)
                    element.getparent().remove(element)
                case "col" if _is_hidden(element):
                    found.hidden_columns.append(range(int(element.get("min")), int(element.get("max")) + 1))
                case "mergeCell":
                    first, last = (cell_place(name) for name in element.get("ref", "").partition(":")[::2])
                    if last[1]:
                        found.merged.append((first, last))
        return found

    def _add_row(self, row: Any, number: int) -> None:
        is_hidden, column = _is_hidden(row), 0
        if not is_hidden and next(row.iter("{*}f"), None) is None:  # most rows
            return
        for cell in row.iterchildren("{*}c"):
            column = cell_place(cell.get("r", ""))[1] or column + 1
            if not _has_value(cell):
                self.formulas += [(number, column)] * (cell.find("{*}f") is not None)
            elif is_hidden and self.hidden_rows[-1:] != [number]:
                self.hidden_rows.append(number)


def _has_value(cell: Any) -> bool:
    """Return whether a cell has a value, which may be an empty text if it is that of a formula."""
    values = list(cell.iterchildren("{*}v", "{*}is"))
    return (cell.get("t") == "str" and bool(values)) or any("".join(value.itertext()).strip() for value in values)


def _is_hidden(element: Any) -> bool:
    return element.get("hidden") in ("1", "true")
