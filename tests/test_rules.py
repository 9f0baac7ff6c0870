"""The catalogue of rules: one home for what is said, in three languages; and for each rule a
source that keeps it and one that breaks it.
"""

from __future__ import annotations

import re
from datetime import date

import pytest

from cybilgraph.checking import others_text
from cybilgraph.findings import Severity
from cybilgraph.foreign import DataGraph, odd_terms
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.rules import LANGUAGES, Example, Rule, catalogue, finding, in_language, told_once
from cybilgraph.validation import shapes_text, validate

GAP = re.compile(r"\{[?$](\w+)\}")
RULES = list(catalogue().values())
SHAPES = [rule for rule in RULES if rule.promise != "reading"]
DAY = date(2026, 11, 25)
#: Rules that only say how to mend what another has found.
ADVICE = {"did-you-mean", "iso-date", "status-code", "which-is-earlier"}
#: Rules that no small source breaks, with one that does.
LARGE = {
    "too-much": Example(f'{{"title": "Training", "summary": "{"word " * 300_000}"}}', "json"),
    "long-cell": Example(f"title,summary\nTraining,{'word ' * 50_000}", "csv"),
    "too-many": Example(
        f"project:G0020 a cyb:Project ; cyb:funder {','.join(f'<urn:fund-{n}>' for n in range(1_001))} .", "ttl"
    ),
    "more-not-read": Example(
        f"project:G0020 a cyb:Project {' '.join(f'; <urn:p{n}> {n}' for n in range(101))} .", "ttl"
    ),
}
SHOWN = [rule for rule in RULES if rule.name not in LARGE]


def lines(rule: Rule, example: Example) -> list[int]:
    """The lines at which the rule is found broken in an example."""
    if rule.promise != "reading" and example.suffix == "ttl":
        # Reading makes one record of whatever RDF says; these rules are for graphs that others make.
        graph = DataGraph()
        graph.add(Input("example.ttl", given=example.content))
        graph.add(Input("others.nt", given=others_text(DAY.isoformat()).encode()))
        results = validate(graph.ntriples, shapes_text(rule.promise == "across"))
        return [found.line for found in graph.findings(results) if found.rule == rule.iri]
    if rule.name == "unknown-shape-term":  # of shapes, and not of records
        return [
            found.line for found in odd_terms(Input("example.ttl", given=example.content)) if found.rule == rule.iri
        ]
    told = rule.name if rule.name in ADVICE else rule.iri
    report = check_inputs([Input(f"example.{example.suffix}", given=example.content)], as_of=DAY)
    return [found.line for found in report.findings if (found.advice if rule.name in ADVICE else found.rule) == told]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_speaks_each_language_with_the_same_gaps(rule: Rule) -> None:
    for texts in (rule.names, rule.messages, rule.suggestions):
        assert not texts or tuple(texts) == LANGUAGES
        assert len({tuple(sorted(GAP.findall(text))) for text in texts.values()}) <= 1


@pytest.mark.parametrize("rule", SHAPES, ids=lambda rule: rule.name)
def test_a_shape_has_a_name_a_suggestion_and_no_gap_but_the_value(rule: Rule) -> None:
    assert rule.names
    assert rule.suggestions
    for texts in (rule.messages, rule.suggestions):
        assert {gap for text in texts.values() for gap in GAP.findall(text)} <= {"value"}


@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: rule.name)
def test_the_bad_example_breaks_the_rule_at_its_line_and_the_good_one_keeps_it(rule: Rule) -> None:
    assert rule.good
    assert rule.bad
    assert not lines(rule, rule.good)
    found = lines(rule, rule.bad)
    assert found
    assert rule.bad.line <= len(rule.bad.text.split("\n"))
    assert rule.bad.line in found


@pytest.mark.parametrize("name", LARGE)
def test_a_large_source_breaks_a_rule_that_has_no_example(name: str) -> None:
    assert not catalogue()[name].bad
    assert lines(catalogue()[name], LARGE[name])


def test_what_another_rule_says_better_is_not_told() -> None:
    second, other = (finding("second-capture", "b.csv", {"other": "a.csv"}, record=key) for key in ("G0020", "G0021"))
    better = finding("code-of-two", "b.csv", {"value": "A title"}, record="G0020")
    assert told_once([second, other]) == [second, other]
    assert told_once([second, other, better]) == [other, better]


def test_a_date_that_cannot_be_read_is_not_missing_too() -> None:
    page = "Cybercrime training for Belize\nFrom: after the rains\nTo: some day\nStatus: Finished\n"
    for text, rules in (
        (page, {"date-form"}),
        (page.replace("From: after the rains\n", ""), {"date-form", "has-start"}),
    ):
        report = check_inputs([Input("page.txt", given=text.encode())], as_of=DAY)
        told = {found.rule.rpartition("#")[2] for found in report.findings}
        assert told & {"date-form", "has-start"} == rules


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
