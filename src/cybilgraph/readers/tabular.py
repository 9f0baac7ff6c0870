"""Read tables with one project per row, and CSV (RFC 4180, any common separator).

Rows are streamed, so that memory does not grow with the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, repeat

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding, Fix
from cybilgraph.model.record import Column, Place, Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.cells import SPLIT, Cell, find_field, read_cell, read_cells, unknown_name_finding
from cybilgraph.readers.inputs import Input, Stream
from cybilgraph.readers.text import clean, find_undecodable_line, not_text_error, split_raw_lines

#: The maximum size of a table, enough for a hundred thousand projects.
MAX_TABLE_BYTES = 200_000_000
#: The maximum number of rows in spreadsheet programs.
MAX_ROWS = 1_048_576
#: Characters at which spreadsheet programs recognise a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@")
SEPARATORS = ",;\t|"
#: A first line that some spreadsheet programs write and read, which declares the separator.
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_BLANK = f"{SEPARATORS} \r\n"
MAX_COLUMNS = 100
#: The number of rows that may contain the column names; a title or a remark may come first.
MAX_ROWS_ABOVE_HEADER = 20
#: Error values of spreadsheet programs (ECMA-376 part 1, 18.17.2.3).
_ERROR = re.compile(r"#(?:N/A|NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|GETTING_DATA)", re.IGNORECASE)
#: The number of lines below an unterminated row that are checked for being rows of their own.
_MAX_LINES_BELOW = 50
#: The maximum length of a cell, and the length kept of a longer one.
_MAX_PARSED_CELL_CHARACTERS, _MAX_CELL_CHARACTERS = 131_072, 30_000
SIZE_HINT = "Clear empty formatted cells, split the table, or save the sheet as .csv."
_TEMPLATE_HINT = "To list the columns, see “Records” in the documentation, or run: cybilgraph template csv"


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its first line, its cells, and findings about it.

    ``separator`` separates the cells in a text, in which cells may span lines; workbooks have none.
    """

    line: int
    cells: list[str]
    odd: list[Finding] = field(default_factory=list)
    separator: str = ""

    def places(self) -> Iterator[Place]:
        """Yield the place of each cell."""
        line = self.line
        for number, cell in enumerate(self.cells, start=1):
            yield Place(line, number, is_cell=True)
            line += len(split_raw_lines(cell)) - 1 if self.separator else 0


def read_csv(input_file: Input) -> Iterator[Record]:
    """Yield the records of a CSV table. Raises SourceError if there is none."""
    findings: list[Finding] = []
    yield from read_rows(input_file, csv_rows(input_file, findings), findings)


def read_rows(input_file: Input, rows: Iterator[TableRow], findings: list[Finding]) -> Iterator[Record]:
    """Yield the records of the rows below the column names; ``findings`` are those of the table so far.

    Raises SourceError if there is no row with column names, or no record below it.
    """
    header: list[str] | None = None
    columns: tuple[Column, ...] = ()
    header_line = 0
    above: list[TableRow] = []
    found = False
    filled = (row for row in rows if any(map(str.strip, row.cells)))
    for number, row in enumerate(filled, start=1):
        if number > MAX_ROWS:
            raise SourceError(f"{input_file.name}:{row.line}: more than {MAX_ROWS:,} rows", SIZE_HINT)
        if header is None and not header_fields(row.cells, is_first=not above):
            above.append(row)
            if len(above) == MAX_ROWS_ABOVE_HEADER:
                break
            continue
        known = len(findings)
        findings += row.odd
        if header is None:
            header, header_line = _header(input_file, row), row.line
            columns = tuple(
                Column(known_field.term, column, name)
                for column, name in enumerate(header, start=1)
                if name and (known_field := find_field(name))
            )
            if above:
                findings.append(finding("above-columns", input_file.name, {"line": row.line}, line=above[0].line))
            findings += [
                unknown_name_finding(input_file, name, place)
                for name, place in zip(header, row.places(), strict=False)
                if name and find_field(name) is None
            ]
        elif record := read_cells(input_file, _cells(input_file, header, row, findings), findings):
            findings = []
            found = True
            yield replace(record, source=replace(record.source, columns=columns, header_line=header_line))
        else:
            del findings[known:]  # those of an example or a blank row
    if header is None and above:
        names = ", ".join(filter(None, map(clean, above[0].cells)))
        raise SourceError(
            f"{input_file.name}:{above[0].line}: none of the first {MAX_ROWS_ABOVE_HEADER} rows "
            f"has a column named title or code; the first row contains: {names[:120]}",
            _TEMPLATE_HINT,
        )
    if header is None:
        raise SourceError(f"{input_file.name}: the table is empty", _TEMPLATE_HINT)
    if not found:
        raise SourceError(f"{input_file.name}: there is no project below the column names", "Add one row per project.")


