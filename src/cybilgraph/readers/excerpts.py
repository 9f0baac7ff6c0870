"""Extract the source lines that findings are about, for reports that show them."""

from __future__ import annotations

import io
import re
import sys
from collections import defaultdict
from collections.abc import Container, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice, takewhile

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Excerpt, Finding, Fix
from cybilgraph.readers.cells import cell_name
from cybilgraph.readers.html.tree import decode_html
from cybilgraph.readers.inputs import COMPRESSED_ARCHIVE, MAX_PAGE_BYTES, Input, Stream
from cybilgraph.readers.tabular import csv_rows
from cybilgraph.readers.text import decode, split_raw_lines
from cybilgraph.readers.web_archives import find_pages, split_page_name

#: The maximum length of an excerpt, and of its text before the mark.
MAX_EXCERPT_CHARACTERS, _CHARACTERS_BEFORE = 300, 100
#: Longer lines are not shown: a whole file may be a single line.
_MAX_LINE_CHARACTERS = 1_000_000
#: How many characters of the words are searched for: the rest of a paragraph may be on the next line.
_MAX_SEARCH_CHARACTERS = 24
#: A place may be that of the quotation mark before the words, or of the sentence that contains them. Only words
#: with at least _TELLING characters are searched for in a sentence.
_MAX_QUOTE_OFFSET, _MIN_SENTENCE_CHARACTERS = 2, 4

_PAGES, _HTML, _TABLES = ("", ".txt", ".text"), (".html", ".htm", ".xhtml"), (".csv", ".tsv")
#: Formats whose places are cell numbers; workbooks have no lines of text.
WORKBOOKS = (".xlsx",)
SUFFIXES_WITH_CELLS = (*_TABLES, *WORKBOOKS)
_ARCHIVES = (".warc", COMPRESSED_ARCHIVE)
_WITHOUT_LINES = (*WORKBOOKS, *_ARCHIVES)
#: The start and end of each cell on a line, by cell number.
Cells = dict[int, tuple[int, int]]
#: Formats in which a lone carriage return ends a line.
_ANY_LINE_END = (*_TABLES, ".yaml", ".yml")


def with_cells(findings: Iterable[Finding], inputs: Mapping[str, Input]) -> list[Finding]:
    """Move the cell numbers of tables from ``column`` to ``cell``, and name the cells of workbooks."""
    suffixes = {name: input_file.suffix for name, input_file in inputs.items()}
    return [_with_cell(finding, suffixes.get(finding.file, "")) for finding in findings]


def _with_cell(finding: Finding, suffix: str) -> Finding:
    if suffix in _TABLES:
        return replace(finding, column=0, cell=finding.column)
    if suffix not in WORKBOOKS:
        return finding
    cell = finding.column
    fix, proposal = (each and replace(each, column=cell) for each in (finding.fix, finding.proposal))
    name = cell_name(finding.line, cell) if cell else ""
    return replace(finding, column=0, cell=cell, cell_name=name, fix=fix, proposal=proposal)


def with_excerpts(findings: Iterable[Finding], inputs: Mapping[str, Input]) -> list[Finding]:
    """Add to each finding the excerpt of its line, and set its column to the character concerned.

    ``inputs`` maps names to sources, each of which is read once. A finding is returned unchanged if its line
    is unknown or not available: workbooks have no lines, and a file may have disappeared.
    """
    found = with_cells(findings, inputs)
    wanted: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, finding in enumerate(found):
        if finding.line:
            wanted[finding.file][finding.line].append(index)
    for input_file in _sources(wanted, inputs):
        by_line = wanted.pop(input_file.name, {0: []})  # of several captures of a page, only the first
        last = max(by_line)
        with suppress(SourceError), closing(_lines(input_file)) as lines:  # unreadable files were reported earlier
            for number, (line, cells) in enumerate(islice(_with_cells(input_file, lines), last), start=1):
                for index in by_line.get(number, ()):
                    if line is not None:
                        found[index] = _add_excerpt(found[index], line, cells)
    return found


def _sources(names: Iterable[str], inputs: Mapping[str, Input]) -> Iterator[Input]:
    """Yield the inputs with these names, and the pages in web archives, in order of the files."""
    archives: dict[str, set[str]] = defaultdict(set)
    for name in sorted(names):
        if name in inputs:
            yield inputs[name]
        elif (archive := split_page_name(name)[0]) in inputs:
            archives[archive].add(name)
    for archive, pages in archives.items():
        with suppress(SourceError):
            yield from find_pages(inputs[archive], pages)


def _add_excerpt(finding: Finding, line: str, cells: Cells | None) -> Finding:
    """Return the finding with its excerpt; its place and that of its fix become those of the words."""
    part = excerpt(line, finding, cells)
    fix, proposal = (each and _place_fix(each, line, finding, part) for each in (finding.fix, finding.proposal))
    return replace(finding, excerpt=part, column=part.column, fix=fix, proposal=proposal)


