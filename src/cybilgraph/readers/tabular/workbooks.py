"""Read workbooks with one project per row: XLSX (ECMA-376)."""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Record
from cybilgraph.readers.inputs import Input, Stream
from cybilgraph.readers.tabular.delimited import (
    HINT_REDUCE_SIZE,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_ROWS_ABOVE_HEADER,
    TableRow,
    header_fields,
    records_of_rows,
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


def read_xlsx(input_file: Input) -> Iterator[Record]:
    """Yield the records of the first sheet with column names.

    Raises SourceError if the file is not a workbook, is too large when unpacked, or has no such sheet; and
    after the records of the sheet, if another sheet has column names too.
    """
    with input_file.open(MAX_WORKBOOK_BYTES) as file:
        yield from records_of_rows(input_file, _workbook_rows(input_file, file), [])


def _workbook_rows(input_file: Input, file: Stream) -> Iterator[TableRow]:
    import openpyxl  # takes a tenth of a second

    try:
        _check_archive(input_file, file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about drawings and rules, which are not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        yield from _sheet_rows(input_file, book)
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises errors of every kind for damaged workbooks
        raise SourceError(
            f"{input_file.name}: cannot read this workbook; it may be damaged or locked",
            "Open it in a spreadsheet program and save it again as .xlsx, without a password, or as .csv.",
        ) from error


def _check_archive(input_file: Input, file: Stream) -> None:
    """Check the unpacked size (which zipfile enforces), and the number of elements.

    Elements are counted before parsing: a file of a few kilobytes may contain millions.
    """
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAX_UNCOMPRESSED_BYTES:
            raise SourceError(
                f"{input_file.name}: too large, with {unpacked:,} bytes when unpacked", "Split the workbook."
            )
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
                f"{input_file.name}: more than {MAX_ELEMENTS:,} elements, or too many for its {sheets:,} sheets",
                HINT_REDUCE_SIZE,
            )


def _sheet_rows(input_file: Input, book: Any) -> Iterator[TableRow]:
    """Yield the rows of the first sheet with column names, or of the first sheet if none has any.

    Raises SourceError after them if another sheet has column names too.
    """
    columns = [(sheet, _columns(sheet)) for sheet in book.worksheets]
    columns.sort(key=lambda found: not found[1])
    read = 0
    for sheet, _ in columns[:1]:
        sheet.reset_dimensions()  # the declared size may be wrong; each row is read to its end
        for number, row in enumerate(islice(sheet.iter_rows(), MAX_ROWS), start=1):
            read += len(row)
            if read > MAX_CELLS:
                raise SourceError(
                    f"{input_file.name}:{number}: more than {MAX_CELLS:,} cells up to this row", HINT_REDUCE_SIZE
                )
            yield TableRow(number, [_displayed(cell) for cell in row])
    # A single known name may be part of a sheet that explains the columns.
    if tables := [sheet.title for sheet, names in columns[1:] if len(names) > 1]:
        raise SourceError(
            f"{input_file.name}: only one sheet is read, but there are projects in {', '.join(tables)[:200]} too",
            "Put all projects into one sheet, or save each sheet as a file of its own.",
        )


def _columns(sheet: Any) -> set[str]:
    """Return the known column names of a sheet; empty if it has no row with column names."""
    above = 0
    for row in sheet.iter_rows(max_row=MAX_ROWS_ABOVE_HEADER, max_col=MAX_COLUMNS):
        if any(cells := [_displayed(cell) for cell in row]):
            if names := header_fields(cells, is_first=not above):
                return names
            above += 1
    return set()


def _displayed(cell: Any) -> str:
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
