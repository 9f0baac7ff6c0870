"""Lines of described records → the field that each tells of; so that captures can be put
together field by field.
"""

from __future__ import annotations

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import CYB, thing_iri

_BY_TERM = {f"<{row.term}>": row.name for row in FIELDS if row.term} | {
    f"<{row.term}AsPrinted>": row.name for row in FIELDS if row.kind is FieldKind.DATE
}
_NODES = {f"<{term}>" for term in (CYB.participation, CYB.scope, CYB.relation, CYB.dating)}
_BY_SEGMENT = {row.segment: row.name for row in FIELDS if row.kind is FieldKind.ITEMS} | {
    "contact": "contacts",
    "link": "links",
}
_STATED = f"<{thing_iri('basis', 'stated')}>"


def field_of(line: str, project: str) -> str:
    """The name of the field, or of the role, that a line about a project tells of; empty for its type."""
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
    """True where the lines of a field hold a statement, and not only what was derived."""
    return any(_STATED in line for line in lines) or not any(
        "/evidence/" in line or "/dating/" in line for line in lines
    )
