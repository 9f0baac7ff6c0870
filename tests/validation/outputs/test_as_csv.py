"""CSV reports contain no formulas."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from cybilgraph.model.findings import (
    Report,
)
from tests.support.reports import hostile, written


def test_csv_contains_no_formulas() -> None:
    texts = ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "a")
    report = Report(findings=[replace(hostile().findings[0], text=text, label=text, file=text) for text in texts])
    rows = list(csv.DictReader(io.StringIO(written(report, "csv"), newline="")))
    assert len(rows) == len(texts)
    for row in rows:
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())
    assert rows[0]["text"] == "'=1+1"
    limit = csv.field_size_limit(10_000_000)
    assert len(list(csv.reader(io.StringIO(written(hostile(), "csv"), newline="")))) == len(hostile().findings) + 1
    csv.field_size_limit(limit)
