"""Reports with ordinary, hostile and omitted findings, and their output."""

from __future__ import annotations

import io
from dataclasses import replace

from cybilgraph.model.findings import (
    SEVERITIES,
    CheckedFile,
    Excerpt,
    Finding,
    Fix,
    Report,
    Severity,
)
from cybilgraph.model.vocabulary import RULES
from cybilgraph.validation.outputs import OUTPUTS

#: Text with a special meaning in some format: ends of CDATA, lines and commands, tags, entities, formulas.
HOSTILE = (
    "]]>", "\n::error::x", "%0A%25", "<script>alert(1)</script>", "&amp;\"'", "=1+1", "\u202ecba", "\x1b[31m\x00\x07",
    "{{ 7*7 }}", "[bold]x[/bold]", ":tada:", '"""', "\\", "\t", "\r", "\u2028", "\ufffe", "a,b:c", "é中文🎉",
)  # fmt: skip

ALL = "".join(HOSTILE)


def written(report: Report, name: str) -> str:
    stream = io.StringIO(newline="")
    OUTPUTS[name](report, stream)
    return stream.getvalue()


def hostile() -> Report:
    """Each hostile text in each field, for our rules and those of other shapes, with and without a line."""
    report = Report(as_of="2024-05-06", sources=2, records=1, unread=1)
    report.files = [
        CheckedFile(f"{ALL}.txt", "a%20b/%E4%B8%AD.txt", [ALL]),
        CheckedFile("good.txt", "good.txt", ["G0001"]),
    ]
    for severity in SEVERITIES:
        for number, text in enumerate((*HOSTILE, ALL, ALL * (1_000 if severity is Severity.WARNING else 1))):
            report.findings.append(
                Finding(
                    severity=severity,
                    rule=f"{RULES}known-actor" if number % 2 else text,
                    message=text,
                    file=f"{ALL}.txt" if number % 3 else text,
                    record=text if number % 4 else "",
                    label=text,
                    line=number,
                    column=number,
                    text=text,
                    suggestion=text,
                    focus=text,
                    path=text,
                    value=text,
                    values=(("value", text), ("meant", text)),
                    excerpt=Excerpt(f"x{text}x"[:300], 7, 2, min(len(text), 299)) if number % 5 else None,
                    fix=Fix(number, number, text, text) if number % 2 else None,
                )
            )
    return report


def both(report: Report) -> list[Report]:
    return [
        report,
        hostile(),
        truncated(),
        Report(as_of="2024-01-01"),
        replace(hostile(), language="fr", fail_on=Severity.INFO),
    ]


def truncated() -> Report:
    """A report that lists 5 of its findings."""
    report = hostile()
    report.truncate(5, 1_000_000, lambda _: 1)
    return report
