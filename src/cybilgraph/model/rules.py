"""The catalogue of rules from shapes/*.ttl: severities, messages and suggestions.

Rule texts live only in the shapes, in each language. ``{?name}`` is a placeholder that a finding fills, as
in messages of SPARQL constraints (SHACL, section 5.3.2).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from sys import intern

import pyoxigraph as ox

from cybilgraph.model.example_workbooks import write_example_workbook
from cybilgraph.model.findings import Finding, Fix, Report, Severity
from cybilgraph.model.record import Place
from cybilgraph.model.resources import shape_files
from cybilgraph.model.vocabulary import CYB, PREFIXES, RDF, RULES, SH, own_iri, with_own_base

#: The languages of all rules; findings use the first unless another is requested.
LANGUAGES = ("en", "es", "fr")
#: A variable in a message template, {?name} or {$name} (SHACL, section 5.3.2).
PLACEHOLDER = re.compile(r"\{[?$](\w+)\}")
#: A repetition in an example, ⟦text ×count⟧; № is replaced by the number of the copy.
_REPEATED = re.compile(r"⟦([^⟦⟧]*) ×(\d+)⟧")
#: Severities by their SHACL IRIs.
SEVERITY_OF = {SH.Violation: Severity.VIOLATION, SH.Warning: Severity.WARNING, SH.Info: Severity.INFO}


@dataclass(frozen=True, slots=True)
class Example:
    """An example source that follows or breaks a rule.

    ``text`` is its displayed form, ``file`` and ``encoding`` describe the file, ``command`` checks it, and
    ``line`` is the line that the report must name; 0 if it names none. ``record`` is the text of record.txt, which
    decisions are about.
    """

    text: str
    file: str
    command: str
    encoding: str = "utf-8"
    line: int = 0
    record: str = ""

    @property
    def content(self) -> bytes:
        """The bytes of the file, with repetitions expanded.

        For Turtle, all prefixes are declared on the first line, so that line numbers stay the same.
        """
        text = _REPEATED.sub(_expand_repetition, self.text)
        if self.file.endswith(".xlsx"):
            return write_example_workbook(text)
        if self.file.endswith(".ttl"):
            prefixes = "".join(f"@prefix {prefix}: <{iri}> . " for prefix, iri in PREFIXES.items())
            text = f"{prefixes}@base <{own_iri()}> . {text}"
        return text.encode(self.encoding)


def _expand_repetition(match: re.Match[str]) -> str:
    return " ".join(match[1].replace("№", str(number)) for number in range(1, int(match[2]) + 1))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    ``category`` is the shape file that contains it, without suffix. ``names``, ``messages`` and
    ``suggestions`` map languages to texts: the subject, what is wrong, how to correct it.

    ``reads`` and ``joins_on`` are properties: what the rule reads of other records, and by which values it
    joins them. ``requires`` are properties of which a record must have one. A broken rule hides findings of the
    ``supersedes`` rules on the same record. An ``is_advice`` rule is reported only as the suggestion of another
    rule's finding.
    """

    name: str
    category: str
    severity: Severity
    names: Mapping[str, str]
    messages: Mapping[str, str]
    suggestions: Mapping[str, str]
    good: Example
    bad: Example
    reads: tuple[str, ...]
    joins_on: tuple[str, ...]
    requires: tuple[str, ...]
    supersedes: tuple[str, ...]
    is_advice: bool

    @property
    def iri(self) -> str:
        """The IRI that findings use."""
        return f"{RULES}{self.name}"


@cache
def catalogue() -> Mapping[str, Rule]:
    """Return every rule by name, in file order."""
    return {rule.name: rule for path in shape_files() for rule in _rules(path)}


def _rules(path: Path) -> Iterator[Rule]:
    """Yield the shapes and reading rules of a file that have a message."""
    properties: dict[str, dict[str, list[ox.NamedNode | ox.Literal]]] = defaultdict(lambda: defaultdict(list))
    for quad in ox.parse(with_own_base(path.read_text(encoding="utf-8")), format=ox.RdfFormat.TURTLE):
        if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.NamedNode | ox.Literal):
            properties[quad.subject.value][quad.predicate.value].append(quad.object)
    for iri, own in properties.items():
        # The message of a SPARQL constraint is on a node of its own.
        literals = [
            own[SH.message],
            *(properties[node.value][SH.message] for node in own[SH.sparql] if node.value in properties),
        ]
        if (messages := _texts(value for values in literals for value in values)) and SH.select not in own:
            name = iri.removeprefix(RULES)
            yield Rule(
                name=name,
                category=path.stem,
                severity=SEVERITY_OF[own[SH.severity][0].value] if own[SH.severity] else Severity.VIOLATION,
                names=_texts(own[SH.name]),
                messages=messages,
                suggestions=_texts(own[CYB.suggestion]),
                good=_example(f"{name}-good", own, CYB.goodExample),
                bad=_example(f"{name}-bad", own, CYB.badExample),
                reads=tuple(value.value for value in own[CYB.reads]),
                joins_on=tuple(value.value for value in own[CYB.joinsOn]),
                requires=tuple(value.value for value in own[CYB.requires]),
                supersedes=tuple(value.value for value in own[CYB.supersedes]),
                is_advice=any(kind.value == CYB.AdviceRule for kind in own[RDF.type]),
            )


