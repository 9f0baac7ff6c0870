"""Writes a report as one self-contained HTML page, without scripts or network access."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import groupby
from typing import Any, TextIO

import jinja2

from cybilgraph.model.findings import SEVERITIES, Excerpt, Report, escape_controls
from cybilgraph.validation.outputs.wording import (
    by_rule,
    cell_of,
    count_of,
    omission_note,
    phrase_for,
    rule_name,
    summary,
)


def as_html(report: Report, stream: TextIO) -> None:
    """Write counts by rule and by file, then each file's findings with their lines."""
    language = report.language
    files = [
        {
            "name": file,
            "id": f"file-{number}",
            "findings": (found := list(findings)),
            "counts": Counter(finding.severity for finding in found),
        }
        for number, (file, findings) in enumerate(groupby(report.findings, key=lambda finding: finding.file), start=1)
    ]
    template = _templates().get_template("report.html")
    for part in template.generate(
        report=report,
        files=files,
        rules=by_rule(report),
        summary=summary(report),
        note=omission_note(report),
        severities=SEVERITIES,
        phrase_for=lambda key, **values: phrase_for(language, key, **values),
        count_of=lambda number, key: count_of(language, number, key),
    ):
        stream.write(part)


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("cybilgraph.validation.outputs"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters |= {"visible": escape_controls, "parts": _parts, "rule": rule_name, "cell": cell_of}
    return templates


def _parts(excerpt: Excerpt) -> dict[str, Any]:
    """Return the text before, in and after the mark."""
    begin = max(excerpt.mark - 1, 0)
    end = begin + excerpt.length
    return {
        "before": ("…" if excerpt.cut else "") + escape_controls(excerpt.text[:begin]),
        "marked": escape_controls(excerpt.text[begin:end]),
        "after": escape_controls(excerpt.text[end:]),
    }