def header_fields(cells: Iterable[str], is_first: bool) -> set[str]:
    """Return the fields that a row of column names names; empty for any other row.

    It must contain title or code, and if it is not the first row, another field as well.
    """
    known = _known_fields(cells)
    return known if known & {"title", "code"} and (is_first or len(known) > 1) else set()


def _known_fields(cells: Iterable[str]) -> set[str]:
    return {called.name for cell in cells if cell and (called := find_field(clean(cell)))}


def _header(input_file: Input, row: TableRow) -> list[str]:
    names = [clean(cell) for cell in row.cells]
    while names and not names[-1]:
        names.pop()
    if sum(map(bool, names)) > MAX_COLUMNS:
        raise SourceError(f"{input_file.name}: more than {MAX_COLUMNS} columns", _TEMPLATE_HINT)
    return names


def _cells(input_file: Input, header: list[str], row: TableRow, odd: list[Finding]) -> list[Cell]:
    """Return the cells of a row. Cells beyond the last column are also reported, and error values only reported."""
    cells, places = row.cells, list(row.places())
    while cells and not cells[-1].strip():
        cells.pop()
    columns = len(header)
    if len(cells) > columns:
        values = {"cells": len(cells), "columns": columns}
        odd.append(finding("long-row", input_file.name, values, place=places[columns]))
    found = []
    for name, text, place in zip(chain(header, repeat("")), cells, places, strict=False):
        if "#" in text and (error := _ERROR.fullmatch(text.strip())):
            code = error[0]
            odd.append(finding("cell-error", input_file.name, {"error": code}, label=name, place=place, text=code))
        elif text:
            if not row.separator and (fix := _stray_spaces(name, text, place)):
                odd.append(finding("stray-spaces", input_file.name, label=name, place=place, text=text, fix=fix))
            found.append(read_cell(name or "More", text, place, spans=bool(row.separator)))
    return found


def _encoding(file: Stream, input_file: Input, findings: list[Finding]) -> str:
    """Detect the encoding of a text that is too long to decode at once, and rewind the file."""
    start = file.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        file.seek(0)
        return "utf-16"
    if start == b"PK\x03\x04":
        raise SourceError(f"{input_file.name}: not a text file", "Save the table as CSV.")
    if b"\x00" in start:
        raise not_text_error(input_file, start + file.read(4092))
    file.seek(0)
    if line := find_undecodable_line(file):
        findings.append(finding("encoding", input_file.name, line=line))
    file.seek(0)
    return "cp1252" if line else "utf-8-sig"


class _Lines:
    """The lines of a text, which can be pushed back: an unterminated row is read again from its second line.

    Lines longer than the limit are cut. So are rows: a quotation mark that is never closed would extend one
    to the end of the file.
    """

    _MAX_LINE_CHARACTERS = 2_000_000
    #: The maximum number of characters read again. Reading each of many unterminated rows to the end would take
    #: quadratic time.
    _MAX_REREAD_CHARACTERS = 20_000_000

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._pushed_back: list[str] = []
        self._reread = self._length = 0
        self.taken: list[str] = []
        self.number = 0

    def begin_row(self) -> str | None:
        """Forget the lines of the row that was read, and return the first line of the next one."""
        self.taken = []
        self._length = 0
        return next(self, None)

    @property
    def has_reread_too_much(self) -> bool:
        """Whether so much was read again that each line now counts as a row."""
        return self._reread > self._MAX_REREAD_CHARACTERS

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if not (line := self._read()):
            raise StopIteration
        line = line.replace("\x00", "")
        if self.taken and self._length + len(line) > self._MAX_LINE_CHARACTERS:
            self._pushed_back.append(line)
            raise csv.Error(f"it has more than {self._MAX_LINE_CHARACTERS:,} characters")
        self.number += 1
        self._length += len(line)
        self.taken.append(line)
        return line

    def _read(self) -> str:
        """Return the next line, cut to the maximum length.

        If the skipped rest opens or closes a quotation, a quotation mark is added.
        """
        if self._pushed_back:
            return self._pushed_back.pop()
        line = rest = self._text.readline(self._MAX_LINE_CHARACTERS)
        marks = 0
        while len(rest) == self._MAX_LINE_CHARACTERS and not rest.endswith("\n"):
            rest = self._text.readline(self._MAX_LINE_CHARACTERS)
            marks += rest.count('"')
        return f'{line}"' if marks % 2 else line

    def skip_row(self) -> None:
        """Skip the rest of the row, up to its last closing quotation mark."""
        marks = sum(line.count('"') for line in self.taken)
        while marks % 2 and (line := self._read()):
            self.number += 1
            marks += line.count('"')

    def push_back(self) -> None:
        """Push back the lines of the row except the first."""
        back = self.taken[1:]
        self._pushed_back += reversed(back)
        self._reread += sum(map(len, back))
        self.number -= len(back)


