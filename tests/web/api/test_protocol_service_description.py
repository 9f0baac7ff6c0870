"""The machine-readable descriptions of the dataset are valid, link to existing resources, and have correct counts."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pyshacl
import pytest
import rdflib
from rdflib import RDF, URIRef

from cybilgraph.model.formats import media_type_of
from cybilgraph.model.vocabulary import BASE, DCAT, DCTERMS, HYDRA, RDFS, SPDX, VOID
from cybilgraph.rdf.dumps import DUMP_FORMATS
from cybilgraph.rdf.dumps.tables import COLUMNS
from cybilgraph.release import Release
from cybilgraph.runtime.files import parse_checksums
from tests.conftest import SAMPLES, run, running_server
from tests.support.http_client import BROWSER, Reply, send

pytestmark = pytest.mark.slow

DATASET = URIRef(f"{BASE}dataset")


def get(server: str, target: str, **headers: str) -> Reply:
    reply = send(server, "GET", target, **headers)
    assert reply.status == 200, reply.body
    return reply


def graph(reply: Reply, name: str = "turtle") -> rdflib.Graph:
    return rdflib.Graph().parse(data=reply.body, format=name)


def rows(server: str, query: str) -> list[list[str]]:
    reply = send(server, "POST", "/sparql", query.encode(), Content_Type="application/sparql-query", Accept="text/csv")
    return list(csv.reader(io.StringIO(reply.body.decode())))[1:]


def partition(void: rdflib.Graph, kind: str, name: str, count: str) -> dict[str, int]:
    nodes = list(void.objects(DATASET, URIRef(kind)))
    return {str(void.value(node, URIRef(name))): int(str(void.value(node, URIRef(count)))) for node in nodes}


def test_void_counts_match_sparql(server: str) -> None:
    void = graph(get(server, "/.well-known/void"))

    def number(term: str) -> int:
        return int(str(void.value(DATASET, URIRef(term))))

    assert [[str(number(VOID.triples))]] == rows(server, "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert [[str(number(VOID.distinctSubjects))]] == rows(server, "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o }")
    classes = partition(void, VOID.classPartition, getattr(VOID, "class"), VOID.entities)
    asked = rows(server, "SELECT ?c (COUNT(DISTINCT ?s) AS ?n) { ?s a ?c } GROUP BY ?c")
    assert classes == {name: int(count) for name, count in asked}
    properties = partition(void, VOID.propertyPartition, VOID.property, VOID.triples)
    asked = rows(server, "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p")
    assert properties == {name: int(count) for name, count in asked}
    assert (number(VOID.classes), number(VOID.properties)) == (len(classes), len(properties))
    # Another linkset is not part of the dataset: the countries that projects may reach.
    linksets = set(void.subjects(RDF.type, URIRef(VOID.Linkset))) & set(void.objects(DATASET, URIRef(VOID.subset)))
    assert linksets
    for node in linksets:
        predicate, target = (void.value(node, URIRef(term)) for term in (VOID.linkPredicate, VOID.objectsTarget))
        query = (
            f'SELECT (COUNT(*) AS ?n) {{ ?s <{predicate}> ?o FILTER(STRSTARTS(STR(?s), "{BASE}id/") && '
            f'STRSTARTS(STR(?o), "{target}") && !STRSTARTS(STR(?o), "{BASE}")) }}'
        )
        assert rows(server, query) == [[str(void.value(node, URIRef(VOID.triples)))]]
    for example in void.objects(DATASET, URIRef(VOID.exampleResource)):
        assert send(server, "GET", f"/{example.removeprefix(BASE)}").status == 200


def test_described_files_exist(server: str, release: Release) -> None:
    catalog = graph(get(server, "/catalog"))
    files = list(catalog.objects(DATASET, URIRef(DCAT.distribution)))
    assert len(files) == len(DUMP_FORMATS) + 3 + 2 * len(COLUMNS) + 3  # tables twice, the network and the countries
    for file in files:
        address = str(catalog.value(file, URIRef(DCAT.downloadURL)))
        assert address.startswith(f"{server}/release/1/")
        reply = send(server, "HEAD", address.removeprefix(server))
        assert int(reply.headers["content-length"]) == int(str(catalog.value(file, URIRef(DCAT.byteSize))))
        checksum = catalog.value(file, URIRef(SPDX.checksum))
        assert reply.headers["etag"] == f'"{catalog.value(checksum, URIRef(SPDX.checksumValue))}"'
        media_type = catalog.value(file, URIRef(DCAT.compressFormat)) or catalog.value(file, URIRef(DCAT.mediaType))
        assert str(media_type).endswith(f"/{reply.type}")
    dumps = {
        str(address) for address in graph(get(server, "/.well-known/void")).objects(DATASET, URIRef(VOID.dataDump))
    }
    assert dumps == {f"{server}/release/1/{path.name}" for path in (release.folder / "public").glob("cybilgraph.*")}
    [endpoint] = catalog.objects(None, URIRef(DCAT.endpointURL))
    assert str(endpoint) == f"{server}/sparql"
    described = graph(send(server, "GET", "/sparql", Accept="text/turtle"))
    assert (None, URIRef(RDFS.seeAlso), URIRef(f"{server}/.well-known/void")) in described


@pytest.mark.parametrize("name", ["/.well-known/void", "/catalog"])
def test_descriptions_conform_to_their_shapes(server: str, name: str) -> None:
    data = graph(get(server, name))
    conforms, _, said = pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"), advanced=True)
    assert conforms, said
    assert not any(isinstance(node, rdflib.BNode) for node in data.all_nodes())


@pytest.mark.parametrize("broken", [DCAT.byteSize, DCTERMS.publisher, SPDX.checksumValue, DCTERMS.temporal])
def test_shapes_detect_missing_statements(release: Release, broken: str) -> None:
    data = rdflib.Graph().parse(release.folder / "public" / "dcat.ttl")
    data.remove((None, URIRef(broken), None))
    assert not pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"))[0]


def test_licence_applies_to_dataset_and_files(releases: Path, server: str) -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    with running_server(releases, "--licence", licence) as url:
        for target in ("/catalog", "/.well-known/void", "/release/1.ttl"):
            data = graph(get(url, target))
            conforms, _, said = pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"))
            assert conforms, said
            licensed = set(data.subjects(URIRef(DCTERMS.license), URIRef(licence)))
            assert (
                licensed
                == set(data.subjects(URIRef(DCTERMS.rights)))
                > set(data.objects(None, URIRef(DCAT.distribution)))
            )
            assert DATASET in licensed
        data.remove((None, RDF.type, URIRef(DCTERMS.LicenseDocument)))
        assert not pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"))[0]
        assert f'"license": "{licence}"' in get(url, "/", Accept=BROWSER).body.decode()
        assert f'<a href="{licence}" rel="license">' in get(url, "/about", Accept=BROWSER).body.decode()
        assert run("verify", url, "--quick").returncode == 0
    assert not list(graph(get(server, "/catalog")).objects(None, URIRef(DCTERMS.license)))
    assert b"license" not in get(server, "/", Accept=BROWSER).body


def test_description_files_of_a_release_agree(server: str, release: Release) -> None:
    public = release.folder / "public"
    turtle, jsonld, rdf = (rdflib.Graph().parse(public / f"dcat.{suffix}") for suffix in ("ttl", "jsonld", "rdf"))
    assert set(turtle) == set(jsonld) == set(rdf)
    here = graph(get(server, "/catalog"))
    assert len(here) == len(turtle) + 5, "the page of the collection is under the server's URL"
    assert len(rdflib.Graph().parse(public / "void.ttl")) == len(graph(get(server, "/.well-known/void")))


@pytest.mark.parametrize(
    ("target", "accept", "content_type", "name"),
    [
        ("/catalog", "*/*", "text/turtle; charset=utf-8", "turtle"),
        ("/catalog.ttl", BROWSER, "text/turtle; charset=utf-8", "turtle"),
        ("/catalog.xml", "*/*", "", ""),
        ("/catalog.rdf", "*/*", "application/rdf+xml", "xml"),
        ("/catalog.jsonld", "*/*", "application/ld+json", "json-ld"),
        ("/catalog", "application/rdf+xml", "application/rdf+xml", "xml"),
        ("/.well-known/void", "application/ld+json", "application/ld+json", "json-ld"),
        ("/.well-known/void", BROWSER, "text/turtle; charset=utf-8", "turtle"),
    ],
)
def test_descriptions_are_content_negotiated(
    server: str, target: str, accept: str, content_type: str, name: str
) -> None:
    reply = send(server, "GET", target, Accept=accept)
    if not name:
        assert reply.status == 404
        return
    assert (reply.status, reply.type) == (200, content_type)
    assert (DATASET, RDF.type, URIRef(VOID.Dataset)) in graph(reply, name)
    again = send(server, "GET", target, Accept=accept, If_None_Match=reply.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert len(reply.body) < 50_000_000


def test_catalogue_has_paging_for_harvesters(server: str) -> None:
    catalog = graph(get(server, "/catalog"))
    [page] = catalog.subjects(RDF.type, URIRef(HYDRA.PagedCollection))
    assert str(page) == f"{server}/catalog"
    assert str(catalog.value(page, URIRef(HYDRA.lastPage))) == str(page)
    assert int(str(catalog.value(page, URIRef(HYDRA.totalItems)))) == len(
        list(catalog.subjects(RDF.type, URIRef(DCAT.Dataset)))
    )


def test_home_page_describes_the_dataset(server: str, release: Release) -> None:
    sums = parse_checksums(get(server, "/release/1/SHA256SUMS").body.decode())
    for target in ("/", "/release/1", "/releases"):
        page = get(server, target, Accept=BROWSER).body.decode()
        [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
        found = json.loads(text)
        assert (found["@type"], found["@id"], found["version"]) == ("Dataset", str(DATASET), "1")
        assert (
            len(found["distribution"]) == len(DUMP_FORMATS) + 3 + 2 * len(COLUMNS) + 3
        )  # tables twice, and the network
        assert found["distribution"][0]["contentUrl"].startswith(f"{server}/release/1/")
        assert 50 <= len(found["description"]) <= 5000, "required by search engines"
        assert found["dateModified"] == release.manifest["created"]
        for file in found["distribution"]:
            name = file["contentUrl"].rpartition("/")[2]
            size = (release.folder / "public" / name).stat().st_size
            described = file["contentSize"], file["sha256"], file["encodingFormat"]
            assert described == (f"{size} B", sums[name], media_type_of(name))
    for accept, place in ((BROWSER, "/release/1"), ("text/turtle", "/catalog")):
        reply = send(server, "GET", "/dataset", Accept=accept)
        assert (reply.status, reply.headers["location"]) == (303, place)


def test_sitemap_lists_every_project(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    index = ElementTree.fromstring(get(server, "/sitemap.xml").body)
    parts = [str(place.text) for place in index.iter(f"{space}loc")]
    assert parts == [f"{server}/sitemap-1.xml"]
    listed = [
        str(place.text) for place in ElementTree.fromstring(get(server, "/sitemap-1.xml").body).iter(f"{space}loc")
    ]
    projects = {name for (name,) in rows(server, "SELECT ?p { ?p a cyb:Project }")}
    assert {name.replace(f"{server}/", BASE) for name in listed if "/id/" in name} == projects
    assert all(send(server, "GET", name.removeprefix(server), Accept=BROWSER).status == 200 for name in listed)
    assert send(server, "GET", "/sitemap-2.xml").status == 404
