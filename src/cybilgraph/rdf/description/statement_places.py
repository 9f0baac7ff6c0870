"""Locate the source text of a statement about a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from cybilgraph.model.fields import BY_NAME, FIELDS, NARRATIVE, Field, FieldKind
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Funding,
    Identifier,
    Named,
    Participation,
    Place,
    Record,
    Relation,
    Scope,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.rdf.description.projects import PARAGRAPH_SEPARATOR, node_iri, project_iri


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """The source text of a statement: the field's label, the place, the words."""

    label: str
    place: Place | None
    text: str = ""


def locate_statement(record: Record, focus: str, path: str, value: str = "") -> StatementPlace:
    """Return where the statement (focus, path, value) comes from in a record's source.

    ``focus`` and ``path`` are IRIs; ``path`` is the first property of a rule about several. ``value`` is an
    IRI or the text of a literal. Falls back to the field's heading, then to the title.
    """
    path = _actual_property(record, path, value)
    linked = "" if focus == project_iri(record) else focus  # a record may refer to itself, as in part_of
    if linked or value:
        for row, printed, iris in _printed(record, (row for row in FIELDS if linked or row.term == path)):
            if linked in iris or (row.term == path and value in iris):
                return StatementPlace(_label(record, row), printed.place, printed.text)
    for row in FIELDS:
        if row.term and row.term == path:
            for _, printed, _ in (found for found in _printed(record, (row,), counted=True) if found[0] is row):
                return StatementPlace(_label(record, row), printed.place, printed.text)
            if blank := record.blank(row.name):
                return StatementPlace(blank.label, blank.place)
            if row.name in record.labels:
                return StatementPlace(*record.labels[row.name])
    title = record.title or Text("")
    return StatementPlace("", title.place, title.text)


def _actual_property(record: Record, path: str, value: str) -> str:
    """Return the property with this text: ``path``, unless only another prose field has the text."""
    if not value:
        return path
    found = [
        BY_NAME[name].term
        for name in NARRATIVE
        if (texts := record.values(name))
        and value.startswith(texts[0].text)
        and value == PARAGRAPH_SEPARATOR.join(text.text for text in texts)
    ]
    return path if path in found or not found else found[0]


def _label(record: Record, row: Field) -> str:
    return record.labels[row.name][0] if row.name in record.labels else ""


def _printed(record: Record, rows: Iterable[Field], counted: bool = False) -> Iterator[tuple[Field, Text, set[str]]]:
    """Yield the values of these fields and those of IATI roles without a field: the field, the printed form, and the
    IRIs of the value.

    With ``counted``, skips links that are only possible.
    """
    project = project_iri(record)
    others = (
        (Field(link.role, FieldKind.ACTORS), 0, link) for link in record.participations if link.role not in BY_NAME
    )
    values = ((row, number, value) for row in rows for number, value in enumerate(record.values(row.name), start=1))
    for row, number, value in chain(others, values):
        if counted and not getattr(value, "basis", Basis.STATED).counts:
            continue
        node = node_iri(project, row, number, value)
        match value:
            case Participation(actor=named) | Scope(concept=named) | Relation(project=named):
                yield row, named.printed, {node, thing_iri(named.kind, named.key)}
            case Funding(printed=printed):
                yield row, printed, {node, f"{node}/amount"}
            case Named(printed=printed):
                yield row, printed, {thing_iri(row.name, value.key)}
            case Date(printed=printed):
                yield row, printed, {node}
            case Contact(name=name):
                yield row, Text(name or value.email, value.place), {node}
            case Identifier(text=text) | WebLink(text=text):
                yield row, Text(text, value.place), {node}
            case Text():
                yield row, value, {node}