def _stray_spaces(name: str, text: str, place: Place) -> Fix | None:
    """Return the fix for spaces at the ends of a short value in a workbook, or repeated ones; None if it has none."""
    row = find_field(name)
    if row is None or (row.is_multivalued and row.kind not in SPLIT) or "\n" in text:
        return None
    tidy = " ".join(text.split())
    return Fix(place.line, place.column, text, tidy) if tidy not in ("", text) else None


def csv_rows(input_file: Input, findings: list[Finding]) -> Iterator[TableRow]:
    """Yield the rows of a CSV table, and add problems of its text. Raises SourceError if it is not text."""
    csv.field_size_limit(_MAX_PARSED_CELL_CHARACTERS)  # the limit is global, and other code may have changed it
    separator, width, above = "", 0, 0
    with input_file.open(MAX_TABLE_BYTES) as file:
        lines = _Lines(io.TextIOWrapper(file, _encoding(file, input_file, findings), errors="replace", newline=""))
        while (first := lines.begin_row()) is not None:
            if (declared := _SEPARATOR_LINE.fullmatch(first)) or not first.strip(_BLANK):
                separator = declared[1] if declared else separator
                continue
            by = separator
            if not separator:
                known = {char: len(_known_fields(_split_leniently(first[:100_000], char))) for char in SEPARATORS}
                by = max(SEPARATORS, key=known.__getitem__)
                # Rows above the column names do not determine the separator.
                separator = by if above == MAX_ROWS_ABOVE_HEADER or known[by] else ""
            begin = lines.number
            odd: list[Finding] = []
            try:
                source = (first,) if lines.has_reread_too_much else chain((first,), lines)
                cells = next(csv.reader(source, delimiter=by, strict=True), [])
            except csv.Error as error:
                cells, odd = _repair_row(input_file, begin, lines, by, width, error)
            above += not separator
            width = (width or len(cells)) if separator else 0
            yield TableRow(begin, [unescape_formula(cell) for cell in cells], odd, by)


def _repair_row(
    input_file: Input, number: int, lines: _Lines, separator: str, width: int, error: csv.Error
) -> tuple[list[str], list[Finding]]:
    """Read a row with unbalanced quotation marks. It ends at its first line if rows follow, so as not to lose them."""
    first, *below = lines.taken[:_MAX_LINES_BELOW]
    # Whether the lines below belong to the row, rather than being rows of their own.
    is_whole = 2 * sum(len(_split_leniently(line, separator)) == width for line in below) < len(below) + 1
    if is_whole and "unexpected end of data" in str(error) and not lines.has_reread_too_much:
        rule, cells = "broken-off", next(csv.reader(lines.taken, delimiter=separator), [])
    elif "more than" in str(error) or "larger" in str(error):
        rule, cells = "long-cell", _split_truncated(first, separator)
        (lines.skip_row if is_whole else lines.push_back)()
    else:
        rule, cells = "quotation-marks", _split_leniently(first, separator)
        lines.push_back()
    return cells, [finding(rule, input_file.name, {"reason": error}, line=number)]


def _split_leniently(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _split_truncated(line: str, separator: str) -> list[str]:
    """Split the first line of a row that is too long, and shorten its cells.

    If the end of a cell is missing, the rest of the line is the last cell: its columns cannot be determined.
    """
    cells, at, end = [], 0, re.escape(separator)
    cell = re.compile(rf'("[^"]*+(?:""[^"]*+)*+"|[^"{end}]*+){end}')
    while match := cell.match(line, at):
        cells.append(match[1][:_MAX_CELL_CHARACTERS].strip('"').replace('""', '"'))
        at = match.end()
    return [*cells, line[at : at + _MAX_CELL_CHARACTERS].strip().strip('"').replace('""', '"')]


def escape_formula(cell: str) -> str:
    """Prefix a cell with an apostrophe if a spreadsheet program would take it for a formula, even after spaces.

    This is for tables that people open. Machine-readable tables are not escaped: SPARQL results (SPARQL 1.1
    Query Results CSV and TSV Formats), results of named queries, and dumps.
    """
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell


def unescape_formula(cell: str) -> str:
    """Return the cell that ``escape_formula`` escaped."""
    return cell[1:] if cell.startswith("'") and escape_formula(cell[1:]) == cell else cell
