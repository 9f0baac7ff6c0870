"""IATI export: everything that IATI can represent is restored, the output is valid, and memory does not grow."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.fields import FIELDS, NARRATIVE_FIELDS
from cybilgraph.model.record import Date, Funding, Participation, Record, Relation, Scope
from cybilgraph.rdf.iati_activities import read_graph_records, write_activities
from cybilgraph.readers import Input, read_input
from tests.conftest import PAGES, SAMPLES, graph_of, run
from tests.support.iati_rules import SCHEMA, needs_schema

#: Elements that the schema requires, and that not all records can fill.
REQUIRED = ("description", "participating-org", "activity-status", "activity-date")
SOURCES = [*PAGES, SAMPLES / "one-project" / "project.xml", SAMPLES / "formats" / "iati.xml"]


def read(path: Path) -> list[Record]:
    return list(pipeline.read(path))


def round_trip(records: list[Record]) -> list[Record]:
    output = io.BytesIO()
    write_activities(records, output)
    return list(read_input(Input("out.xml", data=output.getvalue())))


def representable(record: Record) -> dict[str, object]:
    """Return what IATI can represent of a record, with our own attributes and elements."""
    texts = ("summary", "aim", "description", "context", "activities", "outputs", "outcomes")
    known = [*record.participations, *(link for link in record.scopes if link.concept.known)]
    return {
        "title": record.title,
        "code": record.code,
        "iati": record.iati,
        "status": record.status.key if record.status and record.status.known else "",
        "dates": [(date.value, _words(date)) if date and date.value else () for date in (record.start, record.end)],
        "left blank": record.left_blank,
        "slug": record.slug,
        "address": record.address,
        "rights": record.rights,
        "duration": record.duration,
        "links": {(link, _words(link)) for link in known},
        "relations": {(link.kind, link.basis, _words(link)) for link in record.relations},
        "contacts": record.contacts,
        "addresses": [link for link in record.links if link.url],
        "funding": [(one, _words(one)) for one in record.funding],
        "texts": {name: [text.text for text in getattr(record, name)] for name in texts},
        "language": record.language,
        "updated": record.updated,
        "retrieved": record.retrieved,
    }


def _words(link: Participation | Scope | Relation | Funding | Date) -> tuple[tuple[str, str, float], ...]:
    """Return the evidence of a link."""
    return tuple((one.section, one.quote, one.confidence) for one in link.evidence)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_representable_values_round_trip(path: Path) -> None:
    records = read(path)
    for record, back in zip(records, round_trip(records), strict=True):
        assert representable(back) == representable(record.counted())


@pytest.mark.parametrize("name", ["sharing-evidence", "other"])
def test_slug_round_trips_with_an_address_that_has_another(name: str, tmp_path: Path) -> None:
    source = tmp_path / "one.csv"
    source.write_text(f"title,slug,address\nSharing Evidence,{name},https://example.org/projects/other\n")
    [record] = read(source)
    assert [back.key for back in round_trip([record])] == [record.key] == [name]


def test_unusual_code_round_trips(tmp_path: Path) -> None:
    source = tmp_path / "one.json"
    source.write_text('{"title": "A project", "code": "M0010"}')
    [record] = read(source)
    [back] = round_trip([record])
    assert back.code
    assert (back.code.text, back.key) == ("M0010", record.key)


@pytest.mark.parametrize(
    "name",
    [
        "National Police, Niger",
        "Police of England and Wales",
        "Ministerio de Justicia de España",
        "Ministry of Meteorology, Energy, Information, Disaster Management, Environment, Climate Change and "
        "Communications (Tonga)",
    ],
)
def test_body_of_a_state_keeps_its_key(name: str, tmp_path: Path) -> None:
    source = tmp_path / "one.csv"
    source.write_text(f'title,countries,beneficiaries\nCourses,Mali,"{name}"\n', encoding="utf-8")
    [record] = read(source)
    [link] = record.values("beneficiary")
    [back] = round_trip([record])
    assert [same.actor.key for same in back.values("beneficiary")] == [link.actor.key]
    assert [same.actor.printed.text for same in back.values("beneficiary")] == [name]


def test_every_column_round_trips_with_its_printed_form(tmp_path: Path) -> None:
    row = {
        **{field.column: f"Words for {field.column}" for field in NARRATIVE_FIELDS},
        "code": "G0123",
        "iati_identifier": "GB-GOV-1-300001",
        "other_ids": "World Bank: P161086",
        "title": "Cyber in the Caucasus",
        "slug": "caucasus",
        "status": "Completed",
        "start": "Oct 2023",
        "end": "30 Sept 2025",
        "duration": "2 years",
        "language": "en",
        "funders": "DFAT; United Kingdom",
        "implementers": "APNIC; EU (80%); A Fund that no List Knows",
        "partners": "ITU",
        "extending": "Interpol",
        "beneficiaries": "Government of Georgia",
        "audiences": "Women diplomats",
        "accountable": "World Bank",
        "themes": "cybercrime training",
        "budget": "EUR 5,000 (commitment, 2019, from Norway)",
        "countries": "Georgia (62.5%); Armenia (37.5%)",
        "regions": "Eastern Europe",
        "groups": "Small Island Developing States",
        "contacts": "An Example <an@example.org>",
        "summary": "It was funded by the FCDO.\n\nMore.",
        "aim": "To help.",
        "description": "What it is.",
        "context": "Why it is.",
        "outcomes": "One thing.\nAnother",
        "outputs": "A paper",
        "activities": "Training of people",
        "links": "Review <https://example.org/r.pdf>",
        "indicators": "Officers trained (result: Skills): baseline 0 in 2018; target 5 from 2019-01-01 to 2019-12-31",
        "classifications": "DAC sector 15130: Legal development (40%)\nSome other code",
        "part_of": "G0900",
        "includes": "G0902",
        "follows": "G0901",
        "related": "Another Project of Ours",
        "updated": "3 May 2024",
        "retrieved": "2024-06-30",
        "rights": "CC BY 4.0",
        "address": "https://cybilportal.org/projects/caucasus-cyber/",
    }
    assert set(row) == {field.column for field in FIELDS if field.column}
    with (tmp_path / "one.csv").open("w") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    with (tmp_path / "one.xml").open("wb") as output:
        pipeline.convert([tmp_path / "one.csv"], None, output)
    [first], [back] = read(tmp_path / "one.csv"), read(tmp_path / "one.xml")
    assert back == first
    assert printed(back) == printed(first)
    [straight] = round_trip([first])
    assert straight.status
    assert straight.status.printed.text == "Completed", "which a graph does not keep"
    assert (back.address, back.rights, back.retrieved) == (first.address, first.rights, first.retrieved)


def printed(record: Record) -> list[str]:
    """Return the printed forms of a record's values."""
    dates = [date.printed for date in (record.start, record.end, record.duration) if date]
    links = [link.actor.printed for link in record.participations if not link.evidence]
    places = [link.concept.printed for link in record.scopes if not link.evidence]
    return [text.text for text in (*dates, *links, *places)]


