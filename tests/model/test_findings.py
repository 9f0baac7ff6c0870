"""Findings are counted, sorted and truncated, and their texts are safe to print."""

from __future__ import annotations

import pytest

from cybilgraph.model.findings import (
    CheckedFile,
    Excerpt,
    Finding,
    OmittedFindings,
    Report,
    Severity,
    escape_ci_commands,
    escape_controls,
)


def finding(severity: Severity, rule: str = "urn:rule", file: str = "a.txt", line: int = 0) -> Finding:
    return Finding(severity=severity, rule=rule, message="A message.", file=file, line=line)


def test_control_characters_are_escaped() -> None:
    assert escape_controls("a\x1b[31m\u202eb\nc") == r"a\x1b[31m\u202eb\nc"
    assert escape_controls("a\x1b\nb", lines=True) == "a\\x1b\nb"
    assert escape_controls("Côte\u00a0d’Ivoire 日本") == "Côte\u00a0d’Ivoire 日本"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("::error::x", r"\x3a:error::x"), ("a\n  ##[error]", "a\n  \\x23#[error]"), ("a::b #1", "a::b #1")],
)
def test_commands_of_ci_services_are_escaped(text: str, escaped: str) -> None:
    assert escape_ci_commands(text) == escaped


def test_excerpt_has_column_of_its_mark() -> None:
    assert Excerpt("text", cut=10, mark=3).column == 13
    assert Excerpt("text", cut=10).column == 0


def test_report_is_sorted_by_file_line_and_severity() -> None:
    expected = [
        finding(Severity.INFO, line=1),
        finding(Severity.VIOLATION, line=2),
        finding(Severity.WARNING, line=2),
        finding(Severity.VIOLATION, file="b.txt", line=1),
    ]
    assert Report(findings=expected[::-1]).sort().findings == expected


@pytest.mark.parametrize(
    ("fail_on", "passes"), [(Severity.VIOLATION, True), (Severity.WARNING, False), (Severity.INFO, False)]
)
def test_report_with_warning_conforms_and_passes_by_its_threshold(fail_on: Severity, passes: bool) -> None:
    report = Report(fail_on=fail_on, findings=[finding(Severity.WARNING)])
    assert report.conforms
    assert report.passes is passes


def test_truncated_report_still_counts_what_it_omits() -> None:
    findings = [finding(Severity.WARNING), finding(Severity.INFO), finding(Severity.VIOLATION)]
    report = Report(findings=list(findings), files=[CheckedFile("a.txt", "a.txt", ["one", "two"])])
    counts = report.counts
    report.truncate(1, 100, lambda _: 10)
    assert report.findings == findings[:1]
    assert report.omitted == [
        OmittedFindings(Severity.INFO, "urn:rule", 1),
        OmittedFindings(Severity.VIOLATION, "urn:rule", 1),
    ]
    assert report.counts == counts
    assert not report.conforms
    assert report.files[0].records == ["one"]


def test_truncation_stops_at_first_finding_beyond_the_size() -> None:
    findings = [finding(Severity.INFO, line=line) for line in (1, 50, 2)]
    report = Report(findings=list(findings))
    report.truncate(10, 20, lambda found: found.line)
    assert report.findings == findings[:1]
    assert report.omitted == [OmittedFindings(Severity.INFO, "urn:rule", 2)]


def test_unwanted_findings_are_dropped() -> None:
    report = Report(findings=[finding(Severity.INFO), finding(Severity.VIOLATION)])
    report.keep(lambda found: found.severity is Severity.INFO)
    assert report.findings == [finding(Severity.INFO)]
