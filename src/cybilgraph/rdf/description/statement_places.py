"""A statement about a record → where the record's source prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cybilgraph.model.fields import BY_NAME, FIELDS, NARRATIVE, Field, FieldKind
from cybilgraph.model.record import (
    Contact,
    Date,
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
    """Where a record prints what a statement says: the field's label, the place, the words."""

    label: str
    place: Place | None
    text: str = ""


def locate_statement(record: Record, focus: str, path: str, value: str = "") -> StatementPlace:
    """Where in a record's source the statement (focus, path, value) comes from.

    ``focus`` and ``path`` are IRIs, ``path`` is the first property where a rule is about several;
    ``value`` an IRI, or the text of a literal. Falls back to the field's heading, then to the title.
    """
    path = _actual_property(record, path, value)
    linked = "" if focus == project_iri(record) else focus  # a record may name itself, as what it is part of
    if linked or value:
        for row, printed, iris in _printed(record, FIELDS):
            if linked in iris or (row.term == path and value in iris):
                return StatementPlace(_label(record, row), printed.place, printed.text)
    for row in FIELDS:
        if row.term and row.term == path:
            for _, printed, _ in (found for found in _printed(record, (row,)) if found[0] is row):
                return StatementPlace(_label(record, row), printed.place, printed.text)
            if blank := record.blank(row.name):
                return StatementPlace(blank.label, blank.place)
            if row.name in record.labels:
                return StatementPlace(*record.labels[row.name])
    title = record.title or Text("")
    return StatementPlace("", title.place, title.text)


def _actual_property(record: Record, path: str, value: str) -> str:
    """The property whose text this is: ``path``, unless only other prose of the record has it."""
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
    """Each value of a record in these fields, and all who take part: its field, its printed form, and the IRIs that
    stand for it.
    """
    project = project_iri(record)
    for link in record.participations:  # with whatever role: IATI has more than there are fields
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
                case Named(printed=printed):
                    yield row, printed, {thing_iri(row.name, value.key)}
                case Date(printed=printed):
                    yield row, printed, {f"{project}/dating/{row.name}"}
                case Contact(name=name):
                    yield row, Text(name or value.email, value.place), {f"{project}/contact/{number}"}
                case WebLink(text=text):
                    yield row, Text(text, value.place), {f"{project}/link/{number}"}
                case Text():
                    parts = {f"{project}/{row.segment}/{number}"} if row.kind is FieldKind.ITEMS else set()
                    yield row, value, parts