@pytest.mark.parametrize(("printed_name", "expected"), [("Georgia", "Georgia"), ("Armenia", "GE"), ("", "GE")])
def test_printed_form_is_used_only_if_it_means_the_same(printed_name: str, expected: str) -> None:
    activity = (
        '<iati-activities version="2.03" xmlns:cyb="https://w3id.org/cybilgraph/ontology#"><iati-activity>'
        f'<recipient-country code="GE"><cyb:printed>{printed_name}</cyb:printed></recipient-country>'
        "</iati-activity></iati-activities>"
    )
    [record] = read_input(Input("a.xml", data=activity.encode()))
    assert [(link.concept.key, link.concept.printed.text) for link in record.scopes] == [("GE", expected)]


def test_second_round_trip_changes_nothing(tmp_path: Path) -> None:
    """Also for a project with two captures."""
    passes = []
    sources = PAGES
    for number in range(2):
        file = tmp_path / f"{number}.xml"
        with file.open("wb") as output:
            pipeline.convert(sources, None, output)
        passes.append(file.read_bytes())
        sources = [file]
    assert passes[0] == passes[1]
    assert b"<cyb:evidence section=" in passes[0]


@pytest.mark.parametrize("about", ['section="nowhere" confidence="0.9"', 'section="aim" confidence="inf"', ""])
def test_links_with_invalid_evidence_are_derived_again(about: str) -> None:
    evidence = f"<cyb:evidence {about}>By A.</cyb:evidence>"
    activity = (
        '<iati-activities version="2.03" xmlns:cyb="https://w3id.org/cybilgraph/ontology#"><iati-activity>'
        f'<recipient-country code="FJ">{evidence}</recipient-country>'
        '<recipient-country code="TO"/></iati-activity></iati-activities>'
    )
    [record] = read_input(Input("a.xml", data=activity.encode()))
    assert [(link.concept.key, link.basis) for link in record.scopes] == [("TO", "stated")]


@needs_schema
def test_complete_activities_match_the_schema(tmp_path: Path) -> None:
    output = io.BytesIO()
    records = [record for path in SOURCES for record in read(path)]
    write_activities(records, output)
    file = etree.fromstring(output.getvalue())
    assert len(file) == len(records)
    for activity in list(file):
        if any(activity.find(tag) is None for tag in REQUIRED):
            file.remove(activity)
    assert len(file) > 5
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(file)


def test_graph_becomes_activities_of_its_records(releases: Path) -> None:
    graph = graph_of(releases / "0001")
    present = [line for line in graph.splitlines(keepends=True) if b"/graph/" not in line]
    keys = [record.key for record in read_graph_records([b"".join(present)])]
    assert keys == sorted(set(keys))
    assert len(keys) == len({record.key for record in pipeline.read(*PAGES)})


@pytest.mark.slow
def test_command_line_writes_activities(tmp_path: Path) -> None:
    file = tmp_path / "out.xml"
    done = run("convert", SAMPLES / "one-project" / "project.txt", "-f", "iati", "-o", file)
    assert done.returncode == 0, done.stderr.decode()
    activity = etree.parse(file).getroot()[0]
    assert activity.findtext("title/narrative") == "Incident Response for the Tonga Government"
    assert activity.findtext("iati-identifier").startswith(("XM-", "cybilgraph-"))
    assert run("check", file).returncode in (0, 1), "it is read here"


def test_unlisted_organisation_has_its_printed_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,title,summary\nG0002,T,It was funded by the Zeta Foundation for Cyber.\n")
    done = run("convert", tmp_path / "a.csv", "-f", "iati", "-o", tmp_path / "out.xml")
    assert done.returncode == 0, done.stderr.decode()
    activity = etree.parse(tmp_path / "out.xml").getroot()[0]
    assert activity.findtext("participating-org/narrative") == "Zeta Foundation for Cyber"


def test_listed_organisations_have_their_identifier() -> None:
    text = "code,title,funders,implementers\nG0901,Courses,UNDP;Zeta Fund,GFCE\n"
    output = io.BytesIO()
    write_activities(read_input(Input("a.csv", data=text.encode())), output)
    elements = etree.fromstring(output.getvalue()).iter("participating-org")
    assert {element.findtext("narrative"): element.get("ref") for element in elements} == {
        "United Nations Development Programme": "XM-DAC-41114",
        "Global Forum on Cyber Expertise": None,
        "Zeta Fund": None,
    }
