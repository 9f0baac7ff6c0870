"""The handbook has each rule in each language, with a marked line in its example."""

from __future__ import annotations

import pytest

from cybilgraph.model.findings import SEVERITIES
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.validation.rule_handbook import CATEGORIES, find_rule, load_handbook


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_list_the_most_severe_rules_first(language: str) -> None:
    chapters = load_handbook(language)
    assert tuple(chapter.category for chapter in chapters) == CATEGORIES
    for chapter in chapters:
        ranks = [SEVERITIES.index(entry.severity) for entry in chapter.entries]
        assert ranks == sorted(ranks)
        assert all("{" not in entry.message for entry in chapter.entries)


def test_example_marks_the_line_of_the_finding() -> None:
    rule = find_rule("end-after-start")
    assert rule
    assert len([line for line in rule.bad.lines if line.bad]) == 1
    assert not any(line.bad for line in rule.good.lines)
    assert [line.number for line in rule.bad.lines] == list(range(1, len(rule.bad.lines) + 1))


def test_unknown_rule_is_not_found() -> None:
    assert find_rule("no-such-rule") is None
