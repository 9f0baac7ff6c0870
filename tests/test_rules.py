"""The catalogue of rules: one home for what is said, in three languages."""

from __future__ import annotations

import re

import pytest

from cybilgraph.findings import Severity
from cybilgraph.rules import LANGUAGES, Rule, catalogue, finding, in_language

GAP = re.compile(r"\{[?$](\w+)\}")
READING = [rule for rule in catalogue().values() if rule.promise == "reading"]


@pytest.mark.parametrize("rule", READING, ids=lambda rule: rule.name)
def test_a_rule_speaks_each_language_with_the_same_gaps(rule: Rule) -> None:
    for texts in (rule.messages, rule.suggestions):
        assert not texts or tuple(texts) == LANGUAGES
        assert len({tuple(sorted(GAP.findall(text))) for text in texts.values()}) <= 1


def test_a_shape_has_its_own_severity_and_that_of_its_constraint_its_message() -> None:
    assert catalogue()["has-status"].severity is Severity.WARNING
    assert catalogue()["title"].severity is Severity.VIOLATION
    assert catalogue()["end-after-start"].messages["en"].startswith("The project ends")
    assert "end-after-start-query" not in catalogue()


def test_a_finding_fills_the_gaps_and_can_be_said_in_another_language() -> None:
    found = finding("near-name", "a.txt", {"printed": "Belise", "name": "Belize"}, line=3, column=2)
    assert found.message == "“Belise” was taken for Belize."
    assert in_language(found, "es").message == "«Belise» se tomó por Belize."
    assert in_language(in_language(found, "fr")) == found


def test_another_rule_may_suggest() -> None:
    found = finding("unknown-column", "a.csv", {"name": "funderz", "meant": "funders"}, advice="did-you-mean")
    assert found.suggestion == "Did you mean funders?"
    assert in_language(found, "fr").suggestion == "Vouliez-vous dire funders ?"
    assert finding("unknown-column", "a.csv", {"name": "x"}).suggestion.startswith("See the columns")


def test_an_unknown_rule_and_an_empty_gap_are_errors() -> None:
    with pytest.raises(KeyError):
        finding("no-such-rule", "a.txt")
    with pytest.raises(KeyError):
        finding("near-name", "a.txt", {"printed": "x"})
