"""The handbook of rules: messages, suggestions and examples of each rule in one language."""

from __future__ import annotations

from dataclasses import dataclass

from cybilgraph.model.findings import SEVERITIES, Severity
from cybilgraph.model.rules import LANGUAGES, PLACEHOLDER, Example, Rule, catalogue

#: The categories of rules, strictest first; each is a file of shapes.
CATEGORIES = (
    *("must-hold", "controlled-lists", "consistency", "across", "publisher"),
    *("recommended", "portal", "text-quality", "reading"),
)


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule in the handbook."""

    name: str
    severity: Severity
    about: str
    message: str
    suggestion: str
    is_advice: bool
    good: Example
    bad: Example


def load_handbook(language: str = LANGUAGES[0]) -> dict[str, list[RuleEntry]]:
    """Return the rules of each category in one of LANGUAGES, most severe first, otherwise in the order of the file."""
    rules = sorted(catalogue().values(), key=lambda rule: SEVERITIES.index(rule.severity))
    return {
        category: [_entry(rule, language) for rule in rules if rule.category == category] for category in CATEGORIES
    }


def find_rule(name: str, language: str = LANGUAGES[0]) -> RuleEntry | None:
    """Return the rule with this name, or None."""
    rule = catalogue().get(name)
    return _entry(rule, language) if rule else None


def _entry(rule: Rule, language: str) -> RuleEntry:
    return RuleEntry(
        name=rule.name,
        severity=rule.severity,
        about=rule.names.get(language, ""),
        message=PLACEHOLDER.sub("…", rule.messages[language]),
        suggestion=PLACEHOLDER.sub("…", rule.suggestions.get(language, "")),
        is_advice=rule.is_advice,
        good=rule.good,
        bad=rule.bad,
    )
