"""The catalogue conforms to the official shapes of DCAT-AP, except for what the specification or a site leaves open.

Their files are not ours: ``make suites`` and ``make dcatap`` fetch them. Our own shapes, which always run, are in
``samples/descriptions.ttl``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pyshacl
import pytest
from rdflib import DCAT, RDF, SH, Graph, URIRef

from cybilgraph.model.vocabulary import shorten
from tests.conftest import ROOT, SAMPLES, running_server
from tests.support.http_client import http

pytestmark = pytest.mark.slow

SUITES = ROOT / "build" / "suites"
CKAN = ROOT / ".venv-ckan" / "bin" / "python"
#: Of version 3.0.0, which differs from 3.0.1 in the datatype of a size; and of 3.0.1, one file per level.
SHAPES = (
    SUITES / "dcat-ap-3.0.0.jsonld",
    *(
        SUITES / "dcat-ap-3.0.1" / f"{level}.ttl"
        for level in ("shapes", "range", "shapes_recommended", "deprecateduris", "mdr-vocabularies.shape")
    ),
)
SITE = """
title = "Pacific Cyber Projects: who works where"
description = "Projects that build cyber capacity in the Pacific and its neighbours."
licence = "https://creativecommons.org/licenses/by/4.0/"
publisher = {name = "Pacific Cyber Hub", iri = "https://hub.example/about#hub"}
contact.email = "data@example.org"
doi = "10.5281/zenodo.1234567"
"""
#: What the shapes report of a site that names its contact and licence, with the reason why it stays so.
EXCEPTIONS = {
    # Everything is an rdfs:Resource.
    ("dcat-ap-3.0.0", "dcat:DataService", "dcat:endpointDescription"),
    ("dcat-ap-3.0.0", "dcat:DataService", "dcat:endpointURL"),
    ("dcat-ap-3.0.0", "dcat:Distribution", "dcat:accessURL"),
    ("dcat-ap-3.0.0", "dcat:Distribution", "dcat:downloadURL"),
    # We do not know it, and must not guess.
    ("shapes_recommended", "dcat:Catalog", "dcterms:issued"),
    ("shapes_recommended", "dcat:Distribution", "http://data.europa.eu/r5r/availability"),
    ("shapes_recommended", "dcterms:LicenseDocument", "dcterms:type"),
    ("shapes_recommended", "foaf:Agent", "dcterms:type"),
    # The graph describes the places, which are countries and regions rather than boxes.
    ("shapes_recommended", "dcterms:Location", "dcat:bbox"),
    ("shapes_recommended", "dcterms:Location", "dcat:centroid"),
    # The shape requires IRIs of SPDX with https; those of its ontology begin with http.
    ("mdr-vocabularies.shape", "spdx:Checksum", "spdx:algorithm"),
    # Our countries are the same as those of the EU table (owl:sameAs); few publishers are in its tables.
    *(("mdr-vocabularies.shape", kind, "dcterms:spatial") for kind in ("dcat:Catalog", "dcat:Dataset")),
    *(
        ("mdr-vocabularies.shape", f"dcat:{kind}", "dcterms:publisher")
        for kind in ("Catalog", "Dataset", "DataService")
    ),
}
#: What the shapes report as well if the site has no site file.
WITHOUT_SITE = {
    *(("shapes_recommended", kind, "dcat:contactPoint") for kind in ("dcat:Dataset", "dcat:DataService")),
    *(("shapes_recommended", kind, "dcterms:license") for kind in ("dcat:Catalog", "dcat:Distribution")),
}


@pytest.fixture(scope="module")
def site(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("dcat-ap") / "site.toml"
    file.write_text(SITE, encoding="utf-8")
    with running_server(releases, "--site", file) as url:
        yield url


def graph(url: str) -> Graph:
    return Graph().parse(data=http(f"{url}/catalog", Accept="text/turtle").body, format="turtle")


def findings(data: Graph, shapes: Path) -> set[tuple[str, str, str]]:
    """Return what a file of shapes reports: its name, the classes of the resources and the properties."""
    _, report, _ = pyshacl.validate(data, shacl_graph=Graph().parse(shapes), advanced=True)
    assert isinstance(report, Graph)
    return {
        (shapes.stem, shorten(str(kind)), shorten(str(report.value(result, SH.resultPath))))
        for result in report.objects(None, SH.result)
        for kind in data.objects(report.value(result, SH.focusNode), RDF.type)
        if not kind.endswith(("void#Dataset", "MediaTypeOrExtent"))
    }


@pytest.mark.parametrize("shapes", SHAPES, ids=lambda path: str(path.stem))
def test_catalogue_conforms_to_the_official_shapes(server: str, site: str, shapes: Path) -> None:
    if not shapes.exists():
        pytest.skip(f"no {shapes.relative_to(ROOT)}: make suites, make dcatap")
    expected = {row for row in EXCEPTIONS if row[0] == shapes.stem}
    assert findings(graph(site), shapes) == expected
    more = {row for row in WITHOUT_SITE if row[0] == shapes.stem}
    assert (
        findings(graph(server), shapes)
        == expected - {("shapes_recommended", "dcterms:LicenseDocument", "dcterms:type")} | more
    )


@pytest.mark.parametrize(
    ("accept", "name"), [("text/turtle", "turtle"), ("application/rdf+xml", "xml"), ("application/ld+json", "json-ld")]
)
def test_ckan_reads_the_catalogue(site: str, accept: str, name: str) -> None:
    """CKAN's extension for DCAT turns our catalogue into one dataset of CKAN with all files."""
    if not CKAN.is_file():
        pytest.skip("no CKAN on this machine: make clients")
    catalogue = http(f"{site}/catalog", Accept=accept).body
    script = ROOT / "tests" / "clients" / "ckan_catalogue.py"
    done = subprocess.run([CKAN, script, name], input=catalogue, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    [dataset] = json.loads(done.stdout)
    assert dataset["title"] == "Pacific Cyber Projects: who works where"
    assert dataset["notes"] == "Projects that build cyber capacity in the Pacific and its neighbours."
    assert {"name": "cybersecurity"} in dataset["tags"]
    extras = {extra["key"]: extra["value"] for extra in dataset["extras"]}
    assert extras["uri"] == "https://w3id.org/cybilgraph/dataset"
    assert (extras["publisher_name"], extras["publisher_uri"]) == ("Pacific Cyber Hub", "https://hub.example/about#hub")
    assert (extras["contact_name"], extras["contact_email"]) == ("Pacific Cyber Hub", "data@example.org")
    assert extras["access_rights"].endswith("/PUBLIC")
    assert json.loads(extras["language"]) == ["http://publications.europa.eu/resource/authority/language/ENG"]
    assert len(json.loads(extras["theme"])) == 2
    files = graph(site).objects(None, DCAT.distribution)
    resources = dataset["resources"]
    assert sorted(one["uri"] for one in resources) == sorted(set(map(str, files)))
    for one in resources:
        assert one["name"]
        assert one["description"]
        assert one["license"] == "https://creativecommons.org/licenses/by/4.0/"
        assert one["url"] == one["access_url"]
        assert one["mimetype"].startswith("https://www.iana.org/assignments/media-types/")
        assert one["format"]
        path = urlsplit(one["url"]).path.removeprefix("/cybilgraph")
        content = http(f"{site}{path}").body
        assert (len(content), sha256(content).hexdigest()) == (one["size"], one["hash"])


def test_catalogue_conforms_to_our_own_shapes(site: str) -> None:
    data = graph(site)
    conforms, _, text = pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"), advanced=True)
    assert conforms, text
    data.remove((URIRef("https://w3id.org/cybilgraph/service"), URIRef("http://www.w3.org/ns/dcat#contactPoint"), None))
    assert not pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"), advanced=True)[0]
