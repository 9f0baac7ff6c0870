"""Write the forms for curators and partners from the field table, empty or filled with records.

The readers read them back into equal records.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from cybilgraph.model.fields import FIELDS, Field, FieldKind
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.links import link_text
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Funding,
    Identifier,
    Named,
    Participation,
    Record,
    Relation,
    Scope,
    Source,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import BASE
from cybilgraph.readers.cells import EXAMPLE, LEFT_BLANK, SPLIT
from cybilgraph.readers.funding import funding_text
from cybilgraph.readers.printed_names import BULLET
from cybilgraph.readers.tabular import escape_formula

COLUMNS = tuple(row for row in FIELDS if row.column)
SCHEMA = f"{BASE}schema/records.json"


def write_csv(records: Iterable[Record]) -> bytes:
    """Return a table of records with one row each; only the column names if there are none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([row.column for row in COLUMNS])
    for record in records:
        writer.writerow(map(escape_formula, _cells(record)))
    return text.getvalue().encode("utf-8-sig")  # without a byte order mark, spreadsheet programs assume Windows-1252


def write_xlsx(records: Iterable[Record]) -> bytes:
    """Return a workbook of records: a sheet with one row each, and a sheet that explains the columns."""
    from cybilgraph.rdf.xlsx import workbook  # loading openpyxl takes a tenth of a second

    choices = {
        row: tuple(entry.name for entry in load_gazetteer().entries[row.name].values())
        for row in COLUMNS
        if row.kind is FieldKind.CHOICE
    }
    return workbook(COLUMNS, choices, map(_cells, records))


def write_json(records: Iterable[Record]) -> bytes:
    """Return a JSON document of records with the address of its schema."""
    document = {"$schema": SCHEMA, "projects": [_document(record) for record in records]}
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def write_yaml(records: Iterable[Record]) -> bytes:
    """Return a YAML file of records that begins with an explanation of the keys."""
    return _yaml([_document(record) for record in records])


def edit_yaml(record: Record, cells: Mapping[str, str]) -> bytes:
    """Return the YAML file of a record with these texts instead of its ``cell_text``, by column.

    Only fields that differ are written differently.
    """
    document = _document(record)
    for row in COLUMNS:
        text = cells.get(row.column, "").strip()
        if row.column in cells and text != cell_text(record, row):
            document[row.column] = text
            if not text:
                del document[row.column]
    return _yaml([document])


def _yaml(documents: list[dict[str, Any]]) -> bytes:
    width = max(len(row.column) for row in COLUMNS)
    lines = [f"# {row.column:{width}}  {row.about}\n" for row in COLUMNS]
    body = yaml.dump(
        {"projects": documents},
        Dumper=_QuotingDumper,
        allow_unicode=True,
        sort_keys=False,
        width=100,
    )
    return ("# Projects. Omit unknown fields.\n#\n" + "".join(lines) + "\n" + body).encode()


