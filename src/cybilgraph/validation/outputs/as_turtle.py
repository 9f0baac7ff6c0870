"""A report as the validation report of SHACL (section 3.6), in Turtle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TextIO

from cybilgraph.findings import Finding, Report, Severity
from cybilgraph.ntriples import iri, is_iri, literal
from cybilgraph.rules import catalogue, in_language
from cybilgraph.validation.outputs.words import name
from cybilgraph.vocab import BASE, PREFIXES, SH, XSD
from cybilgraph.vocab import record as record_iri

_SEVERITIES = {Severity.VIOLATION: SH.Violation, Severity.WARNING: SH.Warning, Severity.INFO: SH.Info}
#: A value that begins so is a node; any other is a literal, also where it might be an IRI: "G0020:1".
_SCHEMES = ("http://", "https://", "urn:", "mailto:")
_USED = ("cyb", "oa", "prov", "rdfs", "sh")
_NEXT = ",\n        "


def as_turtle(report: Report, stream: TextIO) -> None:
    """One result a finding, its messages in each language that its rule speaks.

    The words and the line in the source are the result's evidence. What only a reader could find
    has the record as its focus, or the file. Each node has an IRI, which is made from what is
    said, so that equal reports are equal.
    """
    results = [list(_result(finding)) for finding in report.findings]
    told = "\n".join("\n".join(f"{predicate} {value}" for predicate, value in result) for result in results)
    digest = hashlib.sha256(f"{report.as_of}\n{told}".encode()).hexdigest()
    node = f"{BASE}check/{digest[:32]}"
    for prefix in _USED:
        stream.write(f"@prefix {prefix}: <{PREFIXES[prefix]}> .\n")
    listed = [f"{node}/result/{number}" for number in range(1, len(results) + 1)]
    whole = [("a", "sh:ValidationReport"), ("sh:conforms", "false" if results else "true")]
    if report.as_of:
        whole.append(("cyb:asOf", literal(report.as_of, datatype=XSD.date)))
    _write(stream, node, [*whole, *(("sh:result", iri(result)) for result in listed)])
    for result, statements, finding in zip(listed, results, report.findings, strict=True):
        _write(stream, result, [*statements, ("cyb:evidence", iri(f"{result}/evidence"))])
        _write(stream, f"{result}/evidence", list(_evidence(finding)))


def _result(finding: Finding) -> Iterator[tuple[str, str]]:
    """What SHACL says of a result (section 3.6.2)."""
    yield "a", "sh:ValidationResult"
    yield "sh:focusNode", _focus(finding)
    if is_iri(finding.path):
        yield "sh:resultPath", iri(finding.path)
    if finding.value:
        node = finding.value.startswith(_SCHEMES) and is_iri(finding.value)
        yield "sh:value", iri(finding.value) if node else literal(finding.value)
    if is_iri(finding.rule):
        yield "sh:sourceShape", iri(finding.rule)
    yield "sh:resultSeverity", iri(_SEVERITIES[finding.severity])
    rule = catalogue().get(name(finding))
    for language in rule.messages if rule else ():
        yield "sh:resultMessage", literal(in_language(finding, language).message, language)
    if rule is None and finding.message:
        yield "sh:resultMessage", literal(finding.message)
    if finding.suggestion:
        yield "cyb:suggestion", literal(finding.suggestion)


def _focus(finding: Finding) -> str:
    if is_iri(finding.focus):
        return iri(finding.focus)
    return iri(record_iri(finding.record)) if finding.record else literal(finding.focus or finding.file)


def _evidence(finding: Finding) -> Iterator[tuple[str, str]]:
    """Where the source says so."""
    yield "a", "oa:TextQuoteSelector"
    yield "rdfs:label", literal(finding.file)
    if finding.text:
        yield "oa:exact", literal(finding.text)
    if finding.line:
        yield "cyb:line", str(finding.line)
    if finding.record:
        yield "prov:wasDerivedFrom", iri(f"{record_iri(finding.record)}/source")


def _write(stream: TextIO, subject: str, statements: list[tuple[str, str]]) -> None:
    stream.write(f"\n{iri(subject)}\n")
    grouped = ((predicate, [value for _, value in group]) for predicate, group in groupby(statements, itemgetter(0)))
    stream.write(" ;\n".join(f"    {predicate} {_NEXT.join(values)}" for predicate, values in grouped))
    stream.write(" .\n")
