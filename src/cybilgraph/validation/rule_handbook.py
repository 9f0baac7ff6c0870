"""The handbook of rules: messages, suggestions and examples of each rule in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cybilgraph.model.findings import SEVERITIES, Severity
from cybilgraph.model.rules import LANGUAGES, Example, Rule, catalogue

#: The categories of rules, strictest first; each is a file of shapes.
CATEGORIES = ("must-hold", "controlled-lists", "consistency", "across", "recommended", "text-quality", "reading")
_VARIABLE = re.compile(r"\{[?$]\w+\}")


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A line of an example; ``bad`` if the finding of the rule points to it."""

    number: int
    text: str
    bad: bool


@dataclass(frozen=True, slots=True)
class RuleExample:
    """An example: the name of its file, the command that checks it, and its lines."""

    file: str
    command: str
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule in the handbook."""

    name: str
    severity: Severity
    about: str
    message: str
    suggestion: str
    is_advice: bool
    good: RuleExample
    bad: RuleExample


@dataclass(frozen=True, slots=True)
class Chapter:
    """The rules of one category, most severe first."""

    category: str
    entries: tuple[RuleEntry, ...]


def load_handbook(language: str = LANGUAGES[0]) -> list[Chapter]:
    """Return all rules in one of LANGUAGES."""
    chapters = []
    for category in CATEGORIES:
        rules = [rule for rule in catalogue().values() if rule.category == category]
        rules.sort(key=lambda rule: SEVERITIES.index(rule.severity))  # stable: otherwise in the order of the file
        chapters.append(Chapter(category, tuple(_entry(rule, language) for rule in rules)))
    return chapters


def find_rule(name: str, language: str = LANGUAGES[0]) -> RuleEntry | None:
    """Return the rule with this name, or None."""
    rule = catalogue().get(name)
    return _entry(rule, language) if rule else None


def _entry(rule: Rule, language: str) -> RuleEntry:
    return RuleEntry(
        name=rule.name,
        severity=rule.severity,
        about=rule.names.get(language, ""),
        message=_VARIABLE.sub("…", rule.messages[language]),
        suggestion=_VARIABLE.sub("…", rule.suggestions.get(language, "")),
        is_advice=rule.is_advice,
        good=_sample(rule.good),
        bad=_sample(rule.bad),
    )


def _sample(example: Example) -> RuleExample:
    lines = enumerate(example.text.split("\n"), start=1)
    return RuleExample(
        example.file, example.command, tuple(RuleLine(number, text, number == example.line) for number, text in lines)
    )
