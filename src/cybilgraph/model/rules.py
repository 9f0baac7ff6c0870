"""The catalogue of rules, from shapes/*.ttl: how bad it is to break one, and what is said of it.

A rule's words are in the shapes alone, in each language; ``{?name}`` is a gap in them that a
finding fills, as in messages of SPARQL constraints (SHACL, section 5.3.2).
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

from cybilgraph.model.findings import Finding, Fix, Report, Severity
from cybilgraph.model.resources import shape_files
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES, RDF, RULES, SH

#: The languages that every rule speaks; the first is that of findings, unless another is asked for.
LANGUAGES = ("en", "es", "fr")
_PLACEHOLDER = re.compile(r"\{[?$](\w+)\}")
#: In an example: text that its file has so many times, № being the number of each.
_REPEATED = re.compile(r"⟦([^⟦⟧]*) ×(\d+)⟧")
_PREFIXES = "".join([f"@prefix {prefix}: <{iri}> . " for prefix, iri in PREFIXES.items()] + [f"@base <{BASE}> . "])
#: How bad a result is, by the IRI of its severity.
SEVERITY_OF = {SH.Violation: Severity.VIOLATION, SH.Warning: Severity.WARNING, SH.Info: Severity.INFO}


@dataclass(frozen=True, slots=True)
class Example:
    """A source that keeps a rule or breaks it: what a person sees of it, the name and ``encoding`` of
    its file, the command that checks that, and the line that a report must point at; 0 where none can be.
    """

    text: str
    file: str
    command: str
    encoding: str = "utf-8"
    line: int = 0

    @property
    def content(self) -> bytes:
        """The file. Turtle gets the prefixes of vocab.py on its first line, so that lines stay what they are;
        what is repeated in it is written out.
        """
        text = _REPEATED.sub(_expand_repetition, self.text)
        text = f"{_PREFIXES}{text}" if self.file.endswith(".ttl") else text
        return text.encode(self.encoding)


def _expand_repetition(match: re.Match[str]) -> str:
    return " ".join(match[1].replace("№", str(number)) for number in range(1, int(match[2]) + 1))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``promise`` is the file of shapes that it stands in, without its suffix. ``names``
    are what it is about, ``messages`` what is wrong, ``suggestions`` how to mend it, by language.

    ``reads`` and ``joins_on`` are properties: what it asks of other records, and by which values they
    meet. Where it is broken, the rules of ``supersedes`` say no more about the same record. One that
    ``is_advice`` is only told beside what another has found.
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
    supersedes: tuple[str, ...]
    is_advice: bool

    @property
    def iri(self) -> str:
        """What a finding names it by."""
        return f"{RULES}{self.name}"


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by its name, in the order of the files."""
    return {rule.name: rule for path in shape_files() for rule in _rules(path)}


def _rules(path: Path) -> Iterator[Rule]:
    """The shapes and reading rules of a file that have a message."""
    said: dict[str, dict[str, list[ox.NamedNode | ox.Literal]]] = defaultdict(lambda: defaultdict(list))
    for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE):
        if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.NamedNode | ox.Literal):
            said[quad.subject.value][quad.predicate.value].append(quad.object)
    for iri, own in said.items():
        # A SPARQL constraint has its message on a node of its own.
        words = [own[SH.message], *(said[node.value][SH.message] for node in own[SH.sparql] if node.value in said)]
        if (messages := _texts(value for values in words for value in values)) and SH.select not in own:
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
                supersedes=tuple(value.value for value in own[CYB.supersedes]),
                is_advice=any(kind.value == CYB.AdviceRule for kind in own[RDF.type]),
            )


def _texts(values: Iterable[ox.NamedNode | ox.Literal]) -> dict[str, str]:
    return {value.language or LANGUAGES[0]: value.value for value in values if isinstance(value, ox.Literal)}


def _example(name: str, own: Mapping[str, list[ox.NamedNode | ox.Literal]], which: str) -> Example:
    def first(predicate: str, default: str) -> str:
        return own[predicate][0].value if own[predicate] else default

    file = f"{name}.{first(CYB.exampleFormat, 'txt')}"
    command = first(CYB.exampleCommand, "cybilgraph check {?file}")
    example = Example(own[which][0].value, file, _fill_placeholders(command, {"file": file}))
    if which == CYB.goodExample:
        return example
    return replace(example, encoding=first(CYB.exampleEncoding, "utf-8"), line=int(first(CYB.badLine, "0")))


def drop_superseded(report: Report) -> None:
    """Take out of a report what another of its findings says better of the same record."""
    better = {
        (found.record, less, _location(found, rule))
        for found in report.findings
        if (rule := catalogue().get(found.rule.removeprefix(RULES)))
        for less in rule.supersedes
    }

    def is_best_said(found: Finding) -> bool:
        places = (None, (found.file, found.line, found.column))
        return not any((found.record, found.rule, place) in better for place in places)

    if better:
        report.keep(is_best_said)


def _location(found: Finding, rule: Rule) -> tuple[str, int, int] | None:
    """The place at which nothing more is to be said: a reader tells of one value, a shape of the record."""
    return (found.file, found.line, found.column) if rule.category == "reading" else None


def finding(
    name: str,
    file: str,
    values: Mapping[str, object] | None = None,
    *,
    line: int = 0,
    column: int = 0,
    record: str = "",
    label: str = "",
    text: str = "",
    advice: str = "",
    fix: Fix | None = None,
) -> Finding:
    """The finding of a broken rule, in words of the first language.

    ``values`` fill the gaps. ``advice`` is the name of another rule, where that one's suggestion
    fits better. Raises KeyError where there is no rule of this name, or a gap has no value.
    """
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
    """The finding in the words of a language; unchanged where its rule is none of the catalogue."""
    rule = catalogue().get(finding.rule.removeprefix(RULES))
    if rule is None:
        return finding
    values = dict(finding.values)
    mend = catalogue()[finding.advice] if finding.advice else rule
    return replace(
        finding,
        message=_fill_placeholders(rule.messages.get(language) or rule.messages[LANGUAGES[0]], values),
        suggestion=_fill_placeholders(mend.suggestions.get(language) or mend.suggestions.get(LANGUAGES[0], ""), values),
    )


def general_message(finding: Finding, language: str = LANGUAGES[0]) -> str:
    """What the finding's rule says of any record, its gaps left open; empty where it says nothing without them."""
    rule = catalogue().get(finding.rule.removeprefix(RULES))
    text = _PLACEHOLDER.sub("…", rule.messages.get(language) or rule.messages[LANGUAGES[0]]) if rule else ""
    return text if text.strip("… ") else ""


def _fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    return intern(_PLACEHOLDER.sub(lambda gap: values[gap[1]], text))  # findings of many records say the same
