"""Writes a report as a SHACL validation report (section 3.6) in Turtle."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TextIO

from cybilgraph.model.findings import Finding, Report, Severity
from cybilgraph.model.rules import catalogue, translate
from cybilgraph.model.vocabulary import PREFIXES, SH, XSD, own_iri
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.ntriples import iri, is_iri, literal
from cybilgraph.validation.outputs.wording import omission_note, rule_name

_SEVERITIES = {Severity.VIOLATION: SH.Violation, Severity.WARNING: SH.Warning, Severity.INFO: SH.Info}
_PATH = re.compile(r"<[^<>]*+>|[()^/|*+?]")
_REPEATED = {"*": "sh:zeroOrMorePath", "+": "sh:oneOrMorePath", "?": "sh:zeroOrOnePath"}
_USED = ("cyb", "oa", "prov", "rdfs", "sh")
_NEXT = ",\n        "


def as_turtle(report: Report, stream: TextIO) -> None:
    """Write one result per finding, with messages in all languages of its rule.

    The quoted text, line and column are the result's evidence. The focus of a reader's finding is the record or the
    file. All nodes except those of complex paths have IRIs, derived from the content, so that equal reports are equal.
    """
    results = [list(_result(finding)) for finding in report.findings]
    content = "\n".join(f"{predicate} {value}" for result in results for predicate, value in result)
    digest = hashlib.sha256(f"{report.as_of}\n{content}".encode()).hexdigest()
    node = own_iri(f"check/{digest[:32]}")
    stream.writelines(f"@prefix {prefix}: <{PREFIXES[prefix]}> .\n" for prefix in _USED)
    result_iris = [f"{node}/result/{number}" for number in range(1, len(results) + 1)]
    head = [("a", "sh:ValidationReport"), ("sh:conforms", "false" if results or report.omitted else "true")]
    if report.as_of:
        head.append(("cyb:asOf", literal(report.as_of, datatype=XSD.date)))
    if note := omission_note(report):
        head.append(("rdfs:comment", literal(note, report.language)))
    _write(stream, node, [*head, *(("sh:result", iri(result)) for result in result_iris)])
    for result, statements, finding in zip(result_iris, results, report.findings, strict=True):
        _write(stream, result, [*statements, ("cyb:evidence", iri(f"{result}/evidence"))])
        _write(stream, f"{result}/evidence", list(_evidence(finding)))


def _result(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield the statements about a result (SHACL, section 3.6.2)."""
    yield "a", "sh:ValidationResult"
    if result := finding.result:
        yield "sh:focusNode", result.focus
        if result.path:
            yield "sh:resultPath", shacl_path(result.path)
        if result.value:
            yield "sh:value", result.value
        yield "sh:sourceConstraintComponent", iri(result.component)
        yield "sh:resultSeverity", iri(result.severity if is_iri(result.severity) else SH.Violation)
    else:
        about = finding.focus if is_iri(finding.focus) else finding.record and record_iri(finding.record)
        yield "sh:focusNode", iri(about) if about else literal(finding.focus or finding.file)
        yield "sh:resultSeverity", iri(_SEVERITIES[finding.severity])
    if is_iri(finding.rule):
        yield "sh:sourceShape", iri(finding.rule)
    rule = catalogue().get(rule_name(finding))
    for language in rule.messages if rule else ():
        yield "sh:resultMessage", literal(translate(finding, language).message, language)
    if rule is None and finding.message:
        yield "sh:resultMessage", literal(finding.message)
    if finding.suggestion:
        yield "cyb:suggestion", literal(finding.suggestion)


def shacl_path(path: str) -> str:
    """Convert a SPARQL property path, as engines report it, to a SHACL path (section 2.3.1)."""
    parts = _PATH.findall(path)

    def element() -> str:
        first = parts.pop(0)
        if first == "^":
            return f"[ sh:inversePath {element()} ]"
        if first != "(":
            return str(first)
        inner, separator = [element()], ""
        while (mark := parts.pop(0)) != ")":
            separator = mark
            inner.append(element())
        whole = f"( {' '.join(inner)} )" if separator else inner[0]
        whole = f"[ sh:alternativePath {whole} ]" if separator == "|" else whole
        return f"[ {_REPEATED[parts.pop(0)]} {whole} ]" if parts and parts[0] in _REPEATED else whole

    return element()


def _evidence(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield the statements about the position of a finding in its source."""
    yield "a", "oa:TextQuoteSelector"
    yield "rdfs:label", literal(finding.file)
    if finding.text:
        yield "oa:exact", literal(finding.text)
    if finding.line:
        yield "cyb:line", str(finding.line)
        if finding.column:
            yield "cyb:column", str(finding.column)
    if finding.record:
        yield "prov:wasDerivedFrom", iri(f"{record_iri(finding.record)}/source")


def _write(stream: TextIO, subject: str, statements: list[tuple[str, str]]) -> None:
    stream.write(f"\n{iri(subject)}\n")
    grouped = ((predicate, [value for _, value in group]) for predicate, group in groupby(statements, itemgetter(0)))
    stream.write(" ;\n".join(f"    {predicate} {_NEXT.join(values)}" for predicate, values in grouped))
    stream.write(" .\n")