def _place_fix(fix: Fix, line: str, finding: Finding, part: Excerpt) -> Fix:
    """Return the fix at its characters of the line, or at column 0 if they are unknown."""
    if fix.line == finding.line and part.mark:
        at = part.column + fix.column - (finding.cell or finding.column)
        return replace(fix, column=at) if line.startswith(fix.old, at - 1) else fix
    return replace(fix, column=0) if finding.cell else fix  # a cell number is not a position of words


def excerpt(line: str, finding: Finding, cells: Cells | None = None) -> Excerpt:
    """Return the part of a line that a finding is about; ``cells`` are the cells on a line of a table."""
    words = (finding.text or finding.label).split("\n", 1)[0]
    sought = words[:_MAX_SEARCH_CHARACTERS]
    if cells is not None:
        start = line.find(sought, *cells[finding.cell]) if words and finding.cell in cells else -1
    elif finding.column:
        begin = min(finding.column - 1, len(line))
        at = line.find(sought, begin) if words else -1
        near = begin + (_MAX_QUOTE_OFFSET if len(words) < _MIN_SENTENCE_CHARACTERS else len(line))
        start = at if 0 <= at <= near else len(line) - len(line[begin:].lstrip())
    else:
        start = line.find(sought) if words else -1
    cut = max(min(start - _CHARACTERS_BEFORE, len(line) - MAX_EXCERPT_CHARACTERS), 0)
    text = line[cut : cut + MAX_EXCERPT_CHARACTERS]
    if start < 0:
        return Excerpt(text)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text[start - cut :], words, strict=False)))
    return Excerpt(text, cut, start - cut + 1, max(same, 1))


def _with_cells(input_file: Input, lines: Iterable[str | None]) -> Iterator[tuple[str | None, Cells | None]]:
    """Yield each line with the positions of its cells if it is a table, by the rows that the reader finds."""
    if input_file.suffix not in _TABLES:
        yield from ((line, None) for line in lines)
        return
    rows = csv_rows(input_file, [])
    row = below = next(rows, None)
    first, quoted = 1, False
    for number, line in enumerate(lines, start=1):
        if below and number == below.line:
            row, below = below, next(rows, None)
            first, quoted = 1, False
        cells, quoted = _cells(line or "", row.separator if row else ",", first, quoted)
        yield line, cells
        first = max(cells)


def _cells(line: str, separator: str, first: int, quoted: bool) -> tuple[Cells, bool]:
    """Return the positions of the cells on a line, numbered from ``first``, and whether the last continues below.

    ``quoted`` means that the first cell continues a quoted cell from the line above.
    """
    cells: Cells = {}
    begin = 0
    for mark in re.finditer(f'["{re.escape(separator)}]', line):
        if mark[0] == '"':
            quoted = not quoted
        elif not quoted:
            cells[first + len(cells)] = (begin, mark.start())
            begin = mark.end()
    cells[first + len(cells)] = (begin, len(line))
    return cells, quoted


def read_texts(input_file: Input, names: Container[str], limit: int) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the checksum and lines of a text with up to ``limit`` bytes, or of the pages of these names in an archive.

    Raises SourceError if it cannot be read, or is larger.
    """
    if input_file.suffix in _ARCHIVES:
        for page in find_pages(input_file, names):
            yield page.source.sha256, source_lines(page)
    elif has_lines(input_file):
        with input_file.open(limit):
            yield input_file.source.sha256, source_lines(input_file)


def has_lines(input_file: Input) -> bool:
    """Return whether a source is a text, whose lines can be shown."""
    return input_file.suffix not in _WITHOUT_LINES


def source_lines(input_file: Input) -> Iterator[str]:
    """Yield the lines as the reader of this format counts them; an ellipsis for a line that is too long.

    Raises SourceError if the source cannot be read.
    """
    return ("…" if line is None else line for line in _lines(input_file))


def _lines(input_file: Input) -> Generator[str | None]:
    """Yield the lines as the reader of this format counts them; None for a line that is too long."""
    if input_file.suffix in _PAGES:
        with input_file.open(MAX_PAGE_BYTES) as stream:
            yield from split_raw_lines(decode(input_file, stream.read(), []))
    elif input_file.suffix in _HTML:
        yield from decode_html(input_file, []).split("\n")
    elif input_file.suffix not in _WITHOUT_LINES:
        with input_file.open(sys.maxsize) as stream:
            yield from _streamed(stream, "" if input_file.suffix in _ANY_LINE_END else "\n")


def _streamed(stream: Stream, line_end: str) -> Iterator[str | None]:
    """Yield the lines of a file too large for memory, each decoded as UTF-8, or else as Windows-1252."""
    wide = stream.read(2) in (b"\xff\xfe", b"\xfe\xff")
    stream.seek(0)
    # Latin-1 preserves all bytes, so that each complete line can be decoded afterwards.
    encoding = "utf-16" if wide else "latin-1"
    with io.TextIOWrapper(stream, encoding, errors="replace", newline=line_end) as text:
        while line := text.readline(_MAX_LINE_CHARACTERS):
            if len(line) < _MAX_LINE_CHARACTERS:
                line = line.rstrip("\r\n")
                yield line if wide else _decoded(line.encode("latin-1"))
                continue
            while len(line) == _MAX_LINE_CHARACTERS:
                line = text.readline(_MAX_LINE_CHARACTERS)
            yield None


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
