"""Reads tables, one project a row: CSV (RFC 4180, any usual separator); ``workbooks`` gives the rows of others.

A row is read and given on before the next, so that memory does not grow with the table.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input, Stream
from cybilgraph.readers.tabular.cells import Cell, find_field, read_cell, read_cells, unknown_name_finding
from cybilgraph.readers.text import clean, not_text_error, not_utf8_finding, split_raw_lines

#: A table of a hundred thousand projects is smaller.
MAX_TABLE_BYTES = 200_000_000
#: No spreadsheet program has more rows.
MAX_ROWS = 1_048_576
#: What a spreadsheet program would take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@")
SEPARATORS = ",;\t|"
#: The first line that some spreadsheet programs write and read: it tells the separator.
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_BLANK = f"{SEPARATORS} \r\n"
MAX_COLUMNS = 100
#: A title, or a remark, may stand above the names of the columns, which are in one of so many rows.
MAX_ROWS_ABOVE_HEADER = 20
#: What a spreadsheet program prints for a value that it could not work out (ECMA-376 part 1, 18.17.2.3).
_ERROR = re.compile(r"#(?:N/A|NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|GETTING_DATA)", re.IGNORECASE)
#: So many lines below a row that does not end tell whether they are rows of their own.
_LOOKED_AT = 50
#: A cell of more characters is too long; so much of it is kept.
_MAX_PARSED_CELL_CHARACTERS, _MAX_CELL_CHARACTERS = 131_072, 30_000
HINT_REDUCE_SIZE = "Clear what is empty but formatted, split it into several, or save the sheet as .csv."
_TEMPLATE = "Get one that fits with: cybilgraph template csv"


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: the line where it begins, its cells, and what was odd about it. ``separator`` parts the
    cells in a text, where a cell may span lines; a workbook has none.
    """

    line: int
    cells: list[str]
    odd: list[Finding] = field(default_factory=list)
    separator: str = ""

    def places(self) -> Iterator[Place]:
        """Where each cell begins."""
        line = self.line
        for number, cell in enumerate(self.cells, start=1):
            yield Place(line, number, is_cell=True)
            line += len(split_raw_lines(cell)) - 1 if self.separator else 0


def read_csv(input_file: Input) -> Iterator[Record]:
    """The records of a table in CSV.

    Raises SourceError where there is no row with names of columns, or no record below it.
    """
    findings: list[Finding] = []
    yield from records_of_rows(input_file, csv_rows(input_file, findings), findings)


def records_of_rows(input_file: Input, rows: Iterator[TableRow], findings: list[Finding]) -> Iterator[Record]:
    """The records of the rows below that with names of columns; ``findings`` are those of the table so far.

    Raises SourceError where there is no such row, or no record below it.
    """
    header: list[str] | None = None
    above: list[TableRow] = []
    found = filled = 0
    for row in rows:
        if not any(cell.strip() for cell in row.cells):
            continue
        filled += 1
        if filled > MAX_ROWS:
            raise SourceError(f"{input_file.name}:{row.line}: more than {MAX_ROWS:,} rows", HINT_REDUCE_SIZE)
        if header is None and not names_columns(row.cells, is_first=not above):
            above.append(row)
            if len(above) == MAX_ROWS_ABOVE_HEADER:
                break
            continue
        known = len(findings)
        findings += row.odd
        if header is None:
            header = _header(input_file, row)
            if above:
                findings.append(finding("above-columns", input_file.name, {"line": row.line}, line=above[0].line))
            findings += [
                unknown_name_finding(input_file, name, place)
                for name, place in zip(header, row.places(), strict=False)
                if name and find_field(name) is None
            ]
        elif record := read_cells(input_file, _cells(input_file, header, row, findings), findings):
            findings = []
            found += 1
            yield record
        else:
            del findings[known:]  # of an example, or of a row that is left blank
    if header is None and above:
        names = ", ".join(filter(None, map(clean, above[0].cells)))
        raise SourceError(
            f"{input_file.name}:{above[0].line}: neither the first row nor one of "
            f"the next {MAX_ROWS_ABOVE_HEADER - 1} names columns, "
            f"one of them called title or code; the first holds: {names[:120]}",
            _TEMPLATE,
        )
    if header is None:
        raise SourceError(f"{input_file.name}: the table is empty", _TEMPLATE)
    if not found:
        raise SourceError(
            f"{input_file.name}: there is no project below the names of the columns", "Add a row a project."
        )


def known_columns(cells: Iterable[object]) -> set[str]:
    """The fields that cells name."""
    return {called.name for cell in cells if cell and (called := find_field(clean(str(cell))))}


