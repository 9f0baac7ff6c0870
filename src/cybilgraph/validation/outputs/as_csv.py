"""Writes a report as a table."""

from __future__ import annotations

import csv
from typing import TextIO

from cybilgraph.model.findings import Report, escape_controls
from cybilgraph.readers.tabular import escape_formula
from cybilgraph.validation.outputs.wording import omission_note, rule_name

COLUMNS = (
    *("severity", "rule", "file", "line", "column", "cell", "record", "label", "text"),
    *("message", "suggestion", "fix_line", "fix_column", "fix_old", "fix_new"),
)


def as_csv(report: Report, stream: TextIO) -> None:
    """Write one row per finding (RFC 4180); an apostrophe escapes text that a spreadsheet would read as a formula.

    The last row of a truncated report has only a message, which says so.
    """
    rows = csv.writer(stream)
    rows.writerow(COLUMNS)
    for finding in report.findings:
        fix = finding.fix
        place: tuple[object, ...] = (finding.line or "", finding.column or "", finding.cell or "")
        fix_cells = (fix.line, fix.column, _escape_cell(fix.old), _escape_cell(fix.new)) if fix else ("", "", "", "")
        rows.writerow(
            (
                finding.severity.value,
                *map(_escape_cell, (rule_name(finding), finding.file)),
                *place,
                *map(_escape_cell, (finding.record, finding.label, finding.text, finding.message, finding.suggestion)),
                *fix_cells,
            )
        )
    if note := omission_note(report):
        rows.writerow([note if column == "message" else "" for column in COLUMNS])


def _escape_cell(text: str) -> str:
    """Escape formulas, including those after spaces, and control characters."""
    return escape_formula(escape_controls(text, lines=True))