def write_schema(_records: Iterable[Record]) -> bytes:
    """Return the JSON Schema (2020-12) of the JSON and YAML documents."""
    properties = {row.column: {"description": row.about, **_SCHEMAS.get(row.kind, _NAMES)} for row in COLUMNS}
    project = {
        "type": "object",
        "properties": properties,
        "anyOf": [{"required": ["title"]}, {"required": ["code"]}],
        "additionalProperties": False,
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Projects",
        "type": "object",
        "properties": {
            "$schema": {"type": "string"},
            "projects": {"type": "array", "items": {"$ref": "#/$defs/project"}},
        },
        "required": ["projects"],
        "additionalProperties": False,
        "$defs": {"project": project},
    }
    return (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode()


#: To add a form, write a function from records to bytes and list it here.
WRITERS: dict[str, Callable[[Iterable[Record]], bytes]] = {
    "csv": write_csv,
    "xlsx": write_xlsx,
    "json": write_json,
    "yaml": write_yaml,
    "schema": write_schema,
}


def example_record() -> Record:
    """Return an example record for templates. Readers skip it because of its code."""

    def texts(*lines: str) -> tuple[Text, ...]:
        return tuple(Text(line) for line in lines)

    def named(kind: str, name: str) -> Named:
        entry = load_gazetteer().find(kind, name)
        assert entry is not None
        return Named(kind, entry.key, Text(name))

    return Record(
        source=Source("example", ""),
        code=Text(EXAMPLE),
        title=Text("Example: replace it with your project, or delete it"),
        status=named("status", "Finished"),
        start=Date("2018-04", Text("Apr 2018")),
        end=Date("2020-03", Text("Mar 2020")),
        participations=(
            Participation(named("actor", "Global Partners Digital"), "implementer", Basis.STATED),
            Participation(named("actor", "OAS/CICTE"), "implementer", Basis.STATED),
        ),
        scopes=(Scope(named("country", "Belize"), Basis.STATED), Scope(named("theme", "Cybercrime"), Basis.STATED)),
        funding=(Funding("budget", "250000", "USD", Text(""), Basis.STATED, "2018-04-01", "2020-03-31"),),
        contacts=(Contact("A Name", "name@example.org"),),
        summary=texts("The project in a few sentences."),
        aim=texts("What the project aims to achieve."),
        outcomes=texts("What changed.", "What else changed."),
        links=(WebLink("Read more", "https://example.org/"),),
    )


# ---- a record's values as text --------------------------------------------------------------


def _cells(record: Record) -> Iterator[str]:
    return (cell_text(record, row) for row in COLUMNS)


def cell_text(record: Record, row: Field) -> str:
    """Return the stated values of a field as the text of a table cell, which the readers read back."""
    values = _values(record, row)
    lines = [line for value in values for line in _lines(row, value)]
    if record.blank(row.name) and not values:
        return LEFT_BLANK
    if row.kind in (FieldKind.ITEMS, FieldKind.LINKS) and len(lines) == 1 and not BULLET.match(lines[0]):
        return f"• {lines[0]}"  # prevents splitting a single line at semicolons
    return "\n".join(lines)


def _document(record: Record) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for row in COLUMNS:
        values = _values(record, row)
        if values:
            document[row.column] = list(values) if row.is_multivalued else values[0]
        elif record.blank(row.name):
            document[row.column] = [] if row.is_multivalued else ""
    return document


def _values(record: Record, row: Field) -> Sequence[Any]:
    """Return the stated values of a record; derived values will be derived again."""
    if row.kind is FieldKind.ITEMS:
        return list(_items(record.values(row.name)))
    return [shown for value in record.values(row.name) if (shown := _printed_value(value)) is not None]


def _printed_value(value: Any) -> Any:
    match value:
        case Participation(actor=Named(printed=printed), basis=Basis.STATED):
            return printed.text
        case Scope(concept=Named(printed=printed), basis=Basis.STATED, share=share):
            return f"{printed.text} ({share}%)" if share else printed.text
        case Relation(project=Named(printed=printed), basis=Basis.STATED):
            return printed.text
        case Named(printed=printed) | Date(printed=printed, evidence=()):
            return printed.text
        case Contact():
            parts = {"name": value.name, "email": value.email, "note": value.note}
            return {key: part for key, part in parts.items() if part}
        case Funding():
            return funding_text(value) if value.basis is Basis.STATED else None
        case WebLink():
            text = link_text(value.text, value.details)
            return {"text": text, "url": value.url} if value.url and value.url not in text else text
        case Text() | Identifier():
            return value.text
    return None


def _items(texts: Iterable[Text]) -> Iterator[Any]:
    """Yield list items, grouped by subheading."""
    group: dict[str, Any] | None = None
    for text in texts:
        if not text.subheading:
            group = None
            yield text.text
        elif group and group["under"] == text.subheading:
            group["items"].append(text.text)
        else:
            group = {"under": text.subheading, "items": [text.text]}
            yield group


def _lines(row: Field, value: Any) -> Iterator[str]:
    match value:
        case {"under": under, "items": items}:
            yield f"{under}:"
            yield from (f"• {item}" for item in items)
        case {"text": text, "url": url}:
            yield f"{text} <{url}>"
        case dict():
            email = f"<{value['email']}>" if "email" in value else ""
            note = f"({value['note']})" if "note" in value else ""
            yield " ".join(part for part in (value.get("name", ""), email, note) if part)
        case _:
            items = row.kind in (FieldKind.ITEMS, FieldKind.LINKS)
            yield f"• {value}" if (items and BULLET.match(value)) or (row.kind in SPLIT and ";" in value) else value


class _QuotingDumper(yaml.SafeDumper):
    """Quotes every string so that no YAML reader interprets it (NO, 2018-10)."""


_QuotingDumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if len(text) > 100 else None),
)

_TEXT = {"type": ["string", "null"]}
_NAMES = {"type": ["array", "string", "null"], "items": {"type": "string"}}


def _objects(*keys: str) -> dict[str, Any]:
    item = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "additionalProperties": False}
    return {"type": ["array", "string", "null"], "items": {"anyOf": [{"type": "string"}, item]}}


_SCHEMAS: dict[FieldKind, dict[str, Any]] = {
    FieldKind.MONEY: {**_NAMES, "examples": [["EUR 3,350,000 (commitment, 2019–2021, from European Union)"]]},
    FieldKind.VALUE: _TEXT,
    FieldKind.RECORD: _TEXT,
    FieldKind.DATE: {"type": ["string", "integer", "null"]},
    FieldKind.CHOICE: {**_TEXT, "examples": ["Planned", "Ongoing", "Finished", "Cancelled", "Suspended"]},
    FieldKind.CONTACTS: _objects("name", "email", "note"),
    FieldKind.LINKS: _objects("text", "url"),
    FieldKind.ITEMS: {
        "type": ["array", "string", "null"],
        "items": {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"under": {"type": "string"}, "items": _NAMES},
                    "required": ["under", "items"],
                    "additionalProperties": False,
                },
            ]
        },
    },
}
