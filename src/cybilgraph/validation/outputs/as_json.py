"""A report as JSON, and the JSON Schema that says what stands in it."""

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
        "as_of": "The day that rules took for today, as in 2024-01-31.",
        "language": "The language of messages and suggestions.",
        "fail_on": "The least severity with which the check has failed.",
        "sources": "How many files were looked at.",
        "records": "How many records were found in them.",
        "statements": "How many statements, where RDF was held against other shapes than ours.",
        "unread": "How many files could not be read, or not to their end.",
        "files": "The files, in the order of reading.",
        "findings": "What was found, in the order of files, lines, columns and severity.",
        "omitted": "How many findings of each rule a truncated report does not list; counts include them.",
    },
    CheckedFile: {
        "name": "The file's name in findings: its path below the folder that was asked for.",
        "uri": "Where it lies: relative to the folder that the check was started in, if it lies below that.",
        "records": "The keys of its records: code, IATI identifier or slug. A truncated report has the first of them.",
        "tracked": "Where it lies below the root of its git repository; empty where it lies in none.",
    },
    OmittedFindings: {
        "severity": "How bad they are.",
        "rule": "IRI of the rule that found them.",
        "count": "How many findings of this severity and rule are not listed.",
    },
    Finding: {
        "severity": "How bad it is.",
        "rule": "IRI of the rule that found it.",
        "message": "What is wrong or missing.",
        "file": "The file's name.",
        "record": "The record's key; empty where it is of the whole file.",
        "label": "The field's label as the source prints it.",
        "line": "The line, from 1; of a workbook, the row. 0 where none is known.",
        "column": "The character on the line, from 1. 0 where none is known.",
        "cell": "Of a table, the cell on the line, from 1. 0 elsewhere, or where none is known.",
        "text": "The words concerned.",
        "suggestion": "How to mend it.",
        "focus": "IRI of the thing that was found wrong (SHACL, sh:focusNode).",
        "path": "IRI of the property (sh:resultPath).",
        "value": "The value: an IRI, or the text of a literal (sh:value).",
        "excerpt": "The line of the source, or a part of it.",
        "values": "What fills the gaps of the rule's words.",
        "advice": "The name of another rule, where its suggestion was given.",
        "fix": "A mend that is certain.",
        "result": "What an engine reported, where a shape was broken.",
    },
    ShaclResult: {
        "focus": "The node that was found wrong, as N-Triples writes it (sh:focusNode).",
        "rule": "IRI of the shape, or of the nearest above it that has one (sh:sourceShape).",
        "path": "The path, as SPARQL writes it; empty for the node itself (sh:resultPath).",
        "value": "The value as N-Triples writes it; empty where there is none (sh:value).",
        "component": "IRI of the constraint component (sh:sourceConstraintComponent).",
        "severity": "IRI of the severity (sh:resultSeverity).",
        "messages": "What the shape says, in all its languages (sh:resultMessage).",
    },
    Excerpt: {
        "text": "A part of the line, as the source has it.",
        "cut": "How many characters of the line stand before it.",
        "mark": "The first character that is meant, from 1 in the text; 0 where it is not known.",
        "length": "How many characters are meant.",
    },
    Fix: {
        "line": "The line of the words, from 1.",
        "column": "The character on the line, from 1.",
        "old": "The words that stand there.",
        "new": "The words that should.",
    },
}
_PARTS = (CheckedFile, OmittedFindings, Finding, Excerpt, Fix, ShaclResult)
_TYPES: dict[str, dict[str, Any]] = {"str": {"type": "string"}, "int": {"type": "integer", "minimum": 0}}


def report_document(report: Report) -> dict[str, Any]:
    """The report as it is, with the sums: what the schema describes."""
    counts = {severity.value: count for severity, count in report.counts.items()}
    return {
        "$schema": SCHEMA_IRI,
        "conforms": not counts[Severity.VIOLATION],
        "counts": counts,
        "note": omission_note(report),
        **fields_of(report),
    }


def fields_of(value: Any) -> dict[str, Any]:
    """What a part of a report holds, as an encoder of JSON asks for it (``default``): ``asdict``
    would copy all of a report at once.
    """
    found = {name: getattr(value, name) for name in _names(value.__class__)}
    return found | {"values": dict(value.values)} if isinstance(value, Finding) else found


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def as_json(report: Report, stream: TextIO) -> None:
    """One document, by the schema of ``schema()``."""
    json.dump(report_document(report), stream, ensure_ascii=False, indent=2, default=fields_of)
    stream.write("\n")


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of reports, made from the classes that hold them."""
    severity = {"enum": [severity.value for severity in SEVERITIES]}
    known: dict[str, dict[str, Any]] = {
        **_TYPES,
        "Severity": severity,
        "list[str]": {"type": "array", "items": _TYPES["str"]},
        "tuple[tuple[str, str], ...]": {"type": "object", "additionalProperties": _TYPES["str"]},
        "list[CheckedFile]": {"type": "array", "items": {"$ref": "#/$defs/CheckedFile"}},
        "list[OmittedFindings]": {"type": "array", "items": {"$ref": "#/$defs/OmittedFindings"}},
        "Findings": {"type": "array", "items": {"$ref": "#/$defs/Finding"}},
        "Excerpt | None": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/Excerpt"}]},
        "tuple[str, ...]": {"type": "array", "items": _TYPES["str"]},
        "ShaclResult | None": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/ShaclResult"}]},
        "Fix | None": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/Fix"}]},
    }
    whole = _object(Report, known)
    whole["properties"] = {
        "$schema": {"const": SCHEMA_IRI},
        "conforms": {"type": "boolean", "description": "No violation; warnings and information are allowed."},
        "counts": {
            "type": "object",
            "description": "How many findings are of each severity.",
            "properties": dict.fromkeys(severity["enum"], _TYPES["int"]),
            "required": severity["enum"],
            "additionalProperties": False,
        },
        "note": _TYPES["str"] | {"description": "How many findings are not listed, and how to list them; else empty."},
        **whole["properties"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_IRI,
        "title": "A report of cybilgraph check",
        **whole,
        "required": list(whole["properties"]),
        "$defs": {each.__name__: _object(each, known) for each in _PARTS},
    }


def _object(holder: Any, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of what a class holds."""
    return {
        "type": "object",
        "properties": {
            each.name: known[str(each.type)] | {"description": _DESCRIPTIONS[holder][each.name]}
            for each in fields(holder)
        },
        "required": [each.name for each in fields(holder)],
        "additionalProperties": False,
    }
