"""The table of real projects is valid, and every row names its source."""

from __future__ import annotations

import csv
import json
import re

import pytest

from cybilgraph.model.resources import SAMPLE_TABLE
from tests.conftest import PAGES, Demo


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with SAMPLE_TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_have_a_source_and_no_contact(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= 500
    assert len({row["title"].casefold() for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", row["address"]), row["title"]
        assert row["summary"], row["title"]
        assert not re.search(r"[\w.]@[\w-]+\.[a-z]", " ".join(row.values())), row["title"]


@pytest.mark.slow
@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_table_has_no_violation_and_no_project_twice(rows: list[dict[str, str]], demo: Demo) -> None:
    release = demo.releases / "0001"
    counts = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert counts["records"] == len(rows) + len(PAGES)
    assert counts["projects"] == len(rows) + len(PAGES) - 1, "only one page has two captures"
    assert counts["findings"]["violation"] == 0
    findings = json.loads((release / "report.json").read_text(encoding="utf-8"))["findings"]
    of_table = {finding["rule"].rpartition("#")[2] for finding in findings if finding["file"] == SAMPLE_TABLE.name}
    assert of_table
    assert not of_table & {"second-capture", "same-title", "code-of-two"}
