"""Locate the source text of a statement about a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cybilgraph.model.fields import BY_NAME, FIELDS, NARRATIVE, Field, FieldKind
from cybilgraph.model.record import (
    Contact,
    Date,
    Funding,
    Identifier,
    Named,
    Place,
    Record,
    Relation,
    Scope,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.rdf.description.projects import PARAGRAPH_SEPARATOR, project_iri


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
        for row, printed, iris in _printed(record, FIELDS):
            if linked in iris or (row.term == path and value in iris):
                return StatementPlace(_label(record, row), printed.place, printed.text)
    for row in FIELDS:
        if row.term and row.term == path:
            for _, printed, _ in (found for found in _printed(record.counted(), (row,)) if found[0] is row):
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


def _printed(record: Record, rows: Iterable[Field]) -> Iterator[tuple[Field, Text, set[str]]]:
    """Yield the values of these fields and all participations: the field, the printed form, and the IRIs of the
    value.
    """
    project = project_iri(record)
    for link in record.participations:  # including IATI roles without a field
        row = BY_NAME.get(link.role) or Field(link.role, FieldKind.ACTORS)
        node = f"{project}/participation/{link.actor.key}/{link.role}"
        yield row, link.actor.printed, {node, thing_iri("actor", link.actor.key)}
    for row in rows:
        for number, value in enumerate(record.values(row.name), start=1):
            match value:
                case Scope(concept=concept):
                    node = f"{project}/scope/{row.name}/{concept.key}"
                    yield row, concept.printed, {node, thing_iri(row.name, concept.key)}
                case Relation(project=other):
                    node = f"{project}/relation/{row.name}/{other.key}"
                    yield row, other.printed, {node, thing_iri("project", other.key)}
                case Funding(printed=printed):
                    node = f"{project}/funding/{value.key}"
                    yield row, printed, {node, f"{node}/amount"}
                case Named(printed=printed):
                    yield row, printed, {thing_iri(row.name, value.key)}
                case Date(printed=printed):
                    yield row, printed, {f"{project}/dating/{row.name}"}
                case Contact(name=name):
                    yield row, Text(name or value.email, value.place), {f"{project}/contact/{number}"}
                case Identifier(text=text):
                    yield row, Text(text, value.place), {f"{project}/{row.segment}/{number}"}
                case WebLink(text=text):
                    yield row, Text(text, value.place), {f"{project}/link/{number}"}
                case Text():
                    parts = {f"{project}/{row.segment}/{number}"} if row.kind is FieldKind.ITEMS else set()
                    yield row, value, parts
