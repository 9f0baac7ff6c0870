"""Statements derived from the sentences of records, with the quotations that support them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Date, Evidence, Participation, Record, Relation, Scope
from cybilgraph.readers import Input
from cybilgraph.readers.excerpts import SUFFIXES_WITH_CELLS


def derived_claims(records: Iterable[Record]) -> Iterator[dict[str, object]]:
    """Yield each derived link or date: its project, field and name, and the sentence it comes from."""
    for record in records:
        has_cells = Input(record.source.name).suffix in SUFFIXES_WITH_CELLS
        values = (*record.participations, *record.scopes, *record.relations, record.start, record.end, record.duration)
        for value, name in zip(values, ("",) * (len(values) - 3) + ("start", "end", "duration"), strict=True):
            for evidence in value.evidence if value else ():
                yield {"project": record.key, **_claim_text(value, name), **_evidence_fields(evidence, has_cells)}


def _claim_text(value: Any, name: str) -> dict[str, str]:
    match value:
        case Participation(actor=thing, role=field):
            return {"field": field, "name": _name(thing.kind, thing.key, thing.printed.text)}
        case Scope(concept=thing):
            return {"field": thing.kind, "name": _name(thing.kind, thing.key, thing.printed.text)}
        case Relation(kind=field, project=thing):
            return {"field": field, "name": thing.printed.text}
        case Date(printed=printed):
            return {"field": name, "name": printed.text}
    raise TypeError(value)


def _name(kind: str, key: str, printed: str) -> str:
    entry = load_gazetteer().entries.get(kind, {}).get(key)
    return entry.name if entry else printed


def _evidence_fields(evidence: Evidence, has_cells: bool) -> dict[str, object]:
    place = evidence.place
    return {
        "quote": evidence.quote,
        "line": place.line if place else 0,
        "column": place.column if place and not has_cells else 0,
        "confidence": evidence.confidence,
    }
