"""The descriptions of a release count its graph and state its locations and licence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile
from cybilgraph.model.vocabulary import BASE, CYB, DCAT, DCTERMS, OWL, RDF, VOID
from cybilgraph.rdf.dumps import MAY_REACH, STATED_DUMP
from cybilgraph.rdf.dumps.metadata import (
    MAY_REACH_ABOUT,
    GraphStatistics,
    ReleaseFile,
    count_statements,
    describe_paging,
    origin_of,
    with_licence,
    with_locations,
    with_profile,
    write_descriptions,
)
from cybilgraph.rdf.serialisation import turtle_to_ntriples

DATASET = f"{BASE}dataset"
PROJECT, ACTOR = f"{BASE}id/project/G0001", f"{BASE}id/actor/eu"
GRAPH = {
    PROJECT: {
        RDF.type: [f"<{CYB.Project}>"],
        CYB.start: ['"2018-04"'],
        CYB.end: ['"2020"', '"2020-05"'],
        CYB.country: [f"<{BASE}id/country/BZ>", f"<{BASE}id/country/JM>"],
    },
    ACTOR: {RDF.type: [f"<{CYB.Actor}>"], OWL.sameAs: ["<https://www.wikidata.org/entity/Q458>", f"<{BASE}id/x>"]},
}


def test_counts_classes_properties_places_and_links() -> None:
    counts = count_statements(GRAPH)
    assert (counts.triples, counts.subjects) == (9, 2)
    assert counts.classes == {CYB.Project: 1, CYB.Actor: 1}
    assert counts.properties[CYB.country] == 2
    assert counts.links == {(OWL.sameAs, "https://www.wikidata.org/"): 1}
    assert counts.places == {f"{BASE}id/country/BZ", f"{BASE}id/country/JM"}
    assert counts.examples == [PROJECT]
    assert (counts.first_day, counts.last_day) == ("2018-04-01", "2020-12-31")


def test_counts_of_chunks_add_up_to_those_of_the_graph() -> None:
    total = GraphStatistics()
    for subject, own in GRAPH.items():
        total.add(count_statements({subject: own}))
    assert total == count_statements(GRAPH)


def test_descriptions_state_counts_and_files(tmp_path: Path) -> None:
    contents = {
        "cybilgraph.ttl.gz": "The graph, current state only: 9 statements, as Turtle (gzip)",
        "cybilgraph.jsonld.gz": "The graph, current state only: 9 statements, as JSON-LD (gzip)",
        "cybilgraph.nq.gz": "The graph, current state and history (named graphs): 12 statements, as N-Quads (gzip)",
        STATED_DUMP: "The graph, current state, stated and confirmed facts only, without derived links and their quotes: "
        "7 statements, as N-Triples (gzip)",
        "projects.csv.gz": "Projects, one per row as CSV (gzip)",
        MAY_REACH: f"{MAY_REACH_ABOUT} as N-Triples (gzip)",
    }
    files = [ReleaseFile(name, 100, "ab" * 32) for name in contents]
    counts = count_statements(GRAPH)
    counts.quads, counts.stated, counts.may_reach = 12, 7, 7
    write_descriptions(counts, 3, "2026-01-31T00:00:00Z", files, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"void.ttl", "dcat.ttl", "dcat.jsonld", "dcat.rdf"}
    void, dcat = (
        {(quad.subject.value, quad.predicate.value, quad.object.value) for quad in ox.parse(path=tmp_path / name)}
        for name in ("void.ttl", "dcat.ttl")
    )
    assert (DATASET, VOID.triples, "9") in void
    dumps = {(subject, value.rpartition("/")[2]) for subject, predicate, value in void if predicate == VOID.dataDump}
    stated = f"{DATASET}#stated"
    reached = f"{DATASET}#may-reach"
    assert dumps == {
        (DATASET, "cybilgraph.ttl.gz"),
        (DATASET, "cybilgraph.jsonld.gz"),
        (DATASET, "cybilgraph.nq.gz"),
        (stated, STATED_DUMP),
        (reached, MAY_REACH),
    }
    assert (reached, VOID.triples, "7") in void
    assert {(DATASET, VOID.subset, stated), (stated, VOID.triples, "7")} < void
    described = {subject: value for subject, predicate, value in dcat if predicate == DCTERMS.description}
    assert {name: described.get(f"{DATASET}#file-{name}", "") for name in contents} == contents
    assert {value.rpartition("/")[2] for _, predicate, value in dcat if predicate == DCAT.downloadURL} == {
        file.name for file in files
    }
    for name in ("dcat.jsonld", "dcat.rdf"):
        assert len(list(ox.parse(path=tmp_path / name))) == len(dcat)


def test_locations_are_below_the_server_and_names_are_not_changed() -> None:
    lines = [f"<{DATASET}> <{VOID.sparqlEndpoint}> <{BASE}sparql> .", f"<{DATASET}> <{RDF.type}> <{BASE}x> ."]
    assert list(with_locations(lines, "https://example.org/")) == [
        f"<{DATASET}> <{VOID.sparqlEndpoint}> <https://example.org/sparql> .",
        lines[1],
    ]


def test_licence_is_added_wherever_rights_are_stated() -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    lines = [f"<{DATASET}> <{DCTERMS.rights}> <{DATASET}#rights> .", f'<{DATASET}> <{DCTERMS.title}> "A title" .']
    assert list(with_licence(lines, licence)) == [
        f"<{licence}> <{RDF.type}> <{DCTERMS.LicenseDocument}> .",
        lines[0],
        f"<{DATASET}> <{DCTERMS.license}> <{licence}> .",
        lines[1],
    ]


@pytest.mark.parametrize("name", ["void.ttl", "dcat.ttl"])
def test_profile_replaces_the_one_of_the_release(name: str, tmp_path: Path) -> None:
    files, created = [ReleaseFile("cybilgraph.ttl.gz", 100, "ab" * 32)], "2026-01-31T00:00:00Z"
    least = SiteProfile(title="Other", description="Data", publisher_name="Hub")
    whole = replace(least, licence="https://example.org/l", doi="10.1234/x", contact_email="a@example.org")
    profiles = (DEFAULT_PROFILE, least, replace(whole, publisher_iri="https://example.org/hub", languages=("fr",)))
    lines = []
    for number, profile in enumerate(profiles):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_descriptions(count_statements(GRAPH), 3, created, files, folder, profile)
        lines.append(turtle_to_ntriples((folder / name).read_bytes()))
    for built, old in zip(profiles, lines, strict=True):
        for profile, new in zip(profiles, lines, strict=True):
            assert sorted(with_profile(old, profile, built)) == sorted(new)


def test_catalogue_has_a_single_page() -> None:
    address = "https://example.org/dcat"
    pages = {line.split(" ")[1]: line.split(" ", 2)[2] for line in describe_paging(address)}
    first, last = (f"<http://www.w3.org/ns/hydra/core#{name}Page>" for name in ("first", "last"))
    assert pages[first] == pages[last] == f'"{address}" .'


@pytest.mark.parametrize("address", ["https://example.org/a?b#c", "https://example.org"])
def test_origin_is_scheme_and_host(address: str) -> None:
    assert origin_of(address) == "https://example.org/"
