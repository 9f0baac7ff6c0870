"""JSON reports match a schema that describes every field."""

from __future__ import annotations

import json
from dataclasses import fields

import jsonschema
import pytest

from cybilgraph.model.findings import (
    Finding,
    Report,
)
from cybilgraph.validation.outputs.as_json import schema
from tests.support.reports import both, written


def test_json_matches_its_schema(report: Report) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for each in both(report):
        document = json.loads(written(each, "json"))
        validator.validate(document)
        assert [finding["text"] for finding in document["findings"]] == [finding.text for finding in each.findings]
    wrong = json.loads(written(report, "json"))
    wrong["findings"][0]["line"] = "17"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


def test_schema_describes_every_field() -> None:
    described = schema()["$defs"]["Finding"]["properties"]
    assert {each.name for each in fields(Finding)} == {name for name, said in described.items() if said["description"]}
