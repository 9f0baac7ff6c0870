"""A workbook with typical mistakes, for tests of every place that reports them."""

from __future__ import annotations

import io
from functools import cache

import openpyxl
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

#: Each mistake: the cell (or row) that must be named, the rule, and words of its message or suggestion.
MISTAKES = {
    "dates in the wrong order": ("E2", "end-after-start", "Apr 2018 is before Mar 2020, given as start in D2."),
    "impossible date": ("D3", "date-form", "We cannot read this date."),
    "misspelt country": ("F4", "country-type", "Did you mean Fiji?"),
    "unknown status": ("C3", "status-list", "This status is not on the list."),
    "duplicate code": ("B3", "code-of-two", "Another project has this code: “Cyber training for Tonga”."),
    "free text in a list": ("G3", "has-funder", "does not look like names, so it was added to the description."),
    "merged cells": ("G5", "merged-cells", "The cells G5:G6 are merged: only G5 has a value"),
    "hidden row": ("A5", "hidden-rows", "Hidden rows were read like the others: 5."),
    "second sheet": (
        "",
        "other-table",
        "The sheet “2025” also contains projects, but only the sheet “projects” was read.",
    ),
    "formula": ("F6", "formula-without-value", "A formula without a stored value was read as empty: F6."),
    "extra spaces": ("C4", "stray-spaces", "Extra spaces in this cell were ignored."),
    "similar country name": ("F2", "country-type", "Did you mean Tonga?"),
    "serial number of a date": ("D4", "date-form", "Spreadsheet programs store 2023-01-01 as this number."),
    "unknown larger project": (
        "I2",
        "unknown-parent",
        "This project is part of “G0999”, but none of the checked records",
    ),
    "empty cell": ("G6", "has-funder", "Fill in the column “funders”."),
    "misspelt column": ("J1", "unknown-column", "Did you mean links?"),
}
_ROWS = (
    ("title", "code", "status", "start", "end", "countries", "funders", "themes", "part_of", "lincs"),
    ("Cyber training for Tonga", "G0001", "Finishd", "Mar 2020", "Apr 2018", "Tongo", "European Union", "", "G0999"),
    ("Judges of Fiji", "G0001", "Sleeping", "31/02/2020", "", "Fiji", "see the annex for a list of all the donors"),
    ("Policy for police", "G0003", " Ongoing ", 44927, "", "Fijji", "Norway", "Cybercrime"),
    ("Hidden project", "G0004", "Ongoing", "2024", "", "Fiji", "Norway", "Cybercrime"),
    ("Formula project", "G0005", "Ongoing", "2024", "", "=F5", None, "Cybercrime"),
)


@cache
def workbook_with_mistakes() -> bytes:
    """Return a workbook with each of the mistakes, a comment, a chart and formats of its own."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    sheet.title = "projects"
    for row in _ROWS:
        sheet.append(row)
    sheet.merge_cells("G5:G6")
    sheet.row_dimensions[5].hidden = True
    sheet["C3"].font = openpyxl.styles.Font(bold=True)
    sheet["C3"].comment = Comment("Ask Ana.", "Ana")
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=4))
    sheet.add_chart(chart, "M2")
    other = book.create_sheet("2025")
    other.append(["title", "status"])
    other.append(["Another project", "Planned"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
