"""Links that were errors do not return."""

from __future__ import annotations

import re

import cybilgraph
from cybilgraph.model.record import Basis
from cybilgraph.model.resources import DOCS, SAMPLE_TABLE
from tests.conftest import PAGES

_ROW = re.compile(
    r"\| `(?P<project>[^`]+)` \| `cyb:(?P<property>\w+)` \| `(?:\w+:)?(?P<key>[^`]+)` \| (?P<reason>.+) \|"
)


def test_corrected_links_are_not_derived_again() -> None:
    rows = _ROW.findall((DOCS / "reference" / "corrections.md").read_text(encoding="utf-8"))
    assert len(rows) > 10
    derived = set()
    for record in (record for path in (*PAGES, SAMPLE_TABLE) for record in cybilgraph.read(path)):
        links = [(link.role, link.actor.key, link.basis) for link in record.participations]
        links += [(link.concept.kind, link.concept.key, link.basis) for link in record.scopes]
        dates = {"start": record.start, "end": record.end}
        derived |= {(record.key, name, date.value) for name, date in dates.items() if date and date.evidence}
        derived |= {(record.key, name, key) for name, key, basis in links if basis is Basis.DERIVED}
    assert not [row for row in rows if row[:3] in derived]
    assert {("implementer", "athens"), ("start", "2016-07")} <= {row[1:3] for row in rows}
