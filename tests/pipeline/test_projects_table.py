"""The table of real projects is valid, and every row names its source."""

from __future__ import annotations

import csv
import re

import pytest

from cybilgraph import pipeline
from tests.conftest import ROOT

TABLE = ROOT / "data" / "projects.csv"


def test_rows_have_a_source_and_no_contact() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 500
    assert len({row["title"].casefold() for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", row["address"]), row["title"]
        assert row["summary"], row["title"]
        assert not re.search(r"[\w.]@[\w-]+\.[a-z]", " ".join(row.values())), row["title"]


@pytest.mark.slow
def test_table_has_no_violation() -> None:
    report = pipeline.check(TABLE)
    assert report.counts["violation"] == 0
    assert report.records >= 500
    assert not [found for found in report.findings if found.rule.endswith(("second-capture", "code-of-two"))]
