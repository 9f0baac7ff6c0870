"""A report for people and for programs: one function a format, all from the same findings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from cybilgraph.findings import SEVERITIES, Finding, Report, Severity, visible
from cybilgraph.vocab import RULES

_COLOURS = {Severity.VIOLATION: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def as_text(report: Report, console: Console) -> None:
    """For the terminal: file by file, each finding with its place, message and rule."""
    for file, findings in groupby(map(_visible, report.findings), key=lambda finding: finding.file):
        console.print(Text(file, style="bold"), soft_wrap=True)
        for finding in findings:
            place = f"{finding.line}:{finding.column}" if finding.line else "-"
            line = Text(f"  {place:>6}  ")
            line.append(f"{finding.severity:<9}", style=_COLOURS[finding.severity])
            line.append(f"  {finding.message}")
            line.append(f"  [{finding.rule.removeprefix(RULES)}]", style="dim")
            console.print(line, soft_wrap=True)
            if finding.label or finding.text:
                words = f"“{_brief(finding.text)}”" if finding.text else "nothing under it"
                label = f"{finding.label}: " if finding.label else ""
                console.print(Text(f"{'':19}{label}{words}", style="dim"), soft_wrap=True)
            if finding.suggestion:
                console.print(Text(f"{'':19}→ {finding.suggestion}", style="green"), soft_wrap=True)
        console.print()
    console.print(summary(report), soft_wrap=True)


def as_json(report: Report, console: Console) -> None:
    """For programs: the report as it is, with counts."""
    counts = {severity.value: report.count(severity) for severity in SEVERITIES}
    text = json.dumps({"conforms": report.conforms, "counts": counts, **asdict(report)}, ensure_ascii=False, indent=2)
    console.file.write(f"{text}\n")


#: To add a format: a function here.
OUTPUTS: dict[str, Callable[[Report, Console], None]] = {"text": as_text, "json": as_json}


def summary(report: Report) -> str:
    """One line: what was read, and how much was found of each severity."""
    found = ", ".join(_counted(report.count(severity), severity.value) for severity in SEVERITIES[:2])
    unread = f", {_counted(report.unread, 'source')} unread" if report.unread else ""
    return f"{_counted(report.records, 'record')} from {_counted(report.sources, 'source')}{unread}: {found}"


def tally(report: Report) -> list[str]:
    """A line for each rule that found something: how often, and what it says; the worst first."""
    found = Counter((SEVERITIES.index(finding.severity), finding.rule, finding.message) for finding in report.findings)
    rules: dict[tuple[int, str], tuple[int, str]] = {}
    for (severity, rule, message), number in found.items():
        before, first = rules.get((severity, rule), (0, message))
        rules[severity, rule] = (before + number, min(first, message))
    ordered = sorted(rules.items(), key=lambda item: (item[0][0], -item[1][0], item[0][1]))
    return [
        f"{number:>5,} × {visible(message)} [{rule.removeprefix(RULES)}]" for (_, rule), (number, message) in ordered
    ]


def _visible(finding: Finding) -> Finding:
    """The finding with texts that are safe to print, each on one line: they come from the records."""
    texts: dict[str, Any] = {name: visible(text) for name, text in asdict(finding).items() if type(text) is str}
    return replace(finding, **texts)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _brief(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
