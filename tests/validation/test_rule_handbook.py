"""The handbook has each rule in each language, with a marked line in its example."""

from __future__ import annotations

import pytest

from cybilgraph.model.findings import SEVERITIES
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.validation.rule_handbook import CATEGORIES, find_rule, load_handbook


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_list_the_most_severe_rules_first(language: str) -> None:
    chapters = load_handbook(language)
    assert tuple(chapters) == CATEGORIES
    for entries in chapters.values():
        ranks = [SEVERITIES.index(entry.severity) for entry in entries]
        assert ranks == sorted(ranks)
        assert all("{" not in entry.message for entry in entries)


def test_example_has_the_line_of_the_finding() -> None:
    rule = find_rule("end-after-start")
    assert rule
    assert 1 <= rule.bad.line <= len(rule.bad.text.split("\n"))
    assert rule.good.line == 0


def test_unknown_rule_is_not_found() -> None:
    assert find_rule("no-such-rule") is None
