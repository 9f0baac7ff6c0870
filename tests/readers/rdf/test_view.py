"""Captures are read separately, statements that are not read are reported, and every project has a key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.record import Record, Source, Text
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.rdf import read_rdf
from tests.support.identities import quads
from tests.support.rdf_files import FULL, HEAD, read, turtle, write


def test_unread_statements_are_reported() -> None:
    record = turtle("""
        project:a a cyb:Project ; dcterms:title "A project"@en, "Un projet"@fr, "A second title"@en ;
            <urn:budget> 5, 6 ; cyb:funder [ foaf:name "EU" ; foaf:homepage <https://example.org> ] ;
            cyb:participation [ cyb:role role:funder ], "x" ; dcterms:abstract <urn:x> ; cyb:start "2018", "2019" .
    """)
    assert record.title == Text("A project")
    findings = {finding.label: finding.text for finding in record.findings}
    assert findings.keys() == {
        *("dcterms:title", "urn:budget", "foaf:homepage", "cyb:actor", "cyb:participation", "dcterms:abstract"),
        "cyb:start",
    }
    assert findings["urn:budget"] == "5"


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ('project:a dcterms:title "A project"@en ; rdfs:label "A project"@en .', []),
        ('project:a dcterms:title "A project"@en ; rdfs:label "Another name"@en .', ["rdfs:label"]),
        (
            """project:a dcterms:title "A project"@en ; cyb:funder <https://example.org/id/actor/a-fund> .
            <https://example.org/id/actor/a-fund> skos:prefLabel "A Fund"@en ; rdfs:label "A Fund"@en .""",
            [],
        ),
    ],
)
def test_label_that_repeats_a_name_is_not_unread(text: str, unread: list[str]) -> None:
    record = turtle(f"project:a a cyb:Project . {text}")
    assert record.title == Text("A project")
    assert [finding.label for finding in record.findings if finding.rule.endswith("#not-read")] == unread


def test_project_with_iri_of_another_site() -> None:
    first, second = read(
        HEAD
        + """
        <https://example.org/projects/a-page> a cyb:Project ; dcterms:title "A project" ; cyb:follows <urn:b> .
        <urn:b> a cyb:Project ; dcterms:identifier "G0007" ; dcterms:relation <https://example.org/projects/a-page> .
        project:only-a-name a cyb:Project .
    """
    )
    assert (first.key, first.address) == ("a-project", Text("https://example.org/projects/a-page"))
    assert [link.project.key for link in first.relations] == ["G0007"]
    assert (second.key, second.address) == ("G0007", Text("urn:b"))
    assert [link.project.key for link in second.relations] == ["a-project"]


@pytest.mark.parametrize(
    ("text", "key", "findings"),
    [
        ('project:a-name a cyb:Project ; cyb:aim "Much." .', "a-name", []),
        ('project:a-name a cyb:Project ; dcterms:title "Another name" .', "a-name", []),
        ('project:a-name a cyb:Project ; dcterms:identifier "G0001" .', "G0001", ["other-key"]),
        ("project:G0001 cyb:country country:BZ .", "G0001", []),
        ('project:a%2Fb a cyb:Project ; cyb:aim "Much." .', "a/b", []),
        ('<id/project/relative> a cyb:Project ; cyb:aim "Much." .', "relative", []),
        ('<urn:only:this> a cyb:Project ; cyb:aim "Much." .', "urn-only-this", []),
        ('[] a cyb:Project ; rdfs:label "Called so" .', "called-so", []),
    ],
)
def test_key_of_project(text: str, key: str, findings: list[str]) -> None:
    record = turtle(text)
    assert record.key == key
    assert [finding.rule.rpartition("#")[2] for finding in record.findings] == findings


def test_second_value_is_reported() -> None:
    text = """@prefix cyb: <https://w3id.org/cybilgraph/ontology#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
<https://w3id.org/cybilgraph/id/project/G0042> a cyb:Project ;
  dcterms:title "A title" ;
  cyb:end "2018-03" ,
    "2019-03" ;
  cyb:status <https://w3id.org/cybilgraph/id/status/ongoing> ,
    <https://w3id.org/cybilgraph/id/status/finished> ;
  cyb:unknown 5 ."""
    [record] = read_rdf(Input("x.ttl", data=text.encode()))
    assert record.end
    assert record.end.value == "2018-03"
    findings = [(each.rule.rpartition("#")[2], each.line, each.label) for each in record.findings]
    assert findings == [
        ("second-value", 6, "cyb:end"),
        ("second-value", 8, "cyb:status"),
        ("unknown-term", 9, "cyb:unknown"),
    ]
    assert record.findings[0].message == "“cyb:end” is given a second time, as “2019-03”. “2018-03” was kept."


def test_earlier_captures_come_first_by_number(tmp_path: Path) -> None:
    titles = [f"Capture {number}" for number in range(12)]
    captures = []
    with Identities() as identities, Assembly(identities) as assembly:
        for number, title in enumerate(titles):
            more = (
                "Status: Ongoing\nContext\nWhy." if number % 2 else "Aims\nMuch."
            )  # fields that do not come from the other capture
            text = f"{title}\nCybil code: G0001\n{more}\nFunders\nThe X Fund\nSummary\nText.".encode()
            [record] = read_input(Input("x.txt", data=text))
            captures.append(record)
            assembly.add(record, describe(record))
        other = Record(source=Source("y", "1" * 64), title=Text("Other"), slug=Text("other"))
        assembly.add(other, describe(other))
        lines = quads(assembly)
    for name in ("nquads", "trig", "jsonld"):
        records = read(write(lines, name), f"x.{BY_NAME[name].suffix}")
        present = replace(captures[-1], aim=captures[-2].aim)  # the newest capture, completed from the one before
        assert records == [*captures[:-1], present, other]
        assert {link.actor.printed.text for record in records for link in record.participations} == {"The X Fund"}
        assert not any(link.actor.known for record in records for link in record.participations)
    (tmp_path / "all.nq").write_bytes(write(lines, "nquads"))
    with (tmp_path / "again.nq").open("wb") as output:
        pipeline.convert([tmp_path / "all.nq"], BY_NAME["nquads"], output)
    again = (tmp_path / "again.nq").read_text(encoding="utf-8").splitlines()
    assert {line for line in again if "/source" not in line} == {line for line in lines if "/source" not in line}


@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_truncated_file_gives_projects_before_the_cut(fmt: Format) -> None:
    content = write(describe(FULL), fmt.name)
    for share in (0.2, 0.5, 0.9):
        cut = content[: int(len(content) * share)].rstrip(b"\n .") + b"<"
        with pytest.raises(SourceError, match=r"^x\.rdf: " if fmt.name == "rdfxml" else r"^x\.\w+:\d+:\d+: "):
            read(cut, f"x.{fmt.suffix}")
