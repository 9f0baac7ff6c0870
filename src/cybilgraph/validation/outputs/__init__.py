"""Writes reports for people and programs, with one function per format."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import TextIO
from urllib.parse import unquote

import jinja2

from cybilgraph.model.findings import SEVERITIES, Report, Severity, escape_controls
from cybilgraph.readers.tabular import escape_formula
from cybilgraph.validation.outputs.as_json import as_json
from cybilgraph.validation.outputs.as_junit import as_junit
from cybilgraph.validation.outputs.as_sarif import as_sarif
from cybilgraph.validation.outputs.as_text import as_text
from cybilgraph.validation.outputs.as_turtle import as_turtle
from cybilgraph.validation.outputs.wording import (
    by_rule,
    cell_of,
    omission_note,
    parts_of,
    phrase_for,
    rule_name,
    summary,
)

_COLUMNS = (
    *("severity", "rule", "file", "line", "column", "cell", "record", "label", "text"),
    *("message", "suggestion", "fix_line", "fix_column", "fix_old", "fix_new", "cell_name"),
)
_GITHUB_COMMANDS = {Severity.VIOLATION: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def as_csv(report: Report, stream: TextIO) -> None:
    """Write one row per finding (RFC 4180); an apostrophe escapes text that a spreadsheet would read as a formula.

    The last row of a truncated report has only a message, which says so.
    """
    rows = csv.writer(stream)
    rows.writerow(_COLUMNS)
    for finding in report.findings:
        fix = finding.fix
        row = (
            *(finding.severity.value, rule_name(finding), finding.file),
            *(finding.line or "", finding.column or "", finding.cell or ""),
            *(finding.record, finding.label, finding.text, finding.message, finding.suggestion),
            *((fix.line, fix.column, fix.old, fix.new) if fix else ("", "", "", "")),
            finding.cell_name,
        )
        # Escapes formulas, including those after spaces, and control characters.
        rows.writerow(
            escape_formula(escape_controls(cell, lines=True)) if isinstance(cell, str) else cell for cell in row
        )
    if note := omission_note(report):
        rows.writerow([note if column == "message" else "" for column in _COLUMNS])


def as_github(report: Report, stream: TextIO) -> None:
    """Write one GitHub Actions workflow command per finding, which annotates a line of a pull request.

    File names are relative to the root of their repository, as annotations require, or else to the working folder.
    """
    uris = {checked.name: checked.tracked or checked.uri for checked in report.files}
    paths = {file: unquote(uri, errors="backslashreplace") for file, uri in uris.items()}
    for finding in report.findings:
        properties = {"file": paths.get(finding.file, finding.file)}
        if finding.line:
            properties["line"] = str(finding.line)
        if finding.excerpt and (column := finding.excerpt.column):
            properties |= {"col": str(column), "endColumn": str(column + finding.excerpt.length)}
        properties["title"] = " ".join(filter(None, (cell_of(finding), rule_name(finding))))
        message = "\n".join(escape_controls(text) for text in (finding.message, finding.suggestion) if text)
        arguments = ",".join(
            f"{key}={escape_controls(value).translate(_IN_PROPERTIES)}" for key, value in properties.items()
        )
        command = _GITHUB_COMMANDS[finding.severity]
        stream.write(f"::{command} {arguments}::{message.translate(_IN_MESSAGES)}\n")
    stream.write(f"{summary(report)}\n")
    if note := omission_note(report):
        stream.write(f"::notice::{note}\n")


def as_html(report: Report, stream: TextIO) -> None:
    """Write one self-contained page, without scripts or network access.

    It has counts by rule and by file, then each file's findings with their lines.
    """
    language = report.language
    files = []
    for number, (file, group) in enumerate(groupby(report.findings, key=lambda finding: finding.file), start=1):
        findings = list(group)
        counts = Counter(finding.severity for finding in findings)
        files.append({"name": file, "id": f"file-{number}", "findings": findings, "counts": counts})
    parts = (
        _templates()
        .get_template("report.html")
        .generate(
            report=report,
            files=files,
            rules=by_rule(report),
            summary=summary(report),
            note=omission_note(report),
            severities=SEVERITIES,
            phrase_for=lambda key, **values: phrase_for(language, key, **values),
        )
    )
    stream.writelines(parts)


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("cybilgraph.validation.outputs"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters |= {"visible": escape_controls, "parts": parts_of, "rule": rule_name, "cell": cell_of}
    return templates


#: The functions by format name. They write text with final line endings, to be encoded as UTF-8.
OUTPUTS: dict[str, Callable[[Report, TextIO], None]] = {
    "text": as_text,
    "json": as_json,
    "html": as_html,
    "sarif": as_sarif,
    "junit": as_junit,
    "github": as_github,
    "turtle": as_turtle,
    "csv": as_csv,
}
