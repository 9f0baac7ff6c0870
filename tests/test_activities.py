"""IATI out: what IATI can say comes back, the schema takes it, and memory does not grow."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.activities import records_of_graph, write_activities
from cybilgraph.readers import Input, read_input
from cybilgraph.record import Record
from cybilgraph.reference import reference
from tests.conftest import RECORDS, ROOT, SAMPLES, run

SCHEMA = ROOT / "build" / "suites" / "iati" / "iati-activities-schema.xsd"
SOURCES = [*sorted(RECORDS.glob("*.txt")), SAMPLES / "one-project" / "project.xml", SAMPLES / "formats" / "iati.xml"]


def read(path: Path) -> list[Record]:
    return list(pipeline.read(path))


def there_and_back(records: list[Record]) -> list[Record]:
    output = io.BytesIO()
    write_activities(records, output)
    return list(read_input(Input("out.xml", given=output.getvalue())))


def can_be_said(record: Record) -> dict[str, object]:
    """What IATI can say of a record."""
    coded = {entry.key for entry in reference().entries["role"].values() if entry.row["iati"]}
    texts = [text.text for texts in (record.description, record.context, record.activities) for text in texts]
    return {
        "title": record.title,
        "code": record.code,
        "iati": record.iati,
        "status": record.status.key if record.status and record.status.known else "",
        "start": record.start.value if record.start else "",
        "end": record.end.value if record.end else "",
        "actors": {(link.role, link.actor.key) for link in record.participations if link.role in coded},
        "scopes": {(link.concept.kind, link.concept.key) for link in record.scopes if link.concept.known},
        "contacts": record.contacts,
        "links": [link for link in record.links if link.url],
        "outputs": [text.text for text in record.outputs],
        "outcomes": [text.text for text in record.outcomes],
        "summary": [text.text for text in record.summary],
        "aim": [text.text for text in record.aim],
        "texts": texts,
        "language": record.language,
        "updated": record.updated,
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_iati_can_say_comes_back(path: Path) -> None:
    records = read(path)
    for record, back in zip(records, there_and_back(records), strict=True):
        assert can_be_said(back) == can_be_said(record)


@pytest.mark.skipif(not SCHEMA.exists(), reason="make suites fetches the schema of IATI")
def test_the_schema_takes_what_is_whole(tmp_path: Path) -> None:
    output = io.BytesIO()
    records = [record for path in SOURCES for record in read(path)]
    lack = write_activities(records, output, whole=True)
    file = etree.fromstring(output.getvalue())
    assert len(file) == len(records) - lack
    assert len(file) > 5
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(file)


def test_a_graph_becomes_the_activities_of_its_records(releases: Path) -> None:
    graph = (releases / "0001" / "graph.nq").read_bytes()
    present = [line for line in graph.splitlines(keepends=True) if b"/graph/" not in line]
    keys = [record.key for record in records_of_graph([b"".join(present)])]
    assert keys == sorted(set(keys))
    assert len(keys) == len({record.key for record in pipeline.read(RECORDS)})


def test_the_command_line_writes_activities(tmp_path: Path) -> None:
    file = tmp_path / "out.xml"
    done = run("convert", SAMPLES / "one-project" / "project.txt", "-f", "iati", "-o", file)
    assert done.returncode == 0, done.stderr.decode()
    activity = etree.parse(file).getroot()[0]
    assert activity.findtext("title/narrative") == "Incident Response for the Tonga Government"
    assert activity.findtext("iati-identifier").startswith(("XM-", "cybilgraph-"))
    assert run("check", file).returncode in (0, 1), "it is read here"


def test_an_organisation_that_no_list_knows_has_its_printed_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,title,summary\nG0002,T,It was delivered by the Zeta Foundation for Cyber.\n")
    done = run("convert", tmp_path / "a.csv", "-f", "iati", "-o", tmp_path / "out.xml")
    assert done.returncode == 0, done.stderr.decode()
    activity = etree.parse(tmp_path / "out.xml").getroot()[0]
    assert activity.findtext("participating-org/narrative") == "Zeta Foundation for Cyber"
