"""Summaries are translated, and positions have the notation of the file's format."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cybilgraph.model.findings import (
    SEVERITIES,
    Finding,
    Report,
    Severity,
)
from cybilgraph.validation.outputs.wording import by_rule, count_of, place_of, summary
from tests.support.reports import hostile


@pytest.mark.parametrize(
    ("cell", "address"), [(1, "A7"), (26, "Z7"), (27, "AA7"), (702, "ZZ7"), (703, "AAA7"), (0, "7")]
)
def test_cell_has_its_spreadsheet_name(cell: int, address: str) -> None:
    found = Finding(severity=Severity.INFO, rule="", message="", file="a.XLSX", line=7, cell=cell)
    assert place_of(found) == address
    assert place_of(replace(found, file="a.csv", column=3)) == "7:3"


def test_summary_is_in_three_languages() -> None:
    report = Report(sources=2, records=1, unread=1)
    assert summary(report) == "1 record from 2 sources, 1 source unread: 0 violations, 0 warnings"
    assert summary(replace(report, language="es")).startswith("1 registro de 2 fuentes, 1 fuente sin leer: 0 infracc")
    assert count_of("fr", 0, "violation") == "0 infraction"
    assert count_of("en", 0, "violation") == "0 violations"
    ranks = [SEVERITIES.index(finding.severity) for _, finding in by_rule(hostile())]
    assert ranks == sorted(ranks)
