"""The catalogue of rules, from shapes/*.ttl: how bad it is to break one, and what is said of it.

A rule's words are in the shapes alone, in each language; ``{?name}`` is a gap in them that a
finding fills, as in messages of SPARQL constraints (SHACL, section 5.3.2).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from sys import intern

import pyoxigraph as ox

from cybilgraph.findings import Finding, Fix, Severity
from cybilgraph.resources import shape_files
from cybilgraph.vocab import CYB, RULES, SH

#: The languages that every rule speaks; the first is that of findings, unless another is asked for.
LANGUAGES = ("en", "es", "fr")
_GAP = re.compile(r"\{[?$](\w+)\}")
_SEVERITIES = {SH.Violation: Severity.VIOLATION, SH.Warning: Severity.WARNING, SH.Info: Severity.INFO}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``promise`` is the file of shapes that it stands in, without its suffix. ``names``
    are what it is about, ``messages`` what is wrong, ``suggestions`` how to mend it, by language.
    """

    name: str
    promise: str
    severity: Severity
    names: Mapping[str, str]
    messages: Mapping[str, str]
    suggestions: Mapping[str, str]


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by its name, in the order of the files."""
    found: dict[str, Rule] = {}
    for path in shape_files():
        texts: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        severities: dict[str, Severity] = {}
        carriers: dict[str, str] = {}
        for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE):
            if not isinstance(quad.subject, ox.NamedNode):
                continue
            subject, predicate, value = quad.subject.value, quad.predicate.value, quad.object
            if isinstance(value, ox.Literal) and predicate in (SH.name, SH.message, CYB.suggestion):
                texts[subject][predicate][value.language or LANGUAGES[0]] = value.value
            elif isinstance(value, ox.NamedNode) and predicate == SH.severity:
                severities[subject] = _SEVERITIES[value.value]
            elif isinstance(value, ox.NamedNode) and predicate == SH.sparql:
                carriers[value.value] = subject  # a SPARQL constraint has its message on a node of its own
        for constraint, shape in carriers.items():
            texts[shape][SH.message] |= texts.pop(constraint, {}).get(SH.message, {})
        for iri, own in texts.items():
            if own[SH.message]:
                name = iri.removeprefix(RULES)
                severity = severities.get(iri, Severity.VIOLATION)
                found[name] = Rule(name, path.stem, severity, own[SH.name], own[SH.message], own[CYB.suggestion])
    return found


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
    return in_language(bare)


def in_language(finding: Finding, language: str = LANGUAGES[0]) -> Finding:
    """The finding in the words of a language; unchanged where its rule is none of the catalogue."""
    rule = catalogue().get(finding.rule.removeprefix(RULES))
    if rule is None:
        return finding
    values = dict(finding.values)
    mend = catalogue()[finding.advice] if finding.advice else rule
    return replace(
        finding,
        message=_filled(rule.messages.get(language) or rule.messages[LANGUAGES[0]], values),
        suggestion=_filled(mend.suggestions.get(language) or mend.suggestions.get(LANGUAGES[0], ""), values),
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    return intern(_GAP.sub(lambda gap: values[gap[1]], text))  # findings of many records say the same
