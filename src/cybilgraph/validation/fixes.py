"""Applies fixes to the text of a file or the cells of a workbook.

A fix whose words are not found at its position is refused.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import groupby

from cybilgraph.model.findings import Fix
from cybilgraph.readers.cells import cell_name
from cybilgraph.readers.excerpts import WORKBOOKS
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.tabular import header_fields
from cybilgraph.readers.text import guess_encoding
from cybilgraph.readers.workbooks import read_sheet
from cybilgraph.validation.workbook_edits import WorkbookEdit

#: Separators and quotation marks of tables; a value with one of them could shift the row.
_TABLE_SPECIAL = re.compile(r"[\",;\t|\n]")
#: Not allowed in a plain YAML scalar.
_YAML_SPECIAL = re.compile(r"\\|: | #|^[\s\-?:,\[\]{}#&*!|>'\"%@`]|:$")


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file's text before and after fixes, its byte order mark and encoding, and the fixes applied and refused."""

    name: str
    before: str
    after: str
    mark: bytes
    encoding: str
    applied: tuple[Fix, ...]
    refused: tuple[Fix, ...]

    @property
    def content(self) -> bytes:
        """The new bytes of the file."""
        return self.mark + self.after.encode(self.encoding, errors="surrogateescape")

    def reverted(self) -> FixedFile:
        """Return the original text with every fix refused."""
        return replace(self, after=self.before, applied=(), refused=self.applied + self.refused)

    def diff(self) -> str:
        """Return the change as a unified diff, or "" if there is none."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = unified_diff(before, after, f"a/{self.name}", f"b/{self.name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True, slots=True)
class FixedWorkbook:
    """A workbook before and after fixes, and the fixes applied and refused.

    ``cells`` are the name, the old text and the new text of each changed cell.
    """

    name: str
    before: bytes
    content: bytes
    cells: tuple[tuple[str, str, str], ...]
    applied: tuple[Fix, ...]
    refused: tuple[Fix, ...]

    def reverted(self) -> FixedWorkbook:
        """Return the original workbook with every fix refused."""
        return replace(self, content=self.before, cells=(), applied=(), refused=self.applied + self.refused)

    def diff(self) -> str:
        """Return the changed cells in the form of a unified diff, or "" if there is none."""
        changes = "".join(
            f"@@ {cell} @@\n{_prefixed('-', before)}{_prefixed('+', after)}" for cell, before, after in self.cells
        )
        return f"--- a/{self.name}\n+++ b/{self.name}\n{changes}" if changes else ""


def _prefixed(sign: str, text: str) -> str:
    return "".join(f"{sign}{line}\n" for line in text.split("\n"))


def apply_fixes(name: str, content: bytes, fixes: Iterable[Fix]) -> FixedFile | FixedWorkbook:
    """Apply fixes to the content of a file, keeping its encoding and line endings, or the rest of its workbook."""
    if Input(name).suffix in WORKBOOKS:
        return _fix_workbook(name, content, fixes)
    return _fix_text(name, content, fixes)


def _fix_workbook(name: str, content: bytes, fixes: Iterable[Fix]) -> FixedWorkbook:
    """Apply fixes to cells. The longest text is replaced first, because it may contain that of another fix."""
    wanted = sorted(set(fixes), key=lambda fix: (fix.line, fix.column, -len(fix.old), fix.old, fix.new))
    part, rows = read_sheet(Input(name, data=content), max((fix.line for fix in wanted), default=0))
    header = next((row for row in rows if header_fields(row, is_first=row is rows[0])), [])
    book = WorkbookEdit(content, part)
    applied, refused, cells = [], [], []
    for (line, column), group in groupby(wanted, key=lambda fix: (fix.line, fix.column)):
        row = rows[line - 1] if 0 < line <= len(rows) else []
        before = after = row[column - 1] if 0 < column <= len(row) else ""
        for fix in group:
            span = _find_span(after, replace(fix, column=1))
            if span is None or book.has_formula((line, column)):
                refused.append(fix)
            else:
                after = after[: span[0]] + fix.new + after[span[1] :]
                applied.append(fix)
        if after != before:
            book.write((line, column), after)
            label = f" ({header[column - 1]})" if column <= len(header) else ""
            cells.append((f"{cell_name(line, column)}{label}", before, after))
    return FixedWorkbook(name, content, book.content(), tuple(cells), tuple(applied), tuple(refused))


def _fix_text(name: str, content: bytes, fixes: Iterable[Fix]) -> FixedFile:
    mark, encoding = guess_encoding(content)
    text = content[len(mark) :].decode(encoding, errors="surrogateescape")
    write = _WRITERS.get(name.rpartition(".")[2].lower(), str)
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    applied, refused = [], []
    # Apply from the end to the beginning, so that earlier positions stay valid.
    for fix in sorted(set(fixes), key=lambda fix: (fix.line, fix.column), reverse=True):
        new = write(fix.new)
        line = lines[fix.line - 1] if 0 < fix.line <= len(lines) else ""
        span = _find_span(line, fix)
        if new is None or span is None or new.encode(encoding, "ignore").decode(encoding) != new:  # not encodable
            refused.append(fix)
        else:
            lines[fix.line - 1] = line[: span[0]] + new + line[span[1] :]
            applied.append(fix)
    return FixedFile(name, text, "".join(lines), mark, encoding, tuple(reversed(applied)), tuple(reversed(refused)))


def _find_span(line: str, fix: Fix) -> tuple[int, int] | None:
    """Return the span that a fix replaces: its words and, to delete them from a list, a separator."""
    if not (span := _find_words(line, fix)) or fix.new:
        return span
    head = line[: span[0]]
    kept = head.rstrip()
    if kept.endswith((";", "|")):
        return len(kept[:-1].rstrip()), span[1]
    if "\n" in head[len(kept) :]:
        return len(kept), span[1]
    after = re.compile(r"\s*[;|\n]\s*").match(line, span[1])
    return (span[0], after.end()) if after else None


def _find_words(line: str, fix: Fix) -> tuple[int, int] | None:
    """Return the span of the words in the line: at the position, or else at their only occurrence.

    Matches any white space, because readers collapse it to single spaces.
    """
    if (start := line.find(fix.old)) >= 0 and fix.old != fix.old.strip():  # spaces are the words
        return start, start + len(fix.old)
    old = r"\s+".join(map(re.escape, fix.old.split()))
    words = re.compile(rf"(?<!\w){old}(?!\w)")
    if at := words.match(line, fix.column - 1):
        return at.span()
    found = [match.span() for match in words.finditer(line)]
    return found[0] if len(found) == 1 else None


def _unless(special: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda new: None if special.search(new) else new


def _in_quotes(new: str) -> str:
    return json.dumps(new, ensure_ascii=False)[1:-1]


#: By suffix, the function that encodes a value for such a file, or returns None if quoting would be needed.
_WRITERS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("csv", "tsv"), _unless(_TABLE_SPECIAL)),
    **dict.fromkeys(("yaml", "yml"), _unless(_YAML_SPECIAL)),
    **dict.fromkeys(("json", "jsonl", "ndjson", "jsonld", "ttl", "nt", "nq", "trig"), _in_quotes),
    **dict.fromkeys(("html", "htm", "xhtml", "xml", "iati", "rdf"), html.escape),
}
