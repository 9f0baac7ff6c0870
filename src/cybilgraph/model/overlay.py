"""A deployment's own reference data: tables that add rows to ours, or replace ours by key.

A folder has tables with the names and columns of those in data/reference. An actor may also replace others: its column
``former`` lists keys that it used to have, and those of actors that were merged into it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.identifiers import REGISTERS, ActorIdentifier

#: The environment variable with the folder. Worker processes inherit it.
OVERLAY_VARIABLE = "CYBILGRAPH_REFERENCE"
#: The kinds of entries that a deployment may add or replace.
OVERLAID_KINDS = ("actor", "audience", "country", "group", "region", "theme")
_KEYS = {"country": (re.compile("[A-Z]{2}"), "GB"), "region": (re.compile("[0-9]{3}"), "014")}
_KEY = (re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*"), "national-cyber-centre")
_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`\x00-\x1f]+")
_SUCCESSOR = re.compile(r"(?P<key>[^:]+):[0-9]{4}")
#: Columns that must not be empty, those with keys of another kind, and those with addresses.
_REQUIRED = {"actor": ("type",), "country": ("alpha3", "region")}
_REFERENCES = {
    "actor": {"type": "actor-type", "parent": "actor", "country": "country"},
    "country": {"region": "region"},
    "group": {"members": "country"},
    "region": {"parent": "region"},
    "theme": {"parent": "theme", "close_match": "cmm"},
}
_ADDRESSES = ("homepage", "source", "same_as")
#: The table of identifiers of actors, which has one row per actor and register.
IDENTIFIERS = "identifiers.csv"
IDENTIFIER_COLUMNS = ("actor", "register", "identifier", "source")


class ReferenceRowError(ReferenceDataError):
    """A cell of a table is wrong; ``column`` and ``problem`` say where and why."""

    def __init__(self, row: OverlayRow, column: str, problem: str, hint: str) -> None:
        super().__init__(f"{row.path}, line {row.line}, column {column}: {problem}", hint)
        self.column, self.problem = column, problem


class OverlayRow(NamedTuple):
    """A row of a table, with the file and line for messages."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def error(self, column: str, problem: str, hint: str) -> ReferenceRowError:
        """Return the error that a cell is wrong."""
        return ReferenceRowError(self, column, problem, hint)


def use_overlay(folder: Path | None) -> None:
    """Have this process, and those that it starts, use the reference data in a folder, or only ours.

    Has no effect on a process that has already loaded the reference data.
    """
    if folder:
        os.environ[OVERLAY_VARIABLE] = str(folder.resolve())
    else:
        os.environ.pop(OVERLAY_VARIABLE, None)


def read_overlay(folder: Path | None, tables: Collection[str]) -> dict[Path, str]:
    """Return the text of each table in the folder. Raises ReferenceDataError."""
    texts: dict[Path, str] = {}
    try:
        for path in sorted(folder.iterdir()) if folder else ():
            if path.suffix.lower() != ".csv":
                continue
            if path.name not in tables:
                close = "".join(f"Did you mean {name}? " for name in get_close_matches(path.name, tables, 1))
                raise ReferenceDataError(
                    f"{path} is not a table that can be replaced", f"{close}Tables: {', '.join(tables)}."
                )
            texts[path] = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReferenceDataError(
            f"{error.filename or folder} cannot be read: {error.strerror}", "Give a folder of tables with --reference."
        ) from error
    except UnicodeDecodeError as error:
        raise ReferenceDataError(
            f"{path} is not encoded in UTF-8", "Save it as “CSV UTF-8” in your spreadsheet program."
        ) from error
    return texts


def read_rows(path: Path, text: str, columns: Collection[str] = ()) -> Iterator[OverlayRow]:
    """Yield the rows of a table, which must have exactly these ``columns``, if any are given."""
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        header = reader.fieldnames or ()
        if columns and (wrong := [name for name in (*columns, *header) if not (name in columns and name in header)]):
            what = "is missing" if wrong[0] in columns else "is unknown"
            raise ReferenceDataError(
                f"{path}, line 1: the column {wrong[0]!r} {what}", f"Make this the first line: {','.join(columns)}"
            )
        for row in reader:
            if None in row or None in row.values():
                raise ReferenceDataError(
                    f"{path}, line {reader.line_num}: the row does not have {len(header)} cells",
                    "Add or remove commas; enclose a name that contains a comma in double quotes.",
                )
            yield OverlayRow(path, reader.line_num, row)
    except csv.Error as error:
        raise ReferenceDataError(
            f"{path}, line {reader.reader.line_num}: not valid CSV: {error}", "Correct the quotes in this line."
        ) from error


def check_row(kind: str, row: OverlayRow, key_column: str, keys: Mapping[str, Mapping[str, object]]) -> None:
    """Raise ReferenceDataError if a row of a deployment has a malformed value or an unknown key.

    ``keys`` are all keys by kind.
    """
    pattern, example = _KEYS.get(kind, _KEY)
    if not pattern.fullmatch(row.cells[key_column]):
        raise row.error(key_column, f"{row.cells[key_column]!r} is not a valid key", f"Write it like this: {example}.")
    for column in _REQUIRED.get(kind, ()):
        if not row.cells[column]:
            raise row.error(column, "the cell is empty", "Fill it in, as in our table.")
    references = [(column, other, row.cells[column]) for column, other in _REFERENCES.get(kind, {}).items()]
    if successor := row.cells.get("replaced_by"):
        if not (match := _SUCCESSOR.fullmatch(successor)):
            raise row.error("replaced_by", f"{successor!r} is not a key and a year", "Write it like this: fcdo:2020.")
        references.append(("replaced_by", "actor", match["key"]))
    for column, other, cell in references:
        for key in filter(None, cell.split(";")):
            if key not in keys[other]:
                close = "".join(f"Did you mean {name}? " for name in get_close_matches(key, keys[other], 1))
                raise row.error(
                    column, f"there is no {other} with the key {key!r}", f"{close}Correct it, or add a row for it."
                )
    for column in _ADDRESSES:
        for address in filter(None, row.cells.get(column, "").split(";")):
            if not _ADDRESS.fullmatch(address):
                raise row.error(column, f"{address!r} is not a URL", "Begin it with https://.")


def check_identifier(row: OverlayRow, actors: Collection[str]) -> ActorIdentifier:
    """Return the identifier in a row of identifiers.csv. Raises ReferenceDataError if a cell is wrong.

    ``actors`` are the keys that actors have or had.
    """
    actor, name, text, source = (row.cells[column] for column in IDENTIFIER_COLUMNS)
    for column, value, known in (("actor", actor, actors), ("register", name, REGISTERS)):
        if value not in known:
            close = "".join(f"Did you mean {key}? " for key in get_close_matches(value, known, 1))
            hint = "Add it: cybilgraph actors add." if column == "actor" else f"Registers: {', '.join(REGISTERS)}."
            raise row.error(column, f"there is no {column} with the key {value!r}", f"{close}{hint}")
    register = REGISTERS[name]
    if not register.is_valid(text):
        hint = f"Copy it from the register, in this form: {register.example}."
        raise row.error("identifier", f"{text!r} is not a valid identifier of {register.name}", hint)
    if not _ADDRESS.fullmatch(source):
        raise row.error("source", f"{source!r} is not a URL", "Give the page that states the identifier: https://…")
    return ActorIdentifier(name, text, source)
