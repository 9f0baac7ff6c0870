"""One project, written by hand in every format, is one record with the same triples."""

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
#: An activity of IATI has days where the page has months.
DAYS = {"2016-07-01": "2016-07", "2018-12-31": "2018-12"}


def read(name: str) -> Record:
    [record] = read_input(Input(name, FOLDER / name))
    return record


def by_month(record: Record) -> Record:
    def month(date: Date | None) -> Date | None:
        return date and replace(date, value=DAYS.get(date.value, date.value))

    return replace(record, start=month(record.start), end=month(record.end))


def triples(record: Record) -> set[str]:
    """What is said, without where and in which words it was printed."""
    bare = replace(derive(record), source=Source("a", "0"), rights=None)
    told = ("ontology#line>", "AsPrinted>", "#nameAsPrinted>", "/source", "prefLabel")
    return {line for line in describe(bare) if not any(part in line for part in told)}


def test_every_family_of_formats_has_its_file() -> None:
    suffixes = {path.suffix for path in FILES} | {".xlsx"}
    assert {READERS[suffix] for suffix in suffixes} == set(READERS.values())


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_it_is_the_same_record_in_every_format(name: str) -> None:
    page, other = read("project.txt"), by_month(read(name))
    for field in fields(Record):
        if field.compare:
            assert getattr(other, field.name) == getattr(page, field.name), field.name
    assert not other.findings
    assert triples(other) == triples(page)


def test_it_is_the_same_record_in_a_workbook() -> None:
    page = read("project.txt")
    [record] = READERS[".xlsx"](Input("project.xlsx", data=WRITERS["xlsx"]([page])))
    assert record == page
    assert triples(record) == triples(page)


def test_what_the_prose_adds_is_there_in_every_format() -> None:
    record = derive(read("project.txt"))
    told = {(link.actor.key, link.role, link.basis.value) for link in record.participations}
    assert told == {
        ("a-fund-that-no-list-knows", "funder", "stated"),
        ("apnic", "implementer", "stated"),
        ("dfat", "funder", "stated"),
        ("ministry-of-information-of-tonga", "beneficiary", "derived"),
        ("usp", "partner", "derived"),
    }
    assert record.title == Text("Incident Response for the Tonga Government")


@pytest.mark.parametrize("said", ["R&amp;D at AT&amp;amp;T", "&#38;lt;b&#x26;gt; &amp;nbsp;and"])
def test_what_was_escaped_twice_is_the_same_text_in_every_format(said: str) -> None:
    escaped = said.replace("&", "&amp;")
    files = {
        "a.txt": f"Title: {said}\nAim\n\n{said}\n",
        "a.csv": f"title,aim\n{said},{said}\n",
        "a.json": json.dumps({"title": said, "aim": said}),
        "a.html": f"<h1>{escaped}</h1><h2>Aim</h2><p>{escaped}</p>",
        "a.ttl": f'<urn:a> a <{CYB.Project}> ; <{DCTERMS.title}> "{said}"@en ; <{CYB.aim}> "{said}"@en .',
    }
    told = {}
    for name, text in files.items():
        [record] = read_input(Input(name, data=text.encode()))
        assert record.title
        told[name] = record.title.text, record.aim[0].text
    assert set(told.values()) == {told["a.txt"]}
    assert "amp" not in told["a.txt"][0]
