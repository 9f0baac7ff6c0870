"""Writes a report as SARIF 2.1.0 (OASIS standard), for code-scanning services and editors."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any, TextIO

from cybilgraph.model.findings import Finding, Report, Severity, escape_controls
from cybilgraph.model.rules import LANGUAGES, PLACEHOLDER, Rule, catalogue
from cybilgraph.model.vocabulary import BASE, RULES
from cybilgraph.validation.outputs.wording import cell_of, omission_note, parts_of, phrase_for, rule_name
from cybilgraph.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.VIOLATION: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT = "SRCROOT"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def as_sarif(report: Report, stream: TextIO) -> None:
    """Write one run with the whole catalogue of rules, so that services can also show rules without findings."""
    rules = catalogue()
    found = {rule_name(finding): finding for finding in report.findings}
    others = {rule: finding for rule, finding in found.items() if rule not in rules}
    described = [_rule(rule, report.language) for rule in rules.values()] + [
        _level(rule, finding.severity) for rule, finding in others.items()
    ]
    places = {rule["id"]: index for index, rule in enumerate(described)}
    uris = {checked.name: checked.uri for checked in report.files}
    note = omission_note(report)
    notifications = {"toolExecutionNotifications": [{"message": {"text": note}}]} if note else {}
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "cybilgraph",
                "semanticVersion": __version__,
                "informationUri": BASE,
                "rules": described,
            }
        },
        "language": report.language,
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The working folder of the check."}}},
        "invocations": [
            {"executionSuccessful": not report.unread, "exitCode": int(not report.passes), **notifications}
        ],
        "artifacts": [{"location": _location(checked.uri)} for checked in report.files],
        "results": [_result(finding, places, uris, report.language, seen) for finding in report.findings],
    }
    json.dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, stream, ensure_ascii=False, indent=2)
    stream.write("\n")


def _rule(rule: Rule, language: str) -> dict[str, Any]:
    """Return a reporting descriptor (section 3.49), with the names of variables in its message."""
    message, suggestion, title = (
        PLACEHOLDER.sub(r"‹\1›", texts.get(language) or texts.get(LANGUAGES[0], ""))
        for texts in (rule.messages, rule.suggestions, rule.names)
    )
    return _level(rule.name, rule.severity) | {
        "shortDescription": {"text": title or message},
        "fullDescription": {"text": message},
        "help": {"text": f"{message} {suggestion}".rstrip()},
        "helpUri": f"{RULES}{rule.name}",
        "properties": {"tags": [rule.category]},
    }


def _level(rule: str, severity: Severity) -> dict[str, Any]:
    return {"id": rule, "defaultConfiguration": {"level": _LEVELS[severity]}}


def _result(
    finding: Finding, places: dict[str, int], uris: dict[str, str], language: str, seen: Counter[str]
) -> dict[str, Any]:
    """Return a result (section 3.27)."""
    file = _location(uris.get(finding.file, finding.file))
    text = " ".join(filter(None, (finding.message, finding.suggestion)))
    if cell := cell_of(finding):  # a region has only the row
        text = f"{cell}: {text}"
    physical: dict[str, Any] = {"artifactLocation": file}
    if finding.line:
        physical["region"] = _region(finding)
    location: dict[str, Any] = {"physicalLocation": physical}
    logical: list[dict[str, Any]] = []
    if finding.record:
        full = {"fullyQualifiedName": finding.focus} if finding.focus else {}
        logical.append({"name": finding.record, "kind": "record", **full})
    if cell:
        logical.append({"name": escape_controls(cell), "kind": "cell"})
    if logical:
        location["logicalLocations"] = logical
    fingerprint = _fingerprint(finding)
    seen[fingerprint] += 1
    result: dict[str, Any] = {
        "ruleId": rule_name(finding),
        "ruleIndex": places[rule_name(finding)],
        "level": _LEVELS[finding.severity],
        "message": {"text": escape_controls(text)},
        "locations": [location],
        "partialFingerprints": {"finding/v1": f"{fingerprint}:{seen[fingerprint]}"},
    }
    if fixes := _fixes(finding, file, language):
        result["fixes"] = fixes
    return result


def _location(uri: str) -> dict[str, str]:
    """Return an artifact location (section 3.4), relative to the root if it is below."""
    return {"uri": uri} if _SCHEME.match(uri) else {"uri": uri, "uriBaseId": _ROOT}


def _region(finding: Finding) -> dict[str, Any]:
    """Return a region (section 3.30): the marked text, or the line if its position is unknown."""
    region: dict[str, Any] = {"startLine": finding.line}
    if (excerpt := finding.excerpt) and excerpt.column:
        region |= {"startColumn": excerpt.column, "endColumn": excerpt.column + excerpt.length}
        if words := parts_of(excerpt)[1]:
            region["snippet"] = {"text": words}
    return region


def _fixes(finding: Finding, file: dict[str, str], language: str) -> list[dict[str, Any]]:
    """Return the fix or proposal (section 3.55), unless the excerpt does not confirm the text that it replaces."""
    fix, excerpt = finding.fix or finding.proposal, finding.excerpt
    if not fix or not excerpt or fix.line != finding.line or fix.column <= excerpt.cut:
        return []
    if not excerpt.text.startswith(fix.old, fix.column - excerpt.cut - 1):
        return []
    deleted = {"startLine": fix.line, "startColumn": fix.column, "endColumn": fix.column + len(fix.old)}
    replacement = {"deletedRegion": deleted, "insertedContent": {"text": fix.new}}
    return [
        {
            "description": {"text": escape_controls(phrase_for(language, "fix", old=fix.old, new=fix.new))},
            "artifactChanges": [{"artifactLocation": file, "replacements": [replacement]}],
        }
    ]


def _fingerprint(finding: Finding) -> str:
    """Return a hash of a finding that does not depend on its line number."""
    parts = (finding.rule, finding.file, finding.record, finding.path, finding.value, finding.label, finding.text)
    return hashlib.sha256("\x1f".join(parts).encode(errors="backslashreplace")).hexdigest()[:32]
