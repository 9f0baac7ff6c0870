"""Findings of the rows of a table."""

from __future__ import annotations

from datetime import date

from cybilgraph.model.findings import Finding
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input

HEADER = "code,title,start,countries,part_of,follows\n"


def find(*rows: str) -> list[Finding]:
    text = HEADER + "\n".join(rows)
    found = check_inputs([Input("all.csv", data=text.encode())], as_of=date(2026, 11, 25)).findings
    return [finding for finding in found if "has-" not in finding.rule and "no-column" not in finding.rule]


def rules(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.rule.partition("#")[2], finding.line) for finding in findings]
