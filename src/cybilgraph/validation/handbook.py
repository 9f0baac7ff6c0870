"""The handbook of rules: what each promises, says and advises, with its examples, in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cybilgraph.model.findings import SEVERITIES, Severity
from cybilgraph.model.rules import LANGUAGES, Example, Rule, catalogue

#: The promises, the strictest first; each is a file of shapes.
PROMISES = ("must-hold", "controlled-lists", "consistency", "across", "recommended", "text-quality", "reading")
_GAP = re.compile(r"\{[?$]\w+\}")


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A line of an example; ``bad`` where a report of the broken rule points at it."""

    number: int
    text: str
    bad: bool


@dataclass(frozen=True, slots=True)
class RuleExample:
    """An example: its lines, the name of its file, and the command that checks that."""

    file: str
    command: str
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule as the handbook shows it."""

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
    """The rules of one promise, the worst first."""

    category: str
    entries: tuple[RuleEntry, ...]


def load_handbook(language: str = LANGUAGES[0]) -> list[Chapter]:
    """All rules, in a language of LANGUAGES."""
    chapters = []
    for category in PROMISES:
        rules = [rule for rule in catalogue().values() if rule.category == category]
        rules.sort(key=lambda rule: SEVERITIES.index(rule.severity))  # else in the order of the file
        chapters.append(Chapter(category, tuple(_entry(rule, language) for rule in rules)))
    return chapters


def find_rule(name: str, language: str = LANGUAGES[0]) -> RuleEntry | None:
    """The rule of this name; None where there is none."""
    rule = catalogue().get(name)
    return _entry(rule, language) if rule else None


def _entry(rule: Rule, language: str) -> RuleEntry:
    return RuleEntry(
        name=rule.name,
        severity=rule.severity,
        about=rule.names.get(language, ""),
        message=_GAP.sub("…", rule.messages[language]),
        suggestion=_GAP.sub("…", rule.suggestions.get(language, "")),
        is_advice=rule.is_advice,
        good=_sample(rule.good),
        bad=_sample(rule.bad),
    )


def _sample(example: Example) -> RuleExample:
    lines = enumerate(example.text.split("\n"), start=1)
    return RuleExample(
        example.file, example.command, tuple(RuleLine(number, text, number == example.line) for number, text in lines)
    )
