"""Reads workbooks, one project a row: XLSX (ECMA-376).

What reads them takes a tenth of a second to load, and so is loaded when there is one.
"""

from __future__ import annotations

import datetime
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml.common import DefusedXmlException
from lxml.etree import LxmlError
from openpyxl.utils.exceptions import InvalidFileException

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Record
from cybilgraph.readers.inputs import Input, Stream
from cybilgraph.readers.tabular.delimited import (
    HINT_REDUCE_SIZE,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_ROWS_ABOVE_HEADER,
    TableRow,
    known_columns,
    names_columns,
    records_of_rows,
)

#: A workbook is an archive: what it unpacks to is what counts.
MAX_WORKBOOK_BYTES, MAX_UNCOMPRESSED_BYTES = 50_000_000, 100_000_000
#: Elements of all its parts: ten thousand projects have as many. Each takes openpyxl microseconds and hundreds of
#: bytes, and what is no row, cell or text (a format, a rule, a merged range) several times that.
MAX_ELEMENTS, _DEARER = 1_000_000, 4
_CHEAP, _SHEET = re.compile(rb"[<:](?:row|c|v|f|is|si|t|r)[\s/>]"), re.compile(rb"[<:]sheet[\s/>]")
#: openpyxl goes through the beginning of a part once for each sheet that names it.
_MAX_SHEETS = 10
#: Cells up to the last of each row, with those that the file leaves out between them.
MAX_CELLS = 4_000_000
#: openpyxl has no error of its own for a workbook that is damaged: a locked part is a RuntimeError,
#: a day of 1e308 an ArithmeticError, and so on.
_DAMAGED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, InvalidFileException),
    *(ParseError, LxmlError, DefusedXmlException, KeyError, ValueError, OSError, TypeError, AttributeError),
    *(IndexError, EOFError, RuntimeError, ArithmeticError),
)


def read_xlsx(input_file: Input) -> Iterator[Record]:
    """The records of the first sheet of a workbook that has named columns.

    Raises SourceError where the file is no workbook, unpacks to too much, or has no such sheet; and
    behind the records of the first, where it has another.
    """
    with input_file.open(MAX_WORKBOOK_BYTES) as file:
        yield from records_of_rows(input_file, _workbook_rows(input_file, file), [])


def _workbook_rows(input_file: Input, file: Stream) -> Iterator[TableRow]:
    try:
        _check_archive(input_file, file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings and rules that are not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        yield from _sheet_rows(input_file, book)
    except _DAMAGED as error:
        raise SourceError(
            f"{input_file.name}: this is no workbook that can be read, or it is damaged or locked",
            "Open it in a spreadsheet program and save it again as .xlsx, without a password, or as .csv.",
        ) from error


def _check_archive(input_file: Input, file: Stream) -> None:
    """What each part unpacks to is told by the archive's directory, and no more is ever unpacked.
    Elements are counted before a parser sees them: a file of some kilobytes may have millions.
    """
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAX_UNCOMPRESSED_BYTES:
            raise SourceError(f"{input_file.name}: unpacks to {unpacked:,} bytes", "Split the workbook into several.")
        elements = sheets = 0
        for part in archive.infolist():
            with suppress(*_DAMAGED), archive.open(part) as content:  # a picture, say: whoever reads it will tell
                while chunk := content.read(1 << 20).replace(b"\0", b""):  # so that UTF-16 reads like UTF-8
                    found, cheap = chunk.count(b"<") - chunk.count(b"</"), len(_CHEAP.findall(chunk))
                    elements += cheap + _DEARER * max(found - cheap, 0)
                    sheets += len(_SHEET.findall(chunk))
                    if elements * max(1, sheets / _MAX_SHEETS) > MAX_ELEMENTS:
                        raise SourceError(
                            f"{input_file.name}: more than {MAX_ELEMENTS:,} elements, "
                            f"or too many for its {sheets:,} sheets",
                            HINT_REDUCE_SIZE,
                        )


def _sheet_rows(input_file: Input, book: Any) -> Iterator[TableRow]:
    """The rows of the first sheet that has a row with names of columns; of the first of all where none has. Behind
    them, raises SourceError where another sheet is such a table, too.
    """
    columns = [(sheet, _columns(sheet)) for sheet in book.worksheets]
    columns.sort(key=lambda found: not found[1] & {"title", "code"})
    read = 0
    for sheet, _ in columns[:1]:
        sheet.reset_dimensions()  # the file may say less than it has; each row is as wide as it is
        for number, row in enumerate(islice(sheet.iter_rows(), MAX_ROWS), start=1):
            read += len(row)
            if read > MAX_CELLS:
                raise SourceError(
                    f"{input_file.name}:{number}: more than {MAX_CELLS:,} cells to here", HINT_REDUCE_SIZE
                )
            yield TableRow(number, [_shown(cell) for cell in row])
    # One known name alone begins what explains the columns.
    if tables := [sheet.title for sheet, names in columns[1:] if names & {"title", "code"} and len(names) > 1]:
        raise SourceError(
            f"{input_file.name}: of its sheets one is read, and not {', '.join(tables)[:200]}, which has projects too",
            "Put all projects into one sheet, or save each sheet as a file of its own.",
        )


def _columns(sheet: Any) -> set[str]:
    """The known names of columns in the row that has them; none where no row has."""
    above = 0
    for row in sheet.iter_rows(max_row=MAX_ROWS_ABOVE_HEADER, max_col=MAX_COLUMNS):
        if any(cells := [_shown(cell) for cell in row]):
            if names_columns(cells, is_first=not above):
                return known_columns(cells)
            above += 1
    return set()


def _shown(cell: Any) -> str:
    """A cell as a person sees it: a day that is shown as a month is a month."""
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
