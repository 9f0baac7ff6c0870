"""A report as a table: one row a finding."""

from __future__ import annotations

import csv
from typing import TextIO

from cybilgraph.model.findings import Report, escape_controls
from cybilgraph.readers.tabular.delimited import escape_formula
from cybilgraph.validation.outputs.wording import omission_note, rule_name

COLUMNS = (
    *("severity", "rule", "file", "line", "column", "cell", "record", "label", "text"),
    *("message", "suggestion", "fix_line", "fix_column", "fix_old", "fix_new"),
)


def as_csv(report: Report, stream: TextIO) -> None:
    """One row a finding (RFC 4180). A cell that a spreadsheet program would take for a formula
    begins with an apostrophe. The last row of a truncated report has only a message, which says so.
    """
    rows = csv.writer(stream)
    rows.writerow(COLUMNS)
    for finding in report.findings:
        fix = finding.fix
        place: tuple[object, ...] = (finding.line or "", finding.column or "", finding.cell or "")
        mend = (fix.line, fix.column, _escape_cell(fix.old), _escape_cell(fix.new)) if fix else ("", "", "", "")
        rows.writerow(
            (
                finding.severity.value,
                *map(_escape_cell, (rule_name(finding), finding.file)),
                *place,
                *map(_escape_cell, (finding.record, finding.label, finding.text, finding.message, finding.suggestion)),
                *mend,
            )
        )
    if note := omission_note(report):
        rows.writerow([note if column == "message" else "" for column in COLUMNS])


def _escape_cell(text: str) -> str:
    """A text that stays a text: no formula, also behind spaces, and nothing that steers a terminal."""
    return escape_formula(escape_controls(text, lines=True))
