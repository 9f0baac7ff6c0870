"""Organisations are read from dumps of ROR and results of Wikidata; other files are refused with a hint."""

from __future__ import annotations

import json
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from cybilgraph.errors import SourceError
from cybilgraph.readers.organisation_extracts import read_extract
from tests.conftest import ROOT
from tests.support.registers import CSV_RESULT, ror_record

BINDINGS = {
    "head": {"vars": ["item", "name", "country"]},
    "results": {
        "bindings": [
            {"item": {"type": "uri", "value": "http://www.wikidata.org/entity/Q42"}, "name": {"value": "Bula Trust"}},
        ]
    },
}


def extract(folder: Path, content: object, name: str = "extract") -> Path:
    path = folder / name
    data = content if isinstance(content, bytes) else str(content).encode()
    path.write_bytes(data)
    return path


def test_ror_record_has_names_places_homepage_and_identifiers(tmp_path: Path) -> None:
    record = ror_record("Fiji Cyber Trust", acronym="FCT", wikidata=("Q42",))
    [one] = read_extract(extract(tmp_path, json.dumps([record], indent=2)))
    assert (one.name, one.names) == ("Fiji Cyber Trust", {"Fiji Cyber Trust", "FCT"})
    assert (one.countries, one.homepages) == ({"FJ"}, {"https://trust.example.org/"})
    assert [(each.register, each.text, each.source) for each in one.identifiers] == [
        ("ror", "0abcdef23", "https://ror.org/0abcdef23"),
        ("wikidata", "Q42", "https://ror.org/0abcdef23"),
    ]


def test_only_an_unambiguous_item_of_wikidata_is_taken_from_ror(tmp_path: Path) -> None:
    several = [ror_record("A", wikidata=("Q1", "Q2")), ror_record("B", wikidata=("Q1", "Q2"), preferred="Q2")]
    found = list(read_extract(extract(tmp_path, json.dumps(several))))
    assert [[each.text for each in one.identifiers[1:]] for one in found] == [[], ["Q2"]]


def test_withdrawn_organisations_are_left_out(tmp_path: Path) -> None:
    records = [ror_record("A", status="withdrawn"), ror_record("B", status="inactive"), ror_record("C")]
    assert [one.name for one in read_extract(extract(tmp_path, json.dumps(records)))] == ["C"]


def test_archive_of_ror_is_read_in_schema_2(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ror.zip", "w") as archive:
        archive.writestr("v1.99-ror-data.json", json.dumps([{"id": "https://ror.org/0abcdef23", "name": "Old"}]))
        archive.writestr("v1.99-ror-data_schema_v2.csv", "id,name\n")
        archive.writestr("v1.99-ror-data_schema_v2.json", json.dumps([ror_record("New")]))
    assert [one.name for one in read_extract(tmp_path / "ror.zip")] == ["New"]


def test_dump_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "ror.json"
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n")
        for number in range(12_000):
            file.write(f"{json.dumps(ror_record(f'Trust {number} “é”'), indent=4, ensure_ascii=False)},\n")
        file.write(f"{json.dumps(ror_record('Last'))}\n]\n")
    tracemalloc.start()
    count, last = 0, ""
    for one in read_extract(path):
        count, last = count + 1, one.name
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, last) == (12_001, "Last")
    assert peak < path.stat().st_size / 2


@pytest.mark.parametrize(
    "content",
    [
        CSV_RESULT,
        f"\ufeff{CSV_RESULT}".replace("\n", "\r\n"),
        json.dumps([{"item": "http://www.wikidata.org/entity/Q42", "name": "Bula Trust"}]),
        json.dumps(BINDINGS),
    ],
    ids=("csv", "csv-windows", "json", "json-verbose"),
)
def test_results_of_wikidata_are_read_in_each_form(tmp_path: Path, content: str) -> None:
    one = next(read_extract(extract(tmp_path, content)))
    assert (one.name, one.identifiers[0].register, one.identifiers[0].text) == ("Bula Trust", "wikidata", "Q42")
    assert one.identifiers[0].source == "http://www.wikidata.org/entity/Q42"


def test_rows_of_an_item_are_one_organisation(tmp_path: Path) -> None:
    bula, other = read_extract(extract(tmp_path, CSV_RESULT))
    assert bula.names == {"Bula Trust", "BT"}
    assert (bula.countries, bula.homepages) == ({"FJ"}, {"https://www.bula.example.org"})
    assert [(one.register, one.text) for one in bula.identifiers] == [("wikidata", "Q42"), ("ror", "0abcdef23")]
    assert (other.name, len(other.identifiers)) == ("Other", 1)