def names_columns(cells: list[str], is_first: bool) -> bool:
    """Whether a row names the columns of a table of projects: a title or a code, and another field where rows stand
    above it.
    """
    known = known_columns(cells)
    return bool(known & {"title", "code"}) and (is_first or len(known) > 1)


def _header(input_file: Input, row: TableRow) -> list[str]:
    names = [clean(cell) for cell in row.cells]
    while names and not names[-1]:
        names.pop()
    if sum(map(bool, names)) > MAX_COLUMNS:
        raise SourceError(f"{input_file.name}: more than {MAX_COLUMNS} columns", _TEMPLATE)
    return names


def _cells(input_file: Input, header: list[str], row: TableRow, odd: list[Finding]) -> list[Cell]:
    """The cells of a row; what stands beyond the last column is kept, and told of; so is the error of a spreadsheet
    program, which is no value.
    """
    cells, places = row.cells, list(row.places())
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > len(header):
        odd.append(
            finding(
                "long-row",
                input_file.name,
                {"cells": len(cells), "columns": len(header)},
                line=places[len(header)].line,
                column=len(header) + 1,
            )
        )
    names = [*header, *("" for _ in cells[len(header) :])]
    found = []
    for name, text, place in zip(names, cells, places, strict=False):
        if "#" in text and (error := _ERROR.fullmatch(text.strip())):
            odd.append(
                finding(
                    "cell-error",
                    input_file.name,
                    {"error": error[0]},
                    label=name,
                    line=place.line,
                    column=place.column,
                    text=error[0],
                )
            )
        elif text:
            found.append(read_cell(name or "More", text, place, spans=bool(row.separator)))
    return found


# ---- CSV -----------------------------------------------------------------------------------


def _encoding(file: Stream, input_file: Input, findings: list[Finding]) -> str:
    """The encoding of a text that is too long to be decoded at once; the file is at its start again."""
    start = file.read(4)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        file.seek(0)
        return "utf-16"
    if start == b"PK\x03\x04":
        raise SourceError(f"{input_file.name}: this is no text", "Save the table as CSV.")
    if b"\x00" in start:
        raise not_text_error(input_file, start + file.read(4092))
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    lines = 1
    try:
        while chunk := file.read(1 << 20):
            decoder.decode(chunk)
            lines += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        findings.append(not_utf8_finding(input_file, lines + error.object.count(b"\n", 0, error.start)))
        return "cp1252"
    finally:
        file.seek(0)
    return "utf-8-sig"


class _Lines:
    """Lines of a text that can be given back: a row that cannot be read to its end is read
    again from its second line. A line that is longer than a cell may be is cut; so is a row,
    which else might run to the end of the file from a quotation mark that is never closed.
    """

    _LONGEST = 2_000_000
    #: Characters that are read again in all: where each row opens what no row closes, reading each
    #: to the end would take quadratic time.
    _AGAIN = 20_000_000

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._again: list[str] = []
        self._returned = self._length = 0
        self.taken: list[str] = []
        self.number = 0

    @property
    def has_reread_too_much(self) -> bool:
        """So much was read twice that each line is taken for a row from now on."""
        return self._returned > self._AGAIN

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._next()
        if not line:
            raise StopIteration
        self.number += 1
        line = line.replace("\x00", "")
        self._length += len(line)
        if len(self.taken) and self._length > self._LONGEST:
            self._again.append(line)
            self._length, self.number = self._length - len(line), self.number - 1
            raise csv.Error(f"it has more than {self._LONGEST:,} characters")
        self.taken.append(line)
        return line

    def _next(self) -> str:
        """A line of the text; of one that is too long only the beginning, with a quotation mark more
        where the rest, which is passed over, opens or closes one.
        """
        line = rest = self._text.readline(self._LONGEST)
        marks = 0
        while len(rest) == self._LONGEST and not rest.endswith("\n"):
            rest = self._text.readline(self._LONGEST)
            marks += rest.count('"')
        return f'{line}"' if marks % 2 else line

    def pass_cell(self) -> str:
        """Pass over the row to where its last quotation mark is closed, and return its first line."""
        first, marks = self.taken[0], sum(line.count('"') for line in self.taken)
        self.taken = []
        while marks % 2 and (line := self._again.pop() if self._again else self._text.readline(self._LONGEST)):
            self.number += line.endswith("\n")
            marks += line.count('"')
        self.done()
        return first

    def done(self) -> None:
        """A row was read: what was taken for it is forgotten."""
        self.taken = []
        self._length = 0

    def give_back(self, keep_first: bool = True) -> str:
        """Give back the lines taken: all, or all but the first, which is returned."""
        first = self.taken[0]
        back = self.taken[keep_first:]
        self._again += reversed(back)
        self._returned += sum(map(len, back)) if keep_first else 0
        self.number -= len(back)
        self.done()
        return first


