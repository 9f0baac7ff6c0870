"""A project written by hand in every format gives the same record with the same triples."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from cybilgraph.extraction import derive
from cybilgraph.model.record import Date, Record, Source, Text
from cybilgraph.model.vocabulary import CYB, DCTERMS
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import READERS, Input, read_input
from tests.conftest import SAMPLES

FOLDER = SAMPLES / "one-project"
FILES = sorted(FOLDER.iterdir())
#: IATI activities have days where the page has months.
DAYS = {"2016-07-01": "2016-07", "2018-12-31": "2018-12"}


def read(name: str) -> Record:
    [record] = read_input(Input(name, FOLDER / name))
    return record


def by_month(record: Record) -> Record:
    def month(date: Date | None) -> Date | None:
        return date and replace(date, value=DAYS.get(date.value, date.value))

    links = tuple(replace(link, details=()) for link in record.links)  # IATI requires their format
    return replace(record, start=month(record.start), end=month(record.end), links=links)


def triples(record: Record) -> set[str]:
    """Return the triples without places, printed forms, and the capture time that only web archives have."""
    bare = replace(derive(record), source=Source("a", "0"), rights=None, retrieved=None)
    links = ("ontology#line>", "AsPrinted>", "#nameAsPrinted>", "/source", "prefLabel")
    return {line for line in describe(bare) if not any(part in line for part in links)}


def test_every_format_family_has_a_sample() -> None:
    suffixes = {path.suffix for path in FILES} | {".xlsx"}
    assert {READERS[suffix] for suffix in suffixes} == set(READERS.values())


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_record_is_equal_in_every_format(name: str) -> None:
    page, other = read("project.txt"), by_month(read(name))
    for field in fields(Record):
        if field.compare:
            assert getattr(other, field.name) == getattr(page, field.name), field.name
    assert not other.findings
    assert triples(other) == triples(page)


def test_record_is_equal_in_workbook() -> None:
    page = read("project.txt")
    [record] = READERS[".xlsx"](Input("project.xlsx", data=WRITERS["xlsx"]([page])))
    assert record == page
    assert triples(record) == triples(page)


def test_derived_links_are_equal_in_every_format() -> None:
    record = derive(read("project.txt"))
    links = {(link.actor.key, link.role, link.basis.value) for link in record.participations}
    assert links == {
        ("a-fund-that-no-list-knows", "funder", "stated"),
        ("apnic", "implementer", "stated"),
        ("dfat", "funder", "stated"),
        ("ministry-of-information-tonga", "beneficiary", "derived"),
        ("usp", "partner", "possible"),
    }
    assert record.title == Text("Incident Response for the Tonga Government")


@pytest.mark.parametrize("text", ["R&amp;D at AT&amp;amp;T", "&#38;lt;b&#x26;gt; &amp;nbsp;and"])
def test_doubly_escaped_text_is_equal_in_every_format(text: str) -> None:
    escaped = text.replace("&", "&amp;")
    files = {
        "a.txt": f"Title: {text}\nAim\n\n{text}\n",
        "a.csv": f"title,aim\n{text},{text}\n",
        "a.json": json.dumps({"title": text, "aim": text}),
        "a.html": f"<h1>{escaped}</h1><h2>Aim</h2><p>{escaped}</p>",
        "a.ttl": f'<urn:a> a <{CYB.Project}> ; <{DCTERMS.title}> "{text}"@en ; <{CYB.aim}> "{text}"@en .',
    }
    found = {}
    for name, content in files.items():
        [record] = read_input(Input(name, data=content.encode()))
        assert record.title
        found[name] = record.title.text, record.aim[0].text
    assert set(found.values()) == {found["a.txt"]}
    assert "amp" not in found["a.txt"][0]
