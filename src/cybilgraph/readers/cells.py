"""Convert named cells to a record, for tables (CSV, XLSX) and documents (JSON, YAML).

A column or key is named by a field's ``column`` or by any of its labels, in any case. Values with unknown
names are kept in the description and reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from cybilgraph.model.fields import BY_LABEL, BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding, Fix
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.printed_names import BULLET
from cybilgraph.readers.record_builder import RecordBuilder, Section, shorten_quote
from cybilgraph.readers.text import read_lines

#: The content of a cell for a heading that the page prints with nothing under it. An empty cell has no meaning,
#: since every row has every column.
LEFT_BLANK = "(left blank)"
#: The code of the example in templates, which is not a record.
EXAMPLE = "G0000"
#: Kinds whose values are separated on each line, even if there are several lines.
SPLIT = (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS, FieldKind.MONEY)
#: Separators of values on a line. An address may contain a semicolon: "https://e.org/?a=1;b=2".
_BETWEEN, _BETWEEN_LINKS = re.compile(";"), re.compile(r";(?=\s|https?://|\Z)|(?<=>);")
#: A sum of money, whose details in brackets may also have semicolons.
_SUM = re.compile(r"(?:\([^()]*+\)|[^;])++")
#: How a line is divided into values, by kind.
_PARTS: dict[FieldKind, Callable[[str], list[str]]] = {
    FieldKind.LINKS: _BETWEEN_LINKS.split,
    FieldKind.MONEY: _SUM.findall,
}
_CELL_NAME = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
#: The maximum length of a label, and of a name in messages.
_MAX_NAME_CHARACTERS = 200


@dataclass(slots=True)
class Cell:
    """A value with the name of its column or key; ``lines`` are its individual values."""

    name: str
    place: Place
    lines: list[Text] = field(default_factory=list)
    blank: bool = False


def cell_name(line: int, number: int) -> str:
    """Return the name of a workbook's cell, such as "C7"."""
    return f"{column_letters(number)}{line}"


def column_letters(number: int) -> str:
    """Return the letters of a workbook's column, counted from 1."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def cell_place(name: str) -> tuple[int, int]:
    """Return the row and the column of a workbook's cell from its name; zeros if it is not a name."""
    match = _CELL_NAME.fullmatch(name)
    column = 0
    for letter in match[1] if match else "":
        column = column * 26 + ord(letter) - ord("A") + 1
    return (int(match[2]) if match else 0), column


def find_field(name: str) -> Field | None:
    """Return the field with this column, key or label, or None."""
    return _field_called(name) if len(name) <= _MAX_NAME_CHARACTERS else None


@lru_cache(maxsize=1_000)
def _field_called(name: str) -> Field | None:
    row = BY_LABEL.get(" ".join(name.replace("_", " ").split()).rstrip(":").casefold())
    return None if row is None or row.kind is FieldKind.LAYOUT else row


def unknown_name_finding(input_file: Input, name: str, place: Place) -> Finding:
    """Return the finding for an unknown name, with the name that may have been meant."""
    name = name if len(name) <= _MAX_NAME_CHARACTERS else f"{name[: _MAX_NAME_CHARACTERS - 1]}…"
    near = closest_match(name, [row.column for row in BY_NAME.values() if row.column], MIN_SUGGESTION_SCORE)
    values, advice = {"name": name, "meant": near}, "did-you-mean" if near else ""
    found = finding("unknown-column", input_file.name, values, label=name, place=place, advice=advice)
    return replace(found, proposal=Fix(place.line, place.column, name, near)) if near else found


def read_cell(name: str, text: str, place: Place, spans: bool = False) -> Cell:
    """Return a table cell. Lines or ``;`` separate values, except after a bullet.

    If the cell ``spans`` lines of the file, its values have their own lines as places.
    """
    if text.strip().casefold() == LEFT_BLANK:
        return Cell(name, place, blank=True)
    row = find_field(name)
    lines = [
        Text(line.text, replace(place, line=place.line + at.line - 1) if spans and (at := line.place) else place)
        for line in read_lines(text)
    ]
    if row is None or row.kind is FieldKind.PROSE:
        return Cell(name, place, lines)
    if not row.is_multivalued:  # its lines are joined
        lines = [Text(" ".join(line.text for line in lines), lines[0].place)] if lines else []
    elif len(lines) == 1 or row.kind in SPLIT:
        parts = _PARTS.get(row.kind, _BETWEEN.split)
        lines = [
            Text(part.strip(), line.place)
            for line in lines
            for part in ([line.text] if BULLET.match(line.text) else parts(line.text))
            if part.strip()
        ]
    return Cell(name, place, lines)


def read_cells(input_file: Input, cells: list[Cell], findings: list[Finding]) -> Record | None:
    """Return the record of named cells, or None if they are empty or the example of a template."""
    builder = RecordBuilder(input_file, findings, cells[0].place.line if cells else 0)
    filled = False
    seen: dict[str, str] = {}
    # Identifying fields come first, so that the size limit does not cut them off.
    for cell in sorted(cells, key=lambda cell: (row := find_field(cell.name)) is None or row.is_multivalued):
        row, lines = find_field(cell.name), cell.lines
        if row is not None and not row.is_multivalued and lines:
            if (kept := seen.setdefault(row.name, lines[0].text)) is not lines[0].text:
                if kept == lines[0].text:
                    continue
                text = lines[0].text
                values = {"label": cell.name, "other": shorten_quote(text), "kept": shorten_quote(kept)}
                found = finding("second-value", input_file.name, values, label=cell.name, place=cell.place, text=text)
                findings.append(found)
                row = None  # the text is kept in the description
            elif row.name == "code" and lines[0].text == EXAMPLE:
                return None
        if row is None and lines:
            row = BY_NAME["description"]
            lines = [Text(f"{cell.name}: {lines[0].text}", lines[0].place), *lines[1:]]
        if row is not None and (lines or cell.blank):
            filled = filled or bool(lines)
            builder.take(Section(row, cell.name, cell.place, lines, whole=True))
    return builder.record() if filled else None
