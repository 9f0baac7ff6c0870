"""Writes a report as JUnit XML (the schema of Apache Ant's task), which most CI services display."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TextIO
from urllib.parse import unquote

from lxml import etree

from cybilgraph.model.findings import CheckedFile, Finding, Report, escape_controls
from cybilgraph.model.vocabulary import RULES
from cybilgraph.validation.outputs.wording import cell_of, omission_note, place_of, rule_name

_UNREADABLE = f"{RULES}unreadable"
#: The schema requires a time and a host for each suite, which a report does not have.
_TIME, _HOST = "0", "localhost"


def as_junit(report: Report, stream: TextIO) -> None:
    """Write one suite per file.

    Each rule that a record breaks is a case, which fails if the rule's severity fails the check. A record without
    findings is a case that passes, and an unreadable file is an error. Other findings go to the suite's output.
    """
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_file[finding.file].append(finding)
    files = {checked.name: checked for checked in report.files}
    suites = etree.Element("testsuites")
    note = omission_note(report)
    for number, file in enumerate([*files, *(file for file in by_file if file not in files)]):
        checked = files.get(file) or CheckedFile(file, file)
        suites.append(_suite(number, checked, by_file.get(file, []), report, note))
    etree.indent(suites)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(f"{etree.tostring(suites, encoding='unicode')}\n")


def _suite(number: int, checked: CheckedFile, findings: list[Finding], report: Report, note: str) -> Any:
    file = unquote(checked.uri)  # includes the folder, to keep files of several reports apart
    suite = etree.Element("testsuite", name=_token(file), package="cybilgraph", id=str(number))
    etree.SubElement(suite, "properties")
    cases: dict[tuple[str, str], list[Finding]] = {(record, ""): [] for record in checked.records}
    for finding in findings:
        cases.pop((finding.record, ""), None)
        cases.setdefault((finding.record, rule_name(finding)), []).append(finding)
    failures = errors = 0
    notes = [note] if note else []
    for (record, rule), found in cases.items() or [(("", ""), [])]:
        title = " ".join(filter(None, (record, rule))) or checked.name
        case = etree.SubElement(suite, "testcase", name=_token(title), classname=_token(file), time=_TIME)
        bad = [finding for finding in found if report.fails(finding)]
        if bad:
            unread = any(finding.rule == _UNREADABLE for finding in bad)
            errors, failures = errors + unread, failures + (not unread)
            tag = "error" if unread else "failure"
            element = etree.SubElement(case, tag, message=escape_controls(bad[0].message), type=bad[0].severity.value)
            element.text = "\n".join(map(_line, bad))
        notes += [_line(finding) for finding in found if not report.fails(finding)]
    sums = {"tests": len(suite) - 1, "failures": failures, "errors": errors}
    suite.attrib.update({key: str(value) for key, value in sums.items()})
    suite.attrib.update({"time": _TIME, "timestamp": f"{report.as_of}T00:00:00", "hostname": _HOST})
    etree.SubElement(suite, "system-out").text = "\n".join(notes)
    etree.SubElement(suite, "system-err").text = ""
    return suite


def _line(finding: Finding) -> str:
    place = f":{place}" if (place := cell_of(finding) or place_of(finding)) else ""
    text = " ".join(filter(None, (finding.message, finding.suggestion)))
    return escape_controls(f"{finding.file}{place}: {finding.severity.value}: {text} [{rule_name(finding)}]")


def _token(text: str) -> str:
    """Return a text as a non-empty xs:token."""
    return " ".join(escape_controls(text).split()) or "-"
