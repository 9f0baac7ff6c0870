"""Named cells → Record: what tables (CSV, XLSX) and documents (JSON, YAML) have in common.

A column or key is called by a field's ``column``, or by any label that pages print for it, in
any case. What no field is called is no mistake of the data: it goes to the description, and
the finding says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from cybilgraph.model.fields import BY_LABEL, BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.names import BULLET
from cybilgraph.readers.page.sections import RecordBuilder, Section
from cybilgraph.readers.text import read_lines

#: Stands in a cell whose page prints the heading and nothing under it. An empty cell says
#: nothing, since every row of a table has every column.
LEFT_BLANK = "(left blank)"
#: The code of the example that a template holds: it is no record.
EXAMPLE = "G0000"
_ONE_LINE = (FieldKind.VALUE, FieldKind.DATE, FieldKind.CHOICE, FieldKind.RECORD)
#: Of these, several on one of several lines are parted, too.
NAMES = (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS)
#: What parts the values in a line. An address may have a semicolon in it: "https://e.org/?a=1;b=2".
_BETWEEN, _BETWEEN_LINKS = re.compile(";"), re.compile(r";(?=\s|https?://|\Z)|(?<=>);")
#: No label is longer, and no more of a name is told.
_MAX_NAME_CHARACTERS = 200


@dataclass(slots=True)
class Cell:
    """One value with the name of its column or key. ``lines`` are its values, one each."""

    name: str
    place: Place
    lines: list[Text] = field(default_factory=list)
    blank: bool = False


def find_field(name: str) -> Field | None:
    """The field of this column, key or label; None where there is none."""
    return _field_called(name) if len(name) <= _MAX_NAME_CHARACTERS else None


@lru_cache(maxsize=1_000)
def _field_called(name: str) -> Field | None:
    row = BY_LABEL.get(" ".join(name.replace("_", " ").split()).rstrip(":").casefold())
    return None if row is None or row.kind is FieldKind.LAYOUT else row


def unknown_name_finding(input_file: Input, name: str, place: Place) -> Finding:
    """Says that no field has this name, and which may have been meant."""
    name = name if len(name) <= _MAX_NAME_CHARACTERS else f"{name[: _MAX_NAME_CHARACTERS - 1]}…"
    near = closest_match(name, [row.column for row in BY_NAME.values() if row.column], MIN_SUGGESTION_SCORE)
    return finding(
        "unknown-column",
        input_file.name,
        {"name": name, "meant": near},
        label=name,
        line=place.line,
        column=place.column,
        advice="did-you-mean" if near else "",
    )


def read_cell(name: str, text: str, place: Place, spans: bool = False) -> Cell:
    """The cell of a table. Several values stand on lines of their own, or with ``;`` between them, but for what
    has a bullet, which is whole. Where it ``spans`` lines of the file, each of them has its own.
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
    if row.kind in _ONE_LINE:
        lines = [Text(" ".join(line.text for line in lines), lines[0].place)] if lines else []
    elif len(lines) == 1 or row.kind in NAMES:
        ends = _BETWEEN_LINKS if row.kind is FieldKind.LINKS else _BETWEEN
        lines = [
            Text(part.strip(), line.place)
            for line in lines
            for part in ([line.text] if BULLET.match(line.text) else ends.split(line.text))
            if part.strip()
        ]
    return Cell(name, place, lines)


def read_cells(input_file: Input, cells: list[Cell], findings: list[Finding]) -> Record | None:
    """The record of named cells; None where they are empty, or are the example of a template."""
    values = RecordBuilder(input_file, findings, cells[0].place.line if cells else 0)
    filled = False
    seen: set[str] = set()
    # What tells which project this is comes first: however long the rest, it is not cut off.
    for cell in sorted(cells, key=lambda cell: (row := find_field(cell.name)) is None or row.kind not in _ONE_LINE):
        row = find_field(cell.name)
        if row is not None and row.kind in _ONE_LINE and cell.lines:
            if row.name in seen:  # a second value of what has but one is kept, and told of
                findings.append(unknown_name_finding(input_file, f"{cell.name} (again)", cell.place))
                row = None
            else:
                seen.add(row.name)
        if row is not None and row.name == "code" and cell.lines and cell.lines[0].text == EXAMPLE:
            return None
        if row is None and cell.lines:
            row = BY_NAME["description"]
            first, *rest = cell.lines
            cell.lines = [Text(f"{cell.name}: {first.text}", first.place), *rest]
        if row is not None and (cell.lines or cell.blank):
            filled = filled or bool(cell.lines)
            values.take(Section(row, cell.name, cell.place, cell.lines, whole=True))
    return values.record() if filled else None
