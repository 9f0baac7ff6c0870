"""An operator's own site has the operator's names everywhere: in every file, header, page, feed and description."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib
import zstandard

from cybilgraph.model.vocabulary import BASE, VCARD, shorten
from tests.conftest import PAGES, SAMPLES, SEED, graph_of, run, running_server
from tests.support.http_client import BROWSER, Response, http
from tests.support.simulated_portal import SimulatedPortal

pytestmark = pytest.mark.slow

SITE = """
title = "Pacific Cyber Projects: who works where"
description = "Projects that build cyber capacity in the Pacific & its neighbours."
licence = "https://creativecommons.org/licenses/by-sa/4.0/"
rights = "Each project text belongs to its publisher."
languages = ["en", "fj"]
doi = "10.5281/zenodo.1234567"

[publisher]
name = "Pacific Cyber <Hub>"
iri = "https://hub.example/about#hub"
logo = "https://hub.example/logo.svg"
org-id = "FJ-ROC-1234"

[contact]
email = "data@example.org"

[links]
privacy = "https://hub.example/privacy"
takedown = "https://hub.example/remove"
"""
NAME, PUBLISHER, LICENCE = "Pacific Cyber Projects", "Pacific Cyber <Hub>", "creativecommons.org/licenses/by-sa/4.0/"
#: What names the software, its files, commands and terms, rather than the site.
_SOFTWARE = re.compile(
    rf"{re.escape(BASE)}[^\s\"'<>]*|cybilgraph(?:-stated)?\.[a-z]+|cybilgraph-(?:release|advice|gone)"
    r"|cybilgraph (?:check|convert|query|queries|serve|build|review|suggestions|harvest|load|template)\b",
    re.IGNORECASE,
)
_DEFAULT = re.compile(r".{0,40}(?:cybilgraph|cybilportal|Cybil Portal).{0,40}", re.IGNORECASE)
#: The name of our ontology and of the code lists of a portal; each site uses them.
_SHARED = re.compile(r"Cybilgraph ontology|(?:Ontologie|Ontología) de Cybilgraph|Cybil Portal (?:code|theme)\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a site file, records and a release."""
    folder = tmp_path_factory.mktemp("pacific")
    (folder / "site.toml").write_text(SITE, encoding="utf-8")
    built = run("build", *PAGES[:3], "--into", folder / "releases", "--site", folder / "site.toml")
    assert built.returncode == 0, built.stderr.decode()
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with running_server(folder / "releases") as url:
        yield url


def default_names(content: bytes) -> set[str]:
    """Return where a text contains names of the default site."""
    text = _SHARED.sub("", _SOFTWARE.sub("", content.decode("utf-8", "replace")))
    return set(_DEFAULT.findall(text))


def test_no_file_of_the_release_has_a_default_name(folder: Path) -> None:
    """The graph inside the store and the search index is that of the dumps; they are not text."""
    release = folder / "releases" / "0001"
    files = [path for path in release.rglob("*") if path.is_file() and "store" not in path.parts]
    assert len(files) > 30
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content).read()
        assert not default_names(content), path


def test_no_page_header_or_feed_has_a_default_name(site: str) -> None:
    listed = re.findall("<loc>([^<]+)</loc>", http(f"{site}/sitemap-1.xml").body.decode())
    paths = [path for address in listed if not (path := address.removeprefix(site) or "/").startswith("/docs")]
    cited = [f"/cite?of=/id/project/G0020&title=Belize&format={name}" for name in ("bib", "ris", "csl.json")]
    assert len(paths) > 10
    for path in (
        *(*paths, *cited, "/changes", "/changes.atom", "/feed", "/catalog.rdf", "/.well-known/void"),
        *("/api/openapi.json", "/releases.json", "/release/1", "/robots.txt", "/no-such-page", "/id/country/BZ"),
        *("/sparql", "/search?q=belize", "/compare?a=oas&b=european-union", "/record/G0020.ttl", "/check"),
    ):
        reply = http(f"{site}{path}", Accept=BROWSER)
        assert reply.status == (404 if path == "/no-such-page" else 200), path
        assert not default_names(reply.body + repr(reply.headers).encode()), path


def test_pages_show_the_names_of_the_site(site: str) -> None:
    page = http(f"{site}/about", Accept=BROWSER).body.decode()
    assert f"<title>About · {NAME}</title>" in page
    assert f"</svg>{NAME}</a>" in page
    for words in (
        *("Who works where", "in the Pacific &amp; its neighbours", "Each project text belongs to its publisher."),
        *("Pacific Cyber &lt;Hub&gt;</a> publishes", 'href="mailto:data@example.org"', "https://hub.example/privacy"),
        *("https://hub.example/remove", LICENCE, "The contacts of projects are not published."),
    ):
        assert words in page, words


