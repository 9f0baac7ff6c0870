"""The table of fields agrees with the record."""

from __future__ import annotations

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.record import Record


def test_field_table_matches_record() -> None:
    for row in FIELDS:
        if row.kind in (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS, FieldKind.LAYOUT, FieldKind.CURRENCY):
            continue
        assert row.name in Record.__dataclass_fields__
    labels = [label for row in FIELDS for label in {row.column, row.column.replace("_", " "), *row.labels} if label]
    assert len(labels) == len(set(labels)), "a label opens two fields"
    assert all(label == label.casefold() for label in labels)
