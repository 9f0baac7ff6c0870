"""Annotations for GitHub are single, escaped workflow commands."""

from __future__ import annotations

import re
from urllib.parse import unquote

from cybilgraph.model.findings import (
    Finding,
    Report,
    Severity,
)
from cybilgraph.model.vocabulary import RULES
from tests.support.reports import hostile, written


def test_github_commands_are_single_lines_with_suggestions() -> None:
    report = hostile()
    lines = written(report, "github").splitlines(keepends=True)
    assert len(lines) == len(report.findings) + 1
    for line, finding in zip(lines, report.findings, strict=False):
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)\n", line)
        assert match, line[:200]
        properties = dict(item.split("=", 1) for item in match[2].split(","))
        assert {"file", "title"} <= properties.keys()
        assert set(properties) <= {"file", "line", "col", "endColumn", "title"}
        if "\x1b" not in finding.message and finding.message.isprintable():
            assert unquote(match[3]).startswith(finding.message)
    assert "file=a b/中.txt" in "".join(lines)


def test_github_commands_are_escaped_as_documented() -> None:
    found = Finding(severity=Severity.INFO, rule=f"{RULES}x", message="100% of\na: b, c", file="a,b:c%.txt", line=3)
    first = written(Report(findings=[found]), "github").splitlines()[0]
    assert first == "::notice file=a%2Cb%3Ac%25.txt,line=3,title=x::100%25 of\\na: b, c"