def wrong_files() -> Iterator[tuple[Any, str]]:
    record = json.dumps(ror_record("Trust"))
    yield b"", "is empty"
    yield b" \n\t ", "is empty"
    yield b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page or XML"
    yield b'<?xml version="1.0"?><sparql/>', "is a web page or XML"
    yield b"\xff\xfe[\x00{\x00", "is not encoded in UTF-8"
    yield "item,name\nhttp://www.wikidata.org/entity/Q42,Ministère\n".encode("latin-1"), "is not encoded in UTF-8"
    yield b"[]", "contains no organisations"
    yield b"item,name\n", "contains no organisations"
    yield b'{"results": {"bindings": []}}', "contains no organisations"
    yield b'{"items": []}', "is JSON, but not of ROR or Wikidata"
    yield b'{"results": {"bindings": [1]}}', "is JSON, but not of ROR or Wikidata"
    yield b"[1, 2]", "is JSON, but not of ROR or Wikidata"
    yield b'[{"title": "A project"}]', "is JSON, but not of ROR or Wikidata"
    yield b'[{"id": "https://ror.org/0abcdef23", "name": "Trust"}]', "organisation 1 is in schema 1 of ROR"
    yield f'[{record}, {{"id": "x", "status": "active"}}]', "organisation 2 is not a record of ROR"
    yield f"[{record}, 7]", "organisation 2 is not a record of ROR"
    yield f"[{record}, {record[:200]}", "incomplete, after 1 organisations"
    yield f"[{record}", "incomplete, after 1 organisations"
    yield b'{"results": ', "is not valid JSON"
    yield b"[" * 100_000, "is not valid JSON"
    yield b'{"a":' * 100_000, "is JSON, but not of ROR or Wikidata"
    yield b"title,country\nA project,FJ\n", "is not a result of Wikidata"
    yield b"item,name\nhttp://www.wikidata.org/entity/Q42,A\nhttps://example.org/Q43,B\n", "in row 2"
    yield b"item,name\n" + b'"' + b"x" * 200_000, "is not valid CSV"
    yield b"just some text", "contains no organisations"


@pytest.mark.parametrize(("content", "problem"), list(wrong_files()), ids=lambda value: str(value)[:30])
def test_other_files_are_refused(tmp_path: Path, content: Any, problem: str) -> None:
    with pytest.raises(SourceError) as raised:
        list(read_extract(extract(tmp_path, content, "file")))
    assert raised.value.what.startswith("file")
    assert problem in raised.value.what
    assert raised.value.hint


def test_other_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(SourceError, match="contains no JSON file"):
        list(read_extract(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps([ror_record(f"Trust {n}") for n in range(100)]))
    data = bytearray((tmp_path / "b.zip").read_bytes())
    data[200:300] = bytes(100)
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(SourceError, match="cannot be unpacked"):
        list(read_extract(tmp_path / "b.zip"))


def test_documented_query_gives_the_expected_columns(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "recipes" / "language.md").read_text(encoding="utf-8")
    [query] = re.findall(r"```text\n(SELECT \?item.*?)```", text, re.DOTALL)
    wikidata = ox.Store()
    wikidata.load(
        b"""
        @prefix wd: <http://www.wikidata.org/entity/> . @prefix wdt: <http://www.wikidata.org/prop/direct/> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        wd:Q712 wdt:P297 "FJ" . wd:Q99 wdt:P279 wd:Q43229 .
        wd:Q42 wdt:P17 wd:Q712 ; wdt:P31 wd:Q99 ; wdt:P856 <https://www.bula.example.org> ; wdt:P6782 "0abcdef23" ;
            rdfs:label "Bula Trust"@en, "Fiducie"@de ; skos:altLabel "BT"@en .
        """,
        ox.RdfFormat.TURTLE,
    )
    namespaces = {
        "wd": "http://www.wikidata.org/entity/",
        "wdt": "http://www.wikidata.org/prop/direct/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
    }
    result = wikidata.query(query, prefixes=namespaces).serialize(format=ox.QueryResultsFormat.CSV)
    assert result
    [one] = read_extract(extract(tmp_path, result))
    assert (one.names, one.countries) == ({"Bula Trust", "BT"}, {"FJ"})
    assert [each.text for each in one.identifiers] == ["Q42", "0abcdef23"]
