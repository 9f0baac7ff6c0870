"""IATI codes become names of the reference data."""

from __future__ import annotations

import csv

import pytest

from cybilgraph import pipeline
from cybilgraph.model.resources import REFERENCE
from cybilgraph.readers import Input
from tests.support.iati_files import activity, keys, one, wrapped


@pytest.mark.parametrize(
    ("code", "key"),
    [("1", "planned"), ("2", "ongoing"), ("3", "finished"), ("4", "finished"), ("5", "cancelled"), ("6", "suspended")],
)
def test_reads_every_status_code(code: str, key: str) -> None:
    record = one(f'<activity-status code="{code}"/>')
    assert record.status
    assert (record.status.key, record.status.known) == (key, True)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('vocabulary="1" code="298"', [("region", "002")]),
        ('code="298"', [("region", "002")]),
        ('vocabulary="2" code="2"', [("region", "002")]),
        ('code="689"', [("region", "034"), ("region", "143")]),
        ('code="589"', [("group", "middle-east")]),
        ('code="998"', [("region", "001")]),
        ('code="089"', [("region", "150")]),
        ('vocabulary="99" code="x"', [("region", "x")]),
    ],
)
def test_reads_region_codes(attributes: str, expected: list[tuple[str, str]]) -> None:
    assert keys(one(f"<recipient-region {attributes}/>")) == expected


def test_every_dac_region_is_mapped_or_explicitly_unmapped() -> None:
    with (REFERENCE / "dac-regions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 26
    for code in (row["code"] for row in rows):
        found = one(f'<recipient-region code="{code}"/>').scopes
        assert found
        assert code == "88" or all(link.concept.known for link in found)


def test_unknown_codes_are_reported_at_their_line_in_iati_terms() -> None:
    text = wrapped(
        activity(
            '<participating-org role="9"><narrative>Nobody</narrative></participating-org>\n'
            '<activity-status code="99"/>\n<activity-date type="2" iso-date="2017-02-30"/>\n'
        )
    )
    report = pipeline.check_inputs([Input("a.xml", data=text.encode())])
    findings = {found.rule.rpartition("#")[2]: found for found in report.findings}
    assert (findings["known-actor"].line, findings["known-actor"].text) == (6, "Nobody")
    assert findings["known-actor"].label == "participating-org"
    assert findings["status-list"].suggestion.startswith("Give 1 (pipeline), 2 (implementation)")
    assert findings["date-form"].suggestion.endswith("2018-04-30.")