def test_feed_and_citations_name_the_publisher(site: str) -> None:
    feed = http(f"{site}/changes.atom").body.decode()
    assert "<name>Pacific Cyber &lt;Hub&gt;</name>" in feed
    assert "<email>data@example.org</email>" in feed
    assert "<logo>https://hub.example/logo.svg</logo>" in feed
    cited = f"{site}/cite?of=/id/project/G0020&title=Belize&format="
    [entry] = json.loads(http(f"{cited}csl.json").body)
    assert entry["author"] == [{"literal": PUBLISHER}]
    assert entry["DOI"] == "10.5281/zenodo.1234567"
    assert http(f"{cited}bib").body.decode().startswith("@misc{Pacific-Cyber-Projects-G0020-1,")


def test_api_description_names_the_site(site: str) -> None:
    info = json.loads(http(f"{site}/api/openapi.json").body)["info"]
    assert (info["title"], info["summary"]) == (NAME, "who works where")
    assert info["contact"] == {"name": PUBLISHER, "email": "data@example.org"}


def described(reply: Response) -> set[tuple[str, str]]:
    """Return the properties and values in a description of the dataset, each as text."""
    quads = ox.parse(reply.body, format=ox.RdfFormat.N_TRIPLES)
    return {(shorten(quad.predicate.value), getattr(quad.object, "value", "")) for quad in quads}


DESCRIBED = {
    ("dcterms:title", "Pacific Cyber Projects: who works where"),
    ("dcterms:language", "http://publications.europa.eu/resource/authority/language/ENG"),
    ("dcterms:language", "http://publications.europa.eu/resource/authority/language/FIJ"),
    ("dcterms:publisher", "https://hub.example/about#hub"),
    ("foaf:name", PUBLISHER),
    ("foaf:logo", "https://hub.example/logo.svg"),
    ("vcard:hasEmail", "mailto:data@example.org"),
    ("dcterms:license", f"https://{LICENCE}"),
    ("adms:identifier", "https://doi.org/10.5281/zenodo.1234567"),
    ("rdfs:label", "Each project text belongs to its publisher."),
}


@pytest.mark.parametrize("path", ["/catalog", "/.well-known/void", "/release/1.nt"])
def test_descriptions_name_the_publisher_and_the_licence(site: str, path: str) -> None:
    reply = http(f"{site}{path}", Accept="application/n-triples")
    found = described(reply)
    assert found >= DESCRIBED
    data = rdflib.Graph().parse(data=reply.body, format="nt")
    conforms, _, said = pyshacl.validate(data, shacl_graph=str(SAMPLES / "descriptions.ttl"), advanced=True)
    assert conforms, said
    assert ("dcterms:source", "https://cybilportal.org/") not in found


def test_search_engines_read_the_publisher_and_the_licence(site: str) -> None:
    page = http(site, Accept=BROWSER).body.decode()
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    found = json.loads(text)
    assert (found["name"], found["license"]) == ("Pacific Cyber Projects: who works where", f"https://{LICENCE}")
    assert found["publisher"]["name"] == PUBLISHER
    assert found["identifier"] == "https://doi.org/10.5281/zenodo.1234567"
    assert "isBasedOn" not in found


def test_server_options_override_the_release(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "site.toml"
    other.write_text(SITE.replace("Pacific", "Oceanic").replace("by-sa", "by-nc"), encoding="utf-8")
    licence = "https://creativecommons.org/publicdomain/zero/1.0/"
    with running_server(folder / "releases", "--site", other, "--licence", licence) as url:
        found = described(http(f"{url}/catalog", Accept="application/n-triples"))
        page = http(f"{url}/about", Accept=BROWSER).body.decode()
    texts = {value for _, value in found}
    assert {"Oceanic Cyber <Hub>", licence} < texts
    assert not [value for value in texts if "Pacific Cyber" in value or "creativecommons.org/licenses" in value]
    assert "</svg>Oceanic Cyber Projects</a>" in page
    assert licence in page


def test_contacts_are_published_only_if_the_file_says_so(folder: Path, tmp_path: Path) -> None:
    contact = f"<{BASE}id/project/G0020/contact/1> <{VCARD.fn}>".encode()
    assert contact not in graph_of(folder / "releases" / "0001")
    file = tmp_path / "site.toml"
    file.write_text(f"contacts = true\n{SITE}", encoding="utf-8")
    assert run("build", SEED, "--into", tmp_path / "releases", "--site", file, "--no-dumps").returncode == 0
    assert contact in graph_of(tmp_path / "releases" / "0001")


@pytest.mark.parametrize(("command", "code"), [(("collect", "--rate", 1000), 0), (("harvest", "--attempts", 1), 2)])
def test_robots_give_the_contact_of_the_site(
    command: tuple[object, ...], code: int, folder: Path, tmp_path: Path
) -> None:
    with SimulatedPortal(1) as portal:
        options = ("--into", tmp_path, "--site", folder / "site.toml")
        assert run(*command, portal.url, *options).returncode == code
        assert {asked.user_agent.partition(" ")[2] for asked in portal.log} == {"(+data@example.org)"}
