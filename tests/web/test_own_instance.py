"""An operator's own site has the operator's names everywhere: in every file, header, page, feed and description."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import polars
import pyoxigraph as ox
import pyshacl
import pytest
import rdflib
import zstandard
from lxml import etree

from cybilgraph.errors import SiteMismatch
from cybilgraph.model.gazetteer import REFERENCE_FILES, load_gazetteer
from cybilgraph.model.vocabulary import BASE, CYB, OWN_KINDS, VCARD, own_iri, shorten, use_base
from cybilgraph.web.suggestions import EditBase, Suggestion, SuggestionQueue
from tests.conftest import PAGES, ROOT, SAMPLES, SEED, graph_of, run, running_server
from tests.support.http_client import BROWSER, Response, http, send
from tests.support.iati_rules import assert_valid, needs_schema
from tests.support.simulated_portal import SimulatedPortal

pytestmark = pytest.mark.slow

OWN = "https://data.pacific.example/kg/"
SITE = f"""
base = "{OWN}"
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
#: The IRIs that all sites share: terms, rules, formats, and the entries of our tables, to which a site's own refer.
_SHARED_IRIS = "|".join(
    (
        r"(?:ontology|shapes|iati|schema)\b[^\s\"'<>]*",
        rf"id/(?:check|{'|'.join(kind for kind in REFERENCE_FILES if kind not in OWN_KINDS)})\b",
        *(f"id/{kind}/{re.escape(key)}(?![\\w-])" for kind, key in load_gazetteer().published if kind in OWN_KINDS),
    )
)
#: What names the software, its files, commands and terms, rather than the site.
_SOFTWARE = re.compile(
    rf"{re.escape(BASE)}(?:{_SHARED_IRIS})|cybilgraph(?:-stated)?\.[a-z]+|cybilgraph-(?:release|advice|gone)"
    r"|cybilgraph (?:check|convert|query|queries|serve|build|review|suggestions|harvest|load|template|overlap)\b",
    re.IGNORECASE,
)
_DEFAULT = re.compile(r"cybilgraph|cybilportal|cybil portal", re.IGNORECASE)
#: The names of our ontology, and of the codes and themes of a portal; each site uses them.
_SHARED = re.compile(
    r"Cybilgraph ontology|(?:Ontologie|Ontología) de Cybilgraph|# The terms of cybilgraph|resolved against \S+"
    r"|Cybil Portal (?:code|theme)\b|(?:tema|código|thème|code) d[eu]l? Cybil Portal\b|topics of the Cybil Portal\b"
    rf'|="{re.escape(BASE)}id/"'
)
#: The number of pages of each kind, by the first segments of the path and the suffix, that are searched.
_MAX_OF_KIND = 3
_LINKS = re.compile(r'(?:href|src|action)="([^"]+)"|<loc>([^<]+)')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a site file, records and a release."""
    folder = tmp_path_factory.mktemp("pacific")
    (folder / "site.toml").write_text(SITE, encoding="utf-8")
    built = run("build", *PAGES[:3], "--into", folder / "releases", "--site", folder / "site.toml")
    assert built.returncode == 0, built.stderr.decode()
    (folder / "G0020.ttl").write_text(
        f"@prefix cyb: <{CYB.iri}> . @prefix project: <{OWN}id/project/> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
        f'project:G0020 a cyb:Project ; dcterms:title "A course"@en ; cyb:country <{BASE}id/country/FJ> ;\n'
        f"    dcterms:relation <{OWN}id/project/G0019> .\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with running_server(folder / "releases", "--suggestions", folder / "suggestions") as url:
        yield url


def default_names(content: bytes) -> set[str]:
    """Return where a text, perhaps percent-encoded, contains names of the default site."""
    text = _SHARED.sub("", _SOFTWARE.sub("", unquote(content.decode("utf-8", "replace"))))
    return {text[max(0, found.start() - 40) : found.end() + 40] for found in _DEFAULT.finditer(text)}


def plain(content: bytes, name: str) -> bytes:
    """Return the text of a file, which may be compressed, a workbook or a Parquet table."""
    if name.endswith(".gz"):
        return gzip.decompress(content)
    if name.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(content).read()
    if name.endswith(".xlsx"):
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return b"\n".join(map(parts.read, parts.namelist()))
    if name.endswith(".parquet"):
        table = polars.read_parquet(content)
        return repr((table.columns, table.rows())).encode()
    return content


def test_no_file_of_the_release_has_a_default_name(folder: Path) -> None:
    """The graph inside the store and the search index is that of the dumps; they are not text."""
    release = folder / "releases" / "0001"
    files = [path for path in release.rglob("*") if path.is_file() and "store" not in path.parts]
    assert len(files) > 30
    for path in files:
        assert not default_names(plain(path.read_bytes(), path.name)), path


@needs_schema
def test_release_has_iati_activities_that_conform(folder: Path, tmp_path: Path) -> None:
    rows = (
        "code,title,summary,implementers,countries,themes,start,end",
        "G0901,Courses,For prosecutors.,Zeta Fund,Fiji;Tonga,Cybercrime,2020,2021",
        "G0902,Advice,For ministers.,Zeta Fund,Fiji,Cybercrime,,",
    )
    (tmp_path / "projects.csv").write_text("\n".join(rows), encoding="utf-8")
    built = run("build", tmp_path / "projects.csv", "--into", tmp_path / "R", "--site", folder / "site.toml")
    assert built.returncode == 0, built.stderr.decode()
    with running_server(tmp_path / "R") as url:
        reply = http(f"{url}/latest/cybilgraph.iati.xml")
        described = http(f"{url}/latest/dcat.ttl").body.decode()
        assert b"as activities (IATI 2.03)" in http(f"{url}/dataset", accept="text/html").body
    assert reply.headers["content-type"] == "application/xml"
    root = etree.fromstring(reply.body)
    assert_valid(root, datetime.now(UTC).date())
    assert [one.text for one in root.iter("iati-identifier")] == ["FJ-ROC-1234-G0901"]
    assert root.findtext(".//participating-org/narrative") == "Zeta Fund"
    assert "as activities (IATI 2.03): 1 of 2; the others lack start (1)" in described
    checked = run("check", tmp_path / "R" / "0001" / "public" / "cybilgraph.iati.xml")
    assert checked.returncode in (0, 1), "it is read like any other file"


def test_site_without_activities_says_why(site: str, server: str) -> None:
    for url in (site, server):
        reply = http(f"{url}/latest/cybilgraph.iati.xml")
        assert reply.status == 404
        assert b"org-id" in reply.body


def linked(reply: Response, address: str, site: str) -> Iterator[str]:
    """Yield the addresses on this site to which a page leads; those of things lead to their pages here."""
    if re.search("html|xml", reply.content_type):
        for link, listed in _LINKS.findall(reply.body.decode()):
            target = urldefrag(urljoin(address, unescape(link or listed))).url.replace(OWN, f"{site}/")
            if target.startswith(f"{site}/") and not urlsplit(target).path.startswith("/docs"):  # about the software
                yield target


def kind_of(address: str) -> tuple[str, str, bool]:
    """Return the first segments and the suffix of an address, and whether it has parameters."""
    path = urlsplit(address).path
    return "/".join(path.split("/")[:3]), Path(path).suffix, "?" in address


def test_no_page_header_or_feed_has_a_default_name(site: str) -> None:
    """Follows all links to pages of each kind, from those that others lead to and those that none does."""
    cited = [f"/cite?of=/id/project/G0020&title=Belize&format={name}" for name in ("bib", "ris", "csl.json")]
    paths = (
        *("/", "/sitemap.xml", *cited, "/changes.atom", "/changes.json", "/changes.rdfp", "/feed/1/all", "/feed.ttl"),
        *(
            "/catalog.rdf",
            "/.well-known/void",
            "/sparql/terms.json",
            "/api/openapi.json",
            "/api/queries",
            "/robots.txt",
        ),
        *("/releases.json", "/record/G0020.ttl", "/id/actor.ttl", "/id/project.ttl", "/latest/manifest.json"),
        *("/queries/example-actor-portfolio.ttl", "/search?q=belize", "/compare?a=oas&b=european-union"),
        *(
            "/schema/records.json",
            "/schema/report.json",
            "/shapes.ttl",
            "/rules/code.ttl",
            "/iati.ttl",
            "/suggest/G0020",
        ),
        *("/outcomes.csv", "/search.csv", "/id/actor.csv", "/pictures/network.csv", "/pictures/network.svg?start=coe"),
    )
    waiting = [f"{site}{path}" for path in paths]
    seen, of_kind = set(waiting), Counter[tuple[str, str, bool]]()
    while waiting:
        address = waiting.pop(0)
        reply = http(address, Accept=BROWSER)
        assert reply.status in (200, 202) or "/answer/" in address or address.endswith("/cite"), address
        names = default_names(plain(reply.body, urlsplit(address).path) + repr(reply.headers).encode())
        assert not names, address
        for target in linked(reply, address, site):
            if target not in seen and of_kind[kind_of(target)] < _MAX_OF_KIND:
                seen.add(target)
                of_kind[kind_of(target)] += 1
                waiting.append(target)
    assert len(of_kind) > 100


def test_no_error_has_a_default_name(site: str) -> None:
    """Errors are pages for browsers, and problem details for programs."""
    for accept in (BROWSER, "application/json"):
        for status, method, path in (
            *((404, "GET", path) for path in ("/no-such-page", "/id/project/NOPE", "/release/9", "/latest/x")),
            *((400, "GET", path) for path in ("/sparql?query=SELECT", "/search?evidence=x", "/cite")),
            *((405, "PUT", "/about"), (403, "GET", "/sparql?query=INSERT+DATA+%7B%7D"), (413, "POST", "/about")),
            *((406, "GET", "/sparql?query=ASK%7B%7D&format=png"), (414, "GET", f"/?{'a' * 17_000}")),
        ):
            body = b" " * 20_000 if status == 413 else None
            reply = send(site, method, path, body, Accept=f"{accept}, */*;q=0.1")
            assert reply.status == status, path
            assert not default_names(reply.body + repr(reply.headers).encode()), path


def test_no_export_or_form_has_a_default_name(folder: Path, site: str) -> None:
    """Reports in SARIF and JUnit name the software, as their schemas require."""
    given = ("--site", folder / "site.toml")
    commands = [
        *(("convert", SEED, "-f", name) for name in ("turtle", "ntriples", "jsonld", "rdfxml", "nquads", "iati")),
        *(
            ("template", form, *source)
            for form in ("csv", "xlsx", "json", "yaml", "schema")
            for source in ((), (SEED,))
        ),
        *(("check", SEED, "-f", name) for name in ("text", "json", "turtle", "csv", "html")),
        ("shapes",),
    ]
    for command in commands:
        done = run(*command, *given)
        assert done.stdout, command
        name = "form.xlsx" if "xlsx" in command else ""
        assert not default_names(plain(done.stdout, name) + done.stderr), command
    for name in ("json", "turtle", "csv", "html", "text"):
        reply = http(f"{site}/api/check?format={name}", "POST", SEED.read_bytes(), Content_Type="text/plain")
        assert reply.status == 200
        assert not default_names(reply.body), name


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
    assert entry["URL"] == f"{OWN}id/project/G0020?release=1"
    [shared] = json.loads(http(f"{cited.replace('project/G0020', 'country/BZ')}csl.json").body)
    assert shared["URL"] == f"{site}/id/country/BZ?release=1", "the shared IRI leads to another site and its releases"
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
        page, data = (http(f"{url}/{name}", Accept=BROWSER).body.decode() for name in ("about", "data"))
    texts = {value for _, value in found}
    assert {"Oceanic Cyber <Hub>", licence} < texts
    assert not [value for value in texts if "Pacific Cyber" in value or "creativecommons.org/licenses" in value]
    assert "</svg>Oceanic Cyber Projects</a>" in page
    assert licence in page
    assert f'You may reuse them under <a href="{licence}" rel="license">the licence of this site</a>' in data


def test_contacts_are_published_only_if_the_file_says_so(folder: Path, tmp_path: Path) -> None:
    contact = f"<{OWN}id/project/G0020/contact/1> <{VCARD.fn}>".encode()
    assert contact not in graph_of(folder / "releases" / "0001")
    file = tmp_path / "site.toml"
    file.write_text(f"contacts = true\n{SITE}", encoding="utf-8")
    assert run("build", SEED, "--into", tmp_path / "releases", "--site", file, "--no-dumps").returncode == 0
    assert contact in graph_of(tmp_path / "releases" / "0001")


@pytest.mark.parametrize("form", ["ntriples", "iati"])
def test_converted_contacts_are_published_only_if_the_file_says_so(form: str, folder: Path, tmp_path: Path) -> None:
    name = b"Daniela Schnidrig"
    file = tmp_path / "site.toml"
    file.write_text(f"contacts = true\n{SITE}", encoding="utf-8")
    assert name in run("convert", SEED, "--site", file, "-f", form).stdout
    without = run("convert", SEED, "--site", folder / "site.toml", "-f", form)
    assert without.returncode == 0
    assert name not in without.stdout


@pytest.mark.parametrize(("command", "code"), [(("collect", "--rate", 1000), 0), (("harvest", "--attempts", 1), 2)])
def test_robots_give_the_contact_of_the_site(
    command: tuple[object, ...], code: int, folder: Path, tmp_path: Path
) -> None:
    with SimulatedPortal(1) as portal:
        options = ("--into", tmp_path, "--site", folder / "site.toml")
        assert run(*command, portal.url, *options).returncode == code
        assert {asked.user_agent.partition(" ")[2] for asked in portal.log} == {"(+data@example.org)"}


def test_own_things_begin_with_the_base_and_concepts_are_shared(folder: Path) -> None:
    graph = graph_of(folder / "releases" / "0001").decode()
    subjects = {line.split(" ", 1)[0] for line in graph.splitlines()}
    assert {f"<{OWN}id/project/G0020>", f"<{OWN}record/G0020>", f"<{OWN}id/actor/gfce>"} < subjects
    assert {f"<{BASE}id/country/BZ>", f"<{BASE}id/theme/cybercrime>"} < subjects
    assert f"<{OWN}id/actor/gfce> <http://www.w3.org/2002/07/owl#sameAs> <{BASE}id/actor/gfce> ." in graph
    manifest = json.loads((folder / "releases" / "0001" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["site"]["base"] == OWN


def test_site_answers_for_its_own_iris_and_for_shared_ones(site: str) -> None:
    for path, iri in (("/id/project/G0020", f"{OWN}id/project/G0020"), ("/id/country/BZ", f"{BASE}id/country/BZ")):
        reply = http(f"{site}{path}.nt")
        assert reply.status == 200
        assert f"<{iri}> ".encode() in reply.body
    page = http(f"{site}/id/project/G0020", Accept=BROWSER).body.decode()
    assert f"{OWN}id/project/G0020" in page
    assert 'href="/id/country/BZ"' in page
    assert 'href="/id/actor/' in page


def test_iri_below_the_path_of_the_base_leads_to_its_page(site: str) -> None:
    reply = send(site, "GET", "/kg/id/project/a%20b?release=1")
    assert (reply.status, reply.headers["location"]) == (303, "/id/project/a%20b?release=1")
    assert send(site, "GET", "/kg//x.example/a").headers["location"] == "/x.example/a", "never another host"
    assert send(site, "GET", "/kg").status == 404


@pytest.mark.parametrize(
    ("section", "page"),
    [("id", "country/BZ"), ("docs", "tutorial"), ("search", ""), ("static", "style.css")],
)
def test_base_may_have_the_path_of_a_section(section: str, page: str, tmp_path: Path) -> None:
    base, file = f"https://data.pacific.example/{section}/", tmp_path / "site.toml"
    file.write_text(SITE.replace(OWN, base), encoding="utf-8")
    assert run("build", SEED, "--into", tmp_path / "R", "--site", file).returncode == 0
    with running_server(tmp_path / "R") as url:
        assert send(url, "GET", f"/{section}/{page}").status == 200
        assert send(url, "GET", "/id/project/G0020.ttl").status == 200
        for path in ("/id/project/G0020", "/dataset", "/release/1", "/feed", "/graph/none"):
            reply = send(url, "GET", f"/{section}{path}?a=b")
            assert (reply.status, reply.headers["location"]) == (303, f"{path}?a=b")


def test_queries_use_the_base_of_the_release(folder: Path, site: str) -> None:
    text = "SELECT ?code { project:G0020 dcterms:identifier ?code }"
    own = ("--from", folder / "releases", "-f", "csv")
    assert run("query", text, *own).stdout.split() == [b"code", b"G0020"]
    [row] = json.loads(http(f"{site}/sparql?query={quote(text)}").body)["results"]["bindings"]
    assert row["code"]["value"] == "G0020"
    asked = ("query", "example-actor-portfolio", "--param", "actor=actor:gpd", "--param", "evidence=possible")
    named = run(*asked, *own)
    assert f"{OWN}id/project/G0020" in named.stdout.decode()
    remote = run(*asked, "--site", folder / "site.toml", "--from", site, "-f", "csv")
    assert sorted(remote.stdout.split()) == sorted(named.stdout.split())


_TERMS = """
import { readFileSync } from "node:fs";
globalThis.document = { querySelector: () => null };
const { Terms } = await import(process.argv[1]);
const terms = new Terms(JSON.parse(readFileSync(process.argv[2])));
const shown = process.argv.slice(3).map((iri) => [terms.short(iri), terms.kind(iri), terms.href(iri)]);
console.log(JSON.stringify(shown));
"""


def test_query_page_knows_own_and_shared_iris(site: str, tmp_path: Path) -> None:
    """Its script shortens IRIs with the prefixes of this site, and links to the pages here."""
    if not (node := shutil.which("node")):
        pytest.skip("no node on this machine")
    (tmp_path / "terms.json").write_bytes(http(f"{site}/sparql/terms.json").body)
    script = ROOT / "src" / "cybilgraph" / "web" / "frontend" / "terms.js"
    iris = (f"{OWN}id/project/G0020", f"{BASE}id/country/BZ", f"{BASE}id/project/G0020", "https://example.org/x")
    command = [node, "--input-type=module", "-e", _TERMS, script.as_uri(), tmp_path / "terms.json", *iris]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout) == [
        ["project:G0020", "project", "/id/project/G0020"],
        ["country:BZ", "country", "/id/country/BZ"],
        [iris[2], "", iris[2]],
        ["https://example.org/x", "", "https://example.org/x"],
    ]


def test_published_data_are_consistent(site: str) -> None:
    result = run("verify", site)
    assert result.returncode == 0, result.stdout.decode()


def test_site_has_codes_of_its_own(folder: Path) -> None:
    (folder / "codes.csv").write_text("code,title\nPAC-1,A course\n", encoding="utf-8")
    found = [run("check", folder / "codes.csv", *more).stdout for more in ((), ("--site", folder / "site.toml"))]
    assert [b"This is not a Cybil Portal code" in report for report in found] == [True, False]


def test_records_in_rdf_may_use_the_base(folder: Path) -> None:
    checked = run("check", folder / "G0020.ttl", "--site", folder / "site.toml", "-f", "json")
    [file] = json.loads(checked.stdout)["files"]
    assert file["records"] == ["G0020"]
    assert not [one for one in json.loads(checked.stdout)["findings"] if one["rule"].endswith("-link")]
    converted = run("convert", folder / "G0020.ttl", "--site", folder / "site.toml", "-f", "ntriples").stdout.decode()
    assert f"<{OWN}id/project/G0020> <{CYB.country}> <{BASE}id/country/FJ> ." in converted


def test_forms_and_suggestions_of_rdf_use_the_base(folder: Path, tmp_path: Path) -> None:
    given = ("--site", folder / "site.toml")
    form = run("template", "csv", folder / "G0020.ttl", *given)
    assert (form.returncode, b"Fiji" in form.stdout) == (0, True)
    before = (folder / "G0020.ttl").read_text(encoding="utf-8")
    records, queue = tmp_path / "records", SuggestionQueue(tmp_path / "suggestions")
    records.mkdir()
    (records / "G0020.ttl").write_text(before, encoding="utf-8")
    base = EditBase("G0020.ttl", hashlib.sha256(before.encode()).hexdigest(), before, is_source=True)
    sent = queue.send(
        Suggestion(project="G0020", title="A course", name="G0020.ttl", base=base, text=before.replace("/FJ", "/TO"))
    )
    arguments = (queue.folder, sent.id, "--records", records, "--decisions", tmp_path / "decisions", *given)
    (tmp_path / "decisions").mkdir()
    assert "G0020 · country FJ: no" in run("suggestions", "show", *arguments).stdout.decode()
    accepted = run("suggestions", "accept", *arguments, "--who", "Ana")
    assert accepted.stdout.decode().count("Decided: ") == 2, accepted.stderr


def test_bases_are_never_mixed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "site.toml"
    other.write_text(SITE.replace(OWN, "https://other.example/"), encoding="utf-8")
    for command in (
        ("build", SEED, "--into", folder / "releases", "--site", other),
        ("build", SEED, "--into", folder / "releases"),
        ("serve", folder / "releases", "--site", other),
        ("query", "ASK {}", "--from", folder / "releases", "--site", other),
    ):
        result = run(*command)
        assert result.returncode == 2
        message = result.stderr.decode()
        assert OWN in message
        assert ("https://other.example/" if other in command else BASE) in message
        assert "--site" in message
    assert not (folder / "releases" / "0002").exists()


def test_release_with_a_site_file_is_not_followed_by_one_without(tmp_path: Path) -> None:
    file, releases = tmp_path / "site.toml", tmp_path / "releases"
    file.write_text(SITE.replace(f'base = "{OWN}"', ""), encoding="utf-8")
    command = ("build", SEED, "--into", releases, "--no-dumps")
    for given in (("--no-contacts",), ("--contacts",), ("--site", file)):
        assert run(*command, *given).returncode == 0, "a site file may describe a site that had none"
    before = {path: path.read_bytes() for path in releases.rglob("*") if path.is_file()}
    for given in ((), ("--no-contacts",)):
        refused = run(*command, *given)
        assert refused.returncode == 2
        message = refused.stderr.decode()
        assert f"{releases}/0003: a release with a site file is followed by one without" in message
        assert "Give the site file with which it was built (--site FILE), or build into another folder." in message
    assert {path: path.read_bytes() for path in releases.rglob("*") if path.is_file()} == before
    assert run(*command, "--site", file).returncode == 0


def test_process_has_one_base() -> None:
    assert own_iri("dataset") == f"{BASE}dataset"
    use_base("")
    with pytest.raises(SiteMismatch, match="cannot be mixed"):
        use_base(OWN)


def test_other_site_shares_projects_by_code_and_organisations_by_same_as(
    site: str, releases: Path, tmp_path: Path
) -> None:
    assert run("harvest", site, "--into", tmp_path / "copy", "-f", "turtle").returncode == 0
    assert f"{OWN}id/project/".encode() in (tmp_path / "copy" / "graph.ttl").read_bytes()
    shown = run("overlap", releases, tmp_path / "copy", "-f", "csv")
    rows = list(csv.DictReader(shown.stdout.decode().splitlines()))
    projects = {(row["by"], row["ours"], row["theirs"]) for row in rows if row["kind"] == "project"}
    assert ("code", f"{BASE}id/project/G0020", f"{OWN}id/project/G0020") in projects
    organisations = {(row["ours"], row["theirs"]) for row in rows if row["kind"] == "organisation"}
    assert (f"{BASE}id/actor/gpd", f"{OWN}id/actor/gpd") in organisations
    assert b"Both have " in run("overlap", releases, tmp_path / "copy").stderr


def test_w3id_redirects_the_base(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SITE.replace(OWN, "https://w3id.org/pacific/kg/"), encoding="utf-8")
    assert b"/pacific/kg/?(" in run("deploy", "w3id", "https://data.example.org", "--site", file).stdout
    refused = run("deploy", "w3id", "https://data.example.org", "--site", folder / "site.toml")
    assert refused.returncode == 2
    assert b"is not at w3id.org" in refused.stderr
