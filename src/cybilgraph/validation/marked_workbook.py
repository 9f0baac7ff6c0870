"""Returns a checked workbook with coloured cells, and with the findings as comments."""

from __future__ import annotations

from collections import defaultdict

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import SEVERITIES, Finding, Report, escape_controls
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.workbooks import read_sheet
from cybilgraph.validation.outputs.wording import omission_note, phrase_for, rule_name
from cybilgraph.validation.workbook_edits import CellPlace, Mark, WorkbookEdit

#: The maximum length of a comment: more does not fit on a screen.
_MAX_COMMENT_CHARACTERS = 3_000


def mark_workbook(content: bytes, report: Report) -> bytes:
    """Return the workbook with the findings of its report; unchanged if it cannot be read.

    A finding about a row is at its first cell, and one about the whole workbook at the first cell of the sheet.
    """
    try:
        part, _ = read_sheet(Input("workbook.xlsx", data=content), 0)
    except SourceError:
        return content
    book = WorkbookEdit(content, part)
    by_cell: dict[CellPlace, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_cell[book.first_of_merged((finding.line or 1, finding.cell or 1))].append(finding)
    marks = {place: _mark(findings, report.language) for place, findings in by_cell.items()}
    if note := omission_note(report):
        first = marks[1, 1] if (1, 1) in marks else Mark(SEVERITIES[-1], "")
        marks[1, 1] = Mark(first.severity, "\n\n".join(filter(None, (note, first.comment))))
    book.mark(marks)
    return book.content()


def _mark(findings: list[Finding], language: str) -> Mark:
    ordered = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))  # stable
    texts = []
    for finding in ordered:
        severity = phrase_for(language, finding.severity.value)
        lines = [f"{severity}: {finding.message} [{rule_name(finding)}]"]
        if finding.suggestion:
            lines.append(f"→ {finding.suggestion}")
        texts.append(escape_controls("\n".join(lines), lines=True))
    comment = "\n\n".join(texts)
    return Mark(ordered[0].severity, comment[:_MAX_COMMENT_CHARACTERS])
