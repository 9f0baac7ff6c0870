"""A record is described with exact IRIs, quotes and provenance."""

from __future__ import annotations

from pathlib import Path

import pytest
import rdflib
from rdflib import RDF, Literal, URIRef

from cybilgraph import read, to_graph
from cybilgraph.model.record import Text
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    OA,
    OWL,
    PROV,
    RDFS,
    SKOS,
    SPDX,
    VCARD,
    XSD,
)
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input
from tests.conftest import PAGES, SEED
from tests.support.graphs import G0020, objects


def test_seed_record_has_exact_iris(graph: rdflib.Graph) -> None:
    assert (URIRef(G0020), RDF.type, URIRef(CYB.Project)) in graph
    assert objects(graph, G0020, DCTERMS.identifier) == {"G0020"}
    assert objects(graph, G0020, DCTERMS.title) == {"Support to Belize National Cyber Security Strategy"}
    assert objects(graph, G0020, CYB.status) == {f"{BASE}id/status/finished"}
    for predicate, value in ((CYB.start, "2018-04"), (CYB.end, "2020-03")):
        assert list(graph.objects(URIRef(G0020), URIRef(predicate))) == [
            Literal(value, datatype=URIRef(XSD.gYearMonth))
        ]
    assert objects(graph, G0020, CYB.country) == {f"{BASE}id/country/BZ"}
    assert objects(graph, G0020, CYB.implementer) == set(), "they are only possible"
    assert objects(graph, G0020, CYB.funder) == set()
    assert objects(graph, G0020, CYB.outcome) == {f"{G0020}/outcome/1"}
    assert objects(graph, G0020, CYB.output) == {f"{G0020}/output/1"}
    assert objects(graph, G0020, CYB.activity) == {f"{G0020}/activity/{number}" for number in range(1, 5)}
    assert objects(graph, G0020, CYB.link) == {f"{G0020}/link/1"}
    assert objects(graph, G0020, CYB.contact) == {f"{G0020}/contact/1"}
    assert objects(graph, f"{G0020}/contact/1", VCARD.fn) == {"Daniela Schnidrig"}
    for predicate in (DCTERMS.abstract, CYB.aim, CYB.context):
        assert len(objects(graph, G0020, predicate)) == 1


def test_former_participations_follow_the_pointer_of_their_actor() -> None:
    table = b"title,beneficiaries\nA project,Ministry of Justice (Kosovo); Kosovo Customs; Ministry of Economy (Israel); women diplomats\n"
    [record] = read_input(Input("a.csv", data=table))
    graph = rdflib.Graph().parse(data="\n".join(describe(record)), format="nt")
    project, present = f"{BASE}id/project/a-project", {}
    for former in graph.subjects(URIRef(OWL.deprecated)):
        [target] = objects(graph, str(former), RDFS.seeAlso)
        kind, key = target.removeprefix(f"{BASE}id/").split("/")
        present[former.rpartition("/")[2]] = key
        node = f"{project}/participation/{key}/beneficiary" if kind == "actor" else f"{project}/scope/audience/{key}"
        assert target in objects(graph, node, RDF.object)
    assert present == {
        "ministry-of-justice": "ministry-of-justice-kosovo",
        "kosovo-customs": "customs-kosovo",
        "ministry-of-economy": "ministry-of-economy-israel",
        "women-diplomats": "women-diplomats",
    }


def test_title_and_names_are_labels() -> None:
    table = b"title,language,implementers,web links\nUn projet,fr,Some Agency,A page: https://example.org/a\n"
    [record] = read_input(Input("a.csv", data=table))
    graph = rdflib.Graph().parse(data="\n".join(describe(record)), format="nt")
    labels = {(str(thing), label) for thing, label in graph.subject_objects(URIRef(RDFS.label)) if "/id/" in thing}
    assert labels == {
        (f"{BASE}id/project/un-projet", Literal("Un projet", "fr")),
        (f"{BASE}id/actor/some-agency", Literal("Some Agency", "fr")),
    }


def test_audience_keeps_its_qualifier() -> None:
    table = b"title,audiences\nA project,women diplomats (Pacific)\nAnother,Women diplomats\n"
    lines = [line for record in read_input(Input("a.csv", data=table)) for line in describe(record)]
    graph = rdflib.Graph().parse(data="\n".join(lines), format="nt")
    pacific, women = f"{BASE}id/audience/women-diplomats-pacific", f"{BASE}id/audience/women-diplomats"
    assert objects(graph, f"{BASE}id/project/a-project", CYB.audience) == {pacific}
    assert objects(graph, f"{BASE}id/project/another", CYB.audience) == {women}
    assert objects(graph, pacific, SKOS.prefLabel) == {"women diplomats (Pacific)"}
    assert objects(graph, pacific, SKOS.broader) == {women}
    assert objects(graph, f"{BASE}id/actor/women-diplomats", RDFS.seeAlso) == {pacific, women}


