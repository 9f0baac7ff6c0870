"""Assign lines of described records to fields, so that captures can be merged field by field."""

from __future__ import annotations

from cybilgraph.model.fields import DATE_FORMS, FIELDS, FieldKind
from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import CYB, RDFS, thing_iri

_BY_TERM = {f"<{row.term}>": row.name for row in FIELDS if row.term} | {
    f"<{row.term}{suffix}>": row.name for row in FIELDS if row.kind is FieldKind.DATE for suffix in DATE_FORMS
}
_BY_TERM |= {f"<{CYB.statusAsOf}>": "status", f"<{RDFS.label}>": "title"}
_NODES = {f"<{term}>" for term in (CYB.participation, CYB.scope, CYB.relation, CYB.dating, CYB.funding)}
_BY_SEGMENT = {row.segment: row.name for row in FIELDS if row.kind in (FieldKind.ITEMS, FieldKind.IDENTIFIERS)} | {
    "contact": "contacts",
    "link": "links",
    "funding": "funding",
}
#: The most certain last.
_BY_CERTAINTY = tuple(reversed(Basis))
#: The least rank of values that a page or a curator states.
MIN_STATED = _BY_CERTAINTY.index(EvidenceLevel.STATED.bases[-1])
_BASES = [(f"<{thing_iri('basis', basis)}>", rank) for rank, basis in enumerate(_BY_CERTAINTY)]


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


def certainty(lines: list[str]) -> int:
    """Return how certain the most certain value in the lines of a field is: a rank, to be compared only.

    Values without a claim are stated.
    """
    ranks = [rank for line in lines for basis, rank in _BASES if basis in line]
    return max(ranks, default=_BY_CERTAINTY.index(Basis.STATED))
