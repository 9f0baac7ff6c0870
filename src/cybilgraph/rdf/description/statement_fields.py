"""Assign lines of described records to fields, so that captures can be merged field by field."""

from __future__ import annotations

from cybilgraph.model.fields import DATE_FORMS, FIELDS, FieldKind
from cybilgraph.model.vocabulary import CYB, thing_iri

_BY_TERM = {f"<{row.term}>": row.name for row in FIELDS if row.term} | {
    f"<{row.term}{suffix}>": row.name for row in FIELDS if row.kind is FieldKind.DATE for suffix in DATE_FORMS
}
_BY_TERM[f"<{CYB.statusAsOf}>"] = "status"
_NODES = {f"<{term}>" for term in (CYB.participation, CYB.scope, CYB.relation, CYB.dating)}
_BY_SEGMENT = {row.segment: row.name for row in FIELDS if row.kind is FieldKind.ITEMS} | {
    "contact": "contacts",
    "link": "links",
}
_STATED = f"<{thing_iri('basis', 'stated')}>"


def field_of(line: str, project: str) -> str:
    """Return the name of the field or role that a line about a project belongs to; empty for its type."""
    subject, predicate, rest = line.split(" ", 2)
    if subject == f"<{project}>":
        if predicate not in _NODES:
            return _BY_TERM.get(predicate, "")
        subject = rest.partition(" ")[0]
    kind, _, below = subject[len(project) + 2 : -1].partition("/")
    if kind == "participation":
        return below.split("/")[1]
    return _BY_SEGMENT.get(kind) or below.split("/")[0]


def is_stated(lines: list[str]) -> bool:
    """Return whether the lines of a field contain a stated value, not only derived ones."""
    return any(_STATED in line for line in lines) or not any(
        "/evidence/" in line or "/dating/" in line for line in lines
    )