@pytest.mark.parametrize("updated", ["2023-01-02", ""])
def test_date_of_the_capture_belongs_to_the_source_and_dates_the_status(updated: str) -> None:
    page = f"A project\n\nStatus: Ongoing\n\nCaptured: 31 May 2024\n\nLast updated: {updated}\n\nSummary\n\nIt helps Fiji.\n"
    [record] = read_input(Input("a.txt", data=page.encode()))
    assert record.retrieved == Text("2024-05-31")
    graph = rdflib.Graph().parse(data="\n".join(describe(record)), format="nt")
    [source] = objects(graph, f"{BASE}record/a-project", CYB.currentSource)
    [captured] = graph.objects(URIRef(source), URIRef(PROV.generatedAtTime))
    assert captured == Literal("2024-05-31T00:00:00Z", datatype=URIRef(XSD.dateTime))
    assert objects(graph, f"{BASE}id/project/a-project", CYB.statusAsOf) == {"2024-05-31"}


@pytest.mark.parametrize("actor", ["oas-cicte", "gpd"])
def test_possible_participation_has_quote_and_line(graph: rdflib.Graph, actor: str) -> None:
    node = f"{G0020}/participation/{actor}/implementer"
    assert node in objects(graph, G0020, CYB.participation)
    assert objects(graph, node, CYB.actor) == {f"{BASE}id/actor/{actor}"}
    assert objects(graph, node, CYB.role) == {f"{BASE}id/role/implementer"}
    assert objects(graph, node, CYB.basis) == {f"{BASE}id/basis/possible"}
    [evidence] = objects(graph, node, CYB.evidence)
    [quote] = objects(graph, evidence, OA.exact)
    [line] = objects(graph, evidence, CYB.line)
    assert quote in SEED.read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_record_has_provenance(graph: rdflib.Graph) -> None:
    record = f"{BASE}record/G0020"
    assert objects(graph, record, FOAF.primaryTopic) == {G0020}
    assert objects(graph, record, CYB.leftBlank) == {CYB.funder, CYB.country}
    [rights] = objects(graph, record, DCTERMS.rights)
    assert rights.startswith("The Cybil project repository")
    [source] = objects(graph, record, PROV.wasDerivedFrom)
    [checksum] = objects(graph, source, SPDX.checksum)
    [value] = graph.objects(rdflib.URIRef(checksum), rdflib.URIRef(SPDX.checksumValue))
    assert isinstance(value, rdflib.Literal)
    assert len(value) == 64
    assert value.datatype == rdflib.XSD.hexBinary, "as in the descriptions of the files of a release"
    others = [str(text) for text in graph.objects() if "continuously updated" in str(text)]
    assert others == [rights], "the rights statement is in no section"


def test_description_has_no_blank_nodes() -> None:
    assert not [line for record in read(*PAGES) for line in describe(record) if line.startswith("_:") or " _:" in line]


def test_body_of_a_state_has_label_seat_and_former_key(tmp_path: Path) -> None:
    source = tmp_path / "one.csv"
    source.write_text("title,countries,beneficiaries\nA,Kosovo,Ministry of Justice;Kosovo Customs\n")
    graph = to_graph(next(read(source)))
    ministry, customs = (f"{BASE}id/actor/{key}-kosovo" for key in ("ministry-of-justice", "customs"))
    assert objects(graph, ministry, SKOS.prefLabel) == {"Ministry of Justice (Kosovo)"}
    assert objects(graph, customs, SKOS.prefLabel) == {"Kosovo Customs"}
    assert objects(graph, ministry, CYB.seat) == objects(graph, customs, CYB.seat) == {f"{BASE}id/country/XK"}
    for former, successor in (("ministry-of-justice", ministry), ("kosovo-customs", customs)):
        assert objects(graph, f"{BASE}id/actor/{former}", RDFS.seeAlso) == {successor}
        assert objects(graph, f"{BASE}id/actor/{former}", OWL.deprecated) == {"true"}
    printed = set(graph.objects(None, URIRef(CYB.nameAsPrinted)))
    assert {str(name) for name in printed} == {
        "Ministry of Justice",
        "Kosovo Customs",
    }


def test_listed_actor_is_not_the_former_one_of_a_body_with_a_state(tmp_path: Path) -> None:
    source = tmp_path / "one.csv"
    source.write_text("title,countries,funders\nA,Denmark,EU (Denmark);EU\n")
    graph = to_graph(next(read(source)))
    assert objects(graph, f"{BASE}id/actor/eu-denmark", SKOS.prefLabel) == {"EU (Denmark)"}
    assert not objects(graph, f"{BASE}id/actor/eu", RDFS.seeAlso)
    assert not objects(graph, f"{BASE}id/actor/eu", OWL.deprecated)


def test_name_as_printed_of_a_derived_body_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text("Courses in Kosovo\n\nSummary\n\nThe project trains the Ministry of Justice.\n")
    [record] = read(source)
    graph = to_graph(record)
    ministry = f"{BASE}id/actor/ministry-of-justice-kosovo"
    assert objects(graph, ministry, SKOS.prefLabel) == {"Ministry of Justice (Kosovo)"}
    assert [str(name) for name in graph.objects(None, URIRef(CYB.nameAsPrinted))] == ["Ministry of Justice"]
    again = tmp_path / "again.nt"
    again.write_text("\n".join(describe(record)))
    assert [line for line in describe(next(read(again))) if "/source" not in line] == [
        line for line in describe(record) if "/source" not in line
    ]