def _texts(values: Iterable[ox.NamedNode | ox.Literal]) -> dict[str, str]:
    return {value.language or LANGUAGES[0]: value.value for value in values if isinstance(value, ox.Literal)}


def _example(name: str, own: Mapping[str, list[ox.NamedNode | ox.Literal]], which: str) -> Example:
    def first(predicate: str, default: str) -> str:
        return own[predicate][0].value if own[predicate] else default

    suffix = first(CYB.exampleFormat, "txt")
    file = f"{name}.{suffix}"
    # Turtle is checked as it is, unless the rule is about reading it.
    is_graph = suffix == "ttl" and first(RDF.type, "") != CYB.ReadingRule
    command = first(CYB.exampleCommand, f"cybilgraph check {'--graph ' if is_graph else ''}{{?file}}")
    command = _fill_placeholders(command, {"file": file})
    example = Example(own[which][0].value, file, command, record=first(CYB.exampleRecord, ""))
    if which == CYB.goodExample:
        return example
    return replace(example, encoding=first(CYB.exampleEncoding, "utf-8"), line=int(first(CYB.badLine, "0")))


def drop_superseded(report: Report) -> None:
    """Remove findings that another, more specific finding on the same record or cell supersedes."""
    better = {
        (less, place)
        for found in report.findings
        for name in (found.rule.removeprefix(RULES), found.advice)
        if (rule := catalogue().get(name)) and rule.supersedes
        for place in _places(found, rule)
        for less in rule.supersedes
    }

    def is_not_superseded(found: Finding) -> bool:
        places = (found.record, (found.file, found.line, found.column))
        # Advice, such as to fill in an empty cell, can be superseded, too, but never that of a violation.
        advice = f"{RULES}{found.advice}" if found.severity is not Severity.VIOLATION else ""
        return not any((rule, place) in better for rule in (found.rule, advice) for place in places)

    if better:
        report.keep(is_not_superseded)


def _places(found: Finding, rule: Rule) -> Iterator[str | tuple[str, int, int]]:
    """Yield the places within which a finding supersedes others: the record or, for reading rules, a place in a file.

    Reading rules are about one value, or about the cells of a column down to the line ``last_line``.
    """
    if rule.category != "reading":
        yield found.record
        return
    last_line = int(dict(found.values).get("last_line", found.line))
    yield from ((found.file, line, found.column) for line in range(found.line, last_line + 1))


def finding(
    name: str,
    file: str,
    values: Mapping[str, object] | None = None,
    *,
    line: int = 0,
    column: int = 0,
    place: Place | None = None,
    record: str = "",
    label: str = "",
    text: str = "",
    advice: str = "",
    fix: Fix | None = None,
) -> Finding:
    """Create the finding of a broken rule, in the first language.

    ``values`` fill the placeholders. A ``place`` gives line and column. ``advice`` names another rule with a
    better suggestion. Raise KeyError if the rule does not exist or a placeholder has no value.
    """
    if place:
        line, column = place.line, place.column
    rule = catalogue()[name]
    bare = Finding(
        severity=rule.severity,
        rule=intern(f"{RULES}{name}"),
        message="",
        file=file,
        record=record,
        label=label,
        line=line,
        column=column,
        text=text,
        values=tuple((key, str(value)) for key, value in (values or {}).items()),
        advice=advice,
        fix=fix,
    )
    return translate(bare)


def translate(finding: Finding, language: str = LANGUAGES[0]) -> Finding:
    """Return the finding in another language, or unchanged if its rule is not in the catalogue."""
    rule = catalogue().get(finding.rule.removeprefix(RULES))
    if rule is None:
        return finding
    values = dict(finding.values)
    advice = catalogue()[finding.advice] if finding.advice else rule
    return replace(
        finding,
        message=_fill_placeholders(rule.messages.get(language) or rule.messages[LANGUAGES[0]], values),
        suggestion=_fill_placeholders(
            advice.suggestions.get(language) or advice.suggestions.get(LANGUAGES[0], ""), values
        ),
    )


def general_message(finding: Finding, language: str = LANGUAGES[0]) -> str:
    """Return the rule's message with open placeholders; empty if nothing else is left."""
    rule = catalogue().get(finding.rule.removeprefix(RULES))
    text = PLACEHOLDER.sub("…", rule.messages.get(language) or rule.messages[LANGUAGES[0]]) if rule else ""
    return text if text.strip("… ") else ""


def _fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    return intern(PLACEHOLDER.sub(lambda gap: values[gap[1]], text))  # many findings have the same text
