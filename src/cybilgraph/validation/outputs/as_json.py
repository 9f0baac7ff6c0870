"""Writes a report as JSON, and provides its JSON Schema."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import Any, TextIO

from cybilgraph.model.findings import (
    SEVERITIES,
    CheckedFile,
    Excerpt,
    Finding,
    Fix,
    OmittedFindings,
    Report,
    Severity,
    ShaclResult,
)
from cybilgraph.model.vocabulary import BASE
from cybilgraph.validation.outputs.wording import omission_note

SCHEMA_IRI = f"{BASE}schema/report.json"

_DESCRIPTIONS: dict[type, dict[str, str]] = {
    Report: {
        "as_of": "The day that rules used as today, for example 2024-01-31.",
        "language": "The language of messages and suggestions.",
        "fail_on": "The lowest severity that fails the check.",
        "sources": "The number of files read.",
        "records": "The number of records found in them.",
        "statements": "The number of statements, if RDF was checked against other shapes.",
        "unread": "The number of files that could not be read completely.",
        "files": "The files, in the order of reading.",
        "findings": "The findings, ordered by file, line, column and severity.",
        "omitted": "The number of findings of each rule that a truncated report does not list; counts include them.",
    },
    CheckedFile: {
        "name": "The file's name in findings: its path below the given folder.",
        "uri": "The URI of the file, relative to the working folder if it is below that.",
        "records": "The keys of its records: code, IATI identifier or slug. A truncated report has the first of them.",
        "tracked": "The path of the file in its git repository, or empty.",
    },
    OmittedFindings: {
        "severity": "The severity of the rule.",
        "rule": "The IRI of the rule.",
        "count": "The number of findings with this severity and rule that are not listed.",
    },
    Finding: {
        "severity": "The severity of the rule.",
        "rule": "The IRI of the rule.",
        "message": "What is wrong or missing.",
        "file": "The file's name.",
        "record": "The record's key; empty if the finding is about the whole file.",
        "label": "The field's label as the source prints it.",
        "line": "The line number, from 1; in a workbook, the row. 0 if unknown.",
        "column": "The character on the line, from 1. 0 if unknown.",
        "cell": "In a table, the cell of the row, from 1. 0 elsewhere or if unknown.",
        "cell_name": "In a workbook, the name of the cell, such as B2. Empty elsewhere.",
        "text": "The text that the finding is about.",
        "suggestion": "How to fix it.",
        "focus": "The IRI of the resource with the problem (SHACL, sh:focusNode).",
        "path": "The IRI of the property (sh:resultPath).",
        "value": "The value: an IRI, or the text of a literal (sh:value).",
        "excerpt": "The line of the source, or a part of it.",
        "values": "The values of the variables in the rule's message.",
        "advice": "The name of another rule, if the suggestion comes from that rule.",
        "fix": "A safe fix.",
        "proposal": "A correction that a person must confirm, as in “Did you mean …?”.",
        "result": "The engine's result, if a shape was violated.",
    },
    ShaclResult: {
        "focus": "The node with the problem, in N-Triples (sh:focusNode).",
        "rule": "The IRI of the shape, or of the nearest enclosing shape that has one (sh:sourceShape).",
        "path": "The path as a SPARQL property path; empty for the node itself (sh:resultPath).",
        "value": "The value in N-Triples; empty if there is none (sh:value).",
        "component": "The IRI of the constraint component (sh:sourceConstraintComponent).",
        "severity": "The IRI of the severity (sh:resultSeverity).",
        "messages": "The messages of the shape, in all its languages (sh:resultMessage).",
    },
    Excerpt: {
        "text": "A part of the line, unchanged.",
        "cut": "The number of characters of the line before the excerpt.",
        "mark": "The first marked character, from 1 in the excerpt; 0 if unknown.",
        "length": "The number of marked characters.",
    },
    Fix: {
        "line": "The line of the text to replace, from 1.",
        "column": "The character on the line, from 1; in a workbook, the cell of the row. 0 if unknown.",
        "old": "The text to replace.",
        "new": "The replacement.",
    },
}
_PARTS = (CheckedFile, OmittedFindings, Finding, Excerpt, Fix, ShaclResult)
_TYPES: dict[str, dict[str, Any]] = {"str": {"type": "string"}, "int": {"type": "integer", "minimum": 0}}


def report_document(report: Report) -> dict[str, Any]:
    """Return the report with its counts, as the schema describes it."""
    counts = {severity.value: count for severity, count in report.counts.items()}
    return {
        "$schema": SCHEMA_IRI,
        "conforms": not counts[Severity.VIOLATION],
        "counts": counts,
        "note": omission_note(report),
        **fields_of(report),
    }


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a part of a report, for the ``default`` of a JSON encoder.

    Unlike ``asdict``, does not copy the whole report at once.
    """
    values = {name: getattr(value, name) for name in _names(value.__class__)}
    return values | {"values": dict(value.values)} if isinstance(value, Finding) else values


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def as_json(report: Report, stream: TextIO) -> None:
    """Write the report as one JSON document; see ``schema``."""
    json.dump(report_document(report), stream, ensure_ascii=False, indent=2, default=fields_of)
    stream.write("\n")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of reports, generated from their classes."""
    severity = {"enum": [severity.value for severity in SEVERITIES]}
    texts = {"type": "array", "items": _TYPES["str"]}
    known: dict[str, dict[str, Any]] = {
        **_TYPES,
        "Severity": severity,
        **dict.fromkeys(("list[str]", "tuple[str, ...]"), texts),
        "tuple[tuple[str, str], ...]": {"type": "object", "additionalProperties": _TYPES["str"]},
    }
    for part in _PARTS:
        reference = {"$ref": f"#/$defs/{part.__name__}"}
        known[f"list[{part.__name__}]"] = {"type": "array", "items": reference}
        known[f"{part.__name__} | None"] = {"oneOf": [{"type": "null"}, reference]}
    known["Findings"] = known["list[Finding]"]
    root = _object(Report, known)
    root["properties"] = {
        "$schema": {"const": SCHEMA_IRI},
        "conforms": {"type": "boolean", "description": "True if there is no violation."},
        "counts": {
            "type": "object",
            "description": "The number of findings of each severity.",
            "properties": dict.fromkeys(severity["enum"], _TYPES["int"]),
            "required": severity["enum"],
            "additionalProperties": False,
        },
        "note": _TYPES["str"]
        | {"description": "The number of findings that are not listed, and how to list them; or empty."},
        **root["properties"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_IRI,
        "title": "A report of cybilgraph check",
        **root,
        "required": list(root["properties"]),
        "$defs": {each.__name__: _object(each, known) for each in _PARTS},
    }


def _object(holder: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            each.name: known[str(each.type)] | {"description": _DESCRIPTIONS[holder][each.name]}
            for each in fields(holder)
        },
        "required": [each.name for each in fields(holder)],
        "additionalProperties": False,
    }
