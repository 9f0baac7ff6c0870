"""JUnit reports are valid by the schema of Ant, and fail as the check does."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.findings import (
    Report,
    Severity,
)
from tests.conftest import RECORDS
from tests.support.reports import both, written


def test_junit_matches_the_schema_of_ant(report: Report) -> None:
    official = (resources.files("ub_test_reports") / "schemas" / "JUnit.xsd").read_bytes()
    validator = etree.XMLSchema(etree.fromstring(official))
    for each in both(report):
        suites = etree.fromstring(written(each, "junit").encode(), etree.XMLParser(huge_tree=True))
        validator.assertValid(suites)
        for suite in suites:
            for what, element in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
                assert int(suite.get(what)) == sum(1 for _ in suite.iter(element))
        assert bool(suites.findall(".//failure") or suites.findall(".//error")) is not each.passes


def test_junit_failures_are_those_of_the_check() -> None:
    def failed(fail_on: Severity) -> int:
        report = replace(pipeline.check(RECORDS / "belize-G0020.txt"), fail_on=fail_on)
        return len(etree.fromstring(written(report, "junit").encode()).findall(".//failure"))

    assert failed(Severity.VIOLATION) == 0
    assert failed(Severity.WARNING) == 2
