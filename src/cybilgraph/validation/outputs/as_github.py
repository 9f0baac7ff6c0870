"""Writes a report as GitHub Actions workflow commands, which annotate the lines of a pull request."""

from __future__ import annotations

from typing import TextIO
from urllib.parse import unquote

from cybilgraph.model.findings import Finding, Report, Severity, escape_controls
from cybilgraph.validation.outputs.wording import omission_note, rule_name, summary

_COMMANDS = {Severity.VIOLATION: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def as_github(report: Report, stream: TextIO) -> None:
    """Write one command per finding.

    File names are relative to the root of their repository, as annotations require, or else to the working folder.
    """
    uris = {checked.name: checked.tracked or checked.uri for checked in report.files}
    paths = {file: unquote(uri, errors="backslashreplace") for file, uri in uris.items()}
    for finding in report.findings:
        properties = {"file": paths.get(finding.file, finding.file), **_place(finding), "title": rule_name(finding)}
        message = "\n".join(escape_controls(text) for text in (finding.message, finding.suggestion) if text)
        arguments = ",".join(
            f"{key}={escape_controls(value).translate(_IN_PROPERTIES)}" for key, value in properties.items()
        )
        stream.write(f"::{_COMMANDS[finding.severity]} {arguments}::{message.translate(_IN_MESSAGES)}\n")
    stream.write(f"{summary(report)}\n")
    if note := omission_note(report):
        stream.write(f"::notice::{note}\n")


def _place(finding: Finding) -> dict[str, str]:
    place = {"line": str(finding.line)} if finding.line else {}
    if finding.excerpt and (column := finding.excerpt.column):
        place |= {"col": str(column), "endColumn": str(column + finding.excerpt.length)}
    return place
