"""The catalogue of rules: texts in three languages, and for each rule an example that follows it and one that
breaks it.
"""

from __future__ import annotations

import json
import re
import shlex
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from cybilgraph.cli import main
from cybilgraph.model.findings import Finding, Report, Severity
from cybilgraph.model.rules import (
    LANGUAGES,
    Example,
    Rule,
    catalogue,
    drop_superseded,
    finding,
    translate,
)
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.runtime.spill import SpillList

GAP = re.compile(r"\{[?$](\w+)\}")
RULES = list(catalogue().values())
SHAPES = [rule for rule in RULES if rule.category != "reading"]
DAY = date(2026, 11, 25)


def lines(rule: Rule, example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the lines at which an example's command reports the rule."""
    monkeypatch.chdir(folder)
    Path(example.file).write_bytes(example.content)
    if example.record:
        Path("record.txt").write_text(example.record, encoding="utf-8")
    program, *arguments = shlex.split(example.command)
    assert program == "cybilgraph"
    result = CliRunner().invoke(main, [*arguments, "-f", "json"])
    findings = json.loads(result.stdout)["findings"]
    if rule.is_advice:
        return [found["line"] for found in findings if found["advice"] == rule.name]
    return [found["line"] for found in findings if found["rule"] == rule.iri]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_has_same_placeholders_in_each_language(rule: Rule) -> None:
    for texts in (rule.names, rule.messages, rule.suggestions):
        assert not texts or tuple(texts) == LANGUAGES
        assert len({tuple(sorted(GAP.findall(text))) for text in texts.values()}) <= 1


@pytest.mark.parametrize("rule", SHAPES, ids=lambda rule: rule.name)
def test_shape_has_name_and_suggestion_and_only_value_placeholder(rule: Rule) -> None:
    assert rule.names
    assert rule.suggestions
    for texts in (rule.messages, rule.suggestions):
        assert {gap for text in texts.values() for gap in GAP.findall(text)} <= {"value"}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_command_reports_bad_line_and_nothing_in_good_example(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not lines(rule, rule.good, tmp_path, monkeypatch)
    found = lines(rule, rule.bad, tmp_path, monkeypatch)
    assert found
    assert rule.bad.line <= len(rule.bad.text.split("\n"))
    assert rule.bad.line in found


def test_superseded_findings_are_dropped() -> None:
    second, other = (finding("second-capture", "b.csv", {"other": "a.csv"}, record=key) for key in ("G0020", "G0021"))
    better = finding("code-of-two", "b.csv", {"value": "A title"}, record="G0020")
    for added, left in (([second, other], [second, other]), ([second, other, better], [other, better])):
        for many in ([], SpillList[Finding]()):
            report = Report(findings=many)
            report.extend(added)
            drop_superseded(report)
            assert list(report.findings) == left


def test_unreadable_date_is_not_also_reported_as_missing() -> None:
    page = "Cybercrime training for Belize\nFrom: after the rains\nTo: some day\nStatus: Finished\n"
    for text, rules in (
        (page, {"date-form"}),
        (page.replace("From: after the rains\n", ""), {"date-form", "has-start"}),
    ):
        report = check_inputs([Input("page.txt", data=text.encode())], as_of=DAY)
        findings = {found.rule.rpartition("#")[2] for found in report.findings}
        assert findings & {"date-form", "has-start"} == rules


def test_shape_has_own_severity_and_message_of_its_constraint() -> None:
    assert catalogue()["has-status"].severity is Severity.WARNING
    assert catalogue()["title"].severity is Severity.VIOLATION
    assert catalogue()["end-after-start"].messages["en"].startswith("The project ends")
    assert "end-after-start-query" not in catalogue()


def test_finding_fills_placeholders_and_can_be_translated() -> None:
    found = finding("near-name", "a.txt", {"printed": "Belise", "name": "Belize"}, line=3, column=2)
    assert found.message == "“Belise” was read as Belize."
    assert translate(found, "es").message == "«Belise» se leyó como Belize."
    assert translate(translate(found, "fr")) == found


def test_unreadable_file_is_reported_in_each_language_with_reason_unchanged() -> None:
    found = finding("unreadable", "a.json", {"reason": "invalid JSON", "hint": "Correct it."})
    assert found.message == "invalid JSON"
    for language, begin in (("es", "No se puede leer este archivo"), ("fr", "Ce fichier ne peut pas être lu")):
        translated = translate(found, language)
        assert translated.message.startswith(begin)
        assert "invalid JSON" in translated.message
        assert "Correct it." in translated.suggestion


def test_finding_may_use_suggestion_of_another_rule() -> None:
    found = finding("unknown-column", "a.csv", {"name": "funderz", "meant": "funders"}, advice="did-you-mean")
    assert found.suggestion == "Did you mean funders?"
    assert translate(found, "fr").suggestion == "Vouliez-vous dire funders ?"
    assert finding("unknown-column", "a.csv", {"name": "x"}).suggestion.startswith("To list the columns")


def test_unknown_rule_or_missing_placeholder_value_raises() -> None:
    with pytest.raises(KeyError):
        finding("no-such-rule", "a.txt")
    with pytest.raises(KeyError):
        finding("near-name", "a.txt", {"printed": "x"})