def csv_rows(input_file: Input, findings: list[Finding]) -> Iterator[TableRow]:
    """The rows of a table in CSV; ``findings`` takes what is odd about the text. Raises SourceError
    where it is none.
    """
    csv.field_size_limit(
        _MAX_PARSED_CELL_CHARACTERS
    )  # it is one for all of the process, and others may have changed it
    with input_file.open(MAX_TABLE_BYTES) as file:
        text = io.TextIOWrapper(file, _encoding(file, input_file, findings), errors="replace", newline="")
        yield from _csv_rows(input_file, _Lines(text))


def _csv_rows(input_file: Input, lines: _Lines) -> Iterator[TableRow]:
    separator, width, above = "", 0, 0
    while (first := next(lines, None)) is not None:
        if (told := _SEPARATOR_LINE.fullmatch(first)) or not first.strip(_BLANK):
            separator = told[1] if told else separator
            lines.done()
            continue
        by = separator or max(SEPARATORS, key=lambda char: _known_columns(first, char))
        # What stands above the names of columns does not tell what parts them.
        if not separator and (above == MAX_ROWS_ABOVE_HEADER or _known_columns(first, by)):
            separator = by
        lines.give_back(keep_first=False)
        begin = lines.number + 1
        odd: list[Finding] = []
        try:
            cells = next(
                csv.reader([next(lines)] if lines.has_reread_too_much else lines, delimiter=by, strict=True), []
            )
        except csv.Error as error:
            cells, odd = _repair_row(input_file, begin, lines, by, width, error)
        lines.done()
        above += not separator
        width = (width or len(cells)) if separator else 0
        yield TableRow(begin, [_unescape_formula(cell) for cell in cells], odd, by)


def _repair_row(
    input_file: Input, number: int, lines: _Lines, separator: str, width: int, error: csv.Error
) -> tuple[list[str], list[Finding]]:
    """A row whose quotation marks do not fit. Where rows follow, it is read to the end of its
    first line, so that they are not lost in it; where the file breaks off in it, to the end.
    """
    ended = "unexpected end of data" in str(error) and not lines.has_reread_too_much
    below = lines.taken[1:_LOOKED_AT]
    rows = sum(len(_split_leniently(line, separator)) == width for line in below)
    if ended and rows * 2 < len(below) + 1:
        cells = next(csv.reader(lines.taken, delimiter=separator), [])
        rule = "broken-off"
    elif "more than" in str(error) or "larger" in str(error):
        whole = rows * 2 < len(below) + 1  # what is below are lines of the cell, and no rows
        cells = _split_truncated(lines.pass_cell() if whole else lines.give_back(), separator)
        rule = "long-cell"
    else:
        cells = _split_leniently(lines.give_back(), separator)
        rule = "quotation-marks"
    return cells, [finding(rule, input_file.name, {"reason": error}, line=number)]


def _split_leniently(line: str, separator: str) -> list[str]:
    """The cells of one line, whatever its quotation marks."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _split_truncated(line: str, separator: str) -> list[str]:
    """The cells of the first line of a row that is too long, each no longer than is kept. Where the line
    does not show where a cell ends, that is the last: of what stands behind it nothing tells to which
    column it belongs.
    """
    cells, at, end = [], 0, re.escape(separator)
    cell = re.compile(rf'("[^"]*+(?:""[^"]*+)*+"|[^"{end}]*+){end}')
    while match := cell.match(line, at):
        cells.append(match[1][:_MAX_CELL_CHARACTERS].strip('"').replace('""', '"'))
        at = match.end()
    return [*cells, line[at : at + _MAX_CELL_CHARACTERS].strip().strip('"').replace('""', '"')]


def escape_formula(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula, also behind spaces: an apostrophe stands before it.

    For every table that is made for people to open. What programs read has texts as they are: answers of
    SPARQL (SPARQL 1.1 Query Results CSV and TSV Formats), also those of named queries, and dumps.
    """
    return f"'{cell}" if _is_formula(cell) else cell


def _unescape_formula(cell: str) -> str:
    """A cell without the mark that keeps spreadsheet programs from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    return cell.lstrip().startswith(_FORMULA)


def _known_columns(line: str, separator: str) -> int:
    return len(known_columns(_split_leniently(line[:100_000], separator)))
