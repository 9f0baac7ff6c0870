"""Summaries are translated, and positions have the notation of the file's format."""

from __future__ import annotations

from dataclasses import replace

from cybilgraph.model.findings import (
    SEVERITIES,
    Finding,
    Report,
    Severity,
)
from cybilgraph.validation.outputs.wording import by_rule, cell_of, count_of, place_of, summary
from tests.support.reports import hostile


def test_cell_has_its_spreadsheet_name_with_the_column() -> None:
    found = Finding(severity=Severity.INFO, rule="", message="", file="a.xlsx", line=7, cell=3, cell_name="C7")
    assert (place_of(found), cell_of(found)) == ("C7", "C7")
    assert cell_of(replace(found, label="status")) == "C7 (status)"
    in_csv = replace(found, file="a.csv", cell_name="", label="status", column=3)
    assert (place_of(in_csv), cell_of(in_csv)) == ("7:3", "")


def test_summary_is_in_three_languages() -> None:
    report = Report(sources=2, records=1, unread=1)
    assert summary(report) == "1 record from 2 sources, 1 source unread: 0 violations, 0 warnings"
    assert summary(replace(report, language="es")).startswith("1 registro de 2 fuentes, 1 fuente sin leer: 0 infracc")
    assert count_of("fr", 0, "violation") == "0 infraction"
    assert count_of("en", 0, "violation") == "0 violations"
    ranks = [SEVERITIES.index(finding.severity) for _, finding in by_rule(hostile())]
    assert ranks == sorted(ranks)
