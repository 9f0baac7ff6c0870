"""Forms are written in every format and read back into equal records."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.record import Record, Source, Text, WebLink
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS, example_record
from cybilgraph.readers import Input, read_input
from tests.support.forms import FORMS, pages, read


@cache
def triples() -> list[set[str]]:
    """Return the triples of each page's record and derived values, independent of its source."""
    return [describe_record(page) for page in pages()]


def describe_record(record: Record) -> set[str]:
    # Only one of the sources has line numbers.
    lines = describe(replace(derive(record), source=Source("a source", "0" * 64), rights=None))
    return {line for line in lines if "ontology#line>" not in line and "evidence/" not in line}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_record_round_trips_through_every_form(form: str, tmp_path: Path) -> None:
    records = pages()
    back = read(tmp_path, f"all.{form}", WRITERS[form](records))
    assert len(back) == len(records)
    for record, again, ours in zip(records, back, triples(), strict=True):
        assert again == record, record.source.name
        assert describe_record(again) == ours


@pytest.mark.parametrize("form", FORMS)
def test_template_example_is_not_a_record(form: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="project"):
        read(tmp_path, f"projects.{form}", WRITERS[form]([example_record()]))


@pytest.mark.slow
def test_json_and_yaml_forms_match_the_schema() -> None:
    import yaml

    schema = json.loads(WRITERS["schema"]([]))
    jsonschema.Draft202012Validator.check_schema(schema)
    for records in ([example_record()], [record for record in pages() if record.title]):
        jsonschema.validate(json.loads(WRITERS["json"](records)), schema)
        jsonschema.validate(yaml.safe_load(WRITERS["yaml"](records)), schema)


def test_cells_never_become_formulas(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", '{"title": "=HYPERLINK(1)", "summary": ["@x", "+1"]}')
    for form in ("csv", "xlsx"):
        written = WRITERS[form]([record])
        assert b"\n=HYPER" not in written
        assert read(tmp_path, f"a.{form}", written) == [record]


@pytest.mark.parametrize("form", ["csv", "xlsx", "json", "yaml"])
@pytest.mark.parametrize(
    "links",
    [
        (WebLink("https://e.org/?a=1;b=2", "https://e.org/?a=1;b=2"),),
        (WebLink("Read; more", "https://e.org/?a=1;b=2"),),
        (WebLink("Read", "https://e.org/?a=1;b=2"), WebLink("More", "https://e.org/")),
    ],
)
def test_address_with_semicolon_round_trips(links: tuple[WebLink, ...], form: str) -> None:
    record = replace(example_record(), code=Text("G0001"), links=links)
    [back] = read_input(Input(f"a.{form}", data=WRITERS[form]([record])))
    assert back.links == links


@pytest.mark.parametrize("form", FORMS)
def test_list_item_is_one_name_in_every_form(form: str, tmp_path: Path) -> None:
    """Semicolons separate names only in table cells and in strings that replace lists."""
    document = {
        "title": "A project",
        "funders": ["Smith; Sons & Co.", "Norway"],
        "countries": ["Wakanda; the Kingdom", "Kenya"],
        "related": ["Judges; and police"],
    }
    [record] = read(tmp_path, "a.json", json.dumps(document))
    [again] = read(tmp_path, f"again.{form}", WRITERS[form]([record]))
    assert again == record
    assert {link.actor.key for link in record.participations} == {"smith-sons-co", "government-of-norway"}
    assert {link.concept.key for link in record.scopes} == {"wakanda-the-kingdom", "KE"}
    assert [link.project.key for link in record.relations] == ["judges-and-police"]
