"""The endpoint over HTTP: the protocol as a table of cases, then real clients."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from typing import NamedTuple
from urllib.parse import quote, urlencode

import pytest
import rdflib
from SPARQLWrapper import CSV, JSON, JSONLD, N3, RDFXML, TSV, TURTLE, XML, SPARQLWrapper

from cybilgraph.engine.embedded import EmbeddedEngine
from cybilgraph.engine.remote import RemoteEngine
from cybilgraph.formats import BY_NAME
from cybilgraph.queries import examples, load
from tests.conftest import run

SELECT = "SELECT ?title { project:G0020 dcterms:title ?title }"
CONSTRUCT = "CONSTRUCT { project:G0020 dcterms:title ?title } { project:G0020 dcterms:title ?title }"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes
    headers: dict[str, str]


def http(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=names)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        sent = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, sent.get("content-type", ""), answer.read(), sent)


def get(server: str, query: str, accept: str = "*/*", **parameters: str) -> Reply:
    return http(f"{server}/sparql?{urlencode({'query': query, **parameters})}", Accept=accept)


@pytest.mark.parametrize(
    ("accept", "query", "status", "content_type"),
    [
        ("*/*", SELECT, 200, "application/sparql-results+json"),
        ("application/sparql-results+json", SELECT, 200, "application/sparql-results+json"),
        ("application/json", SELECT, 200, "application/sparql-results+json"),
        ("application/sparql-results+xml", SELECT, 200, "application/sparql-results+xml"),
        ("text/csv", SELECT, 200, "text/csv; charset=utf-8"),
        ("text/tab-separated-values", SELECT, 200, "text/tab-separated-values; charset=utf-8"),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.6", SELECT, 200, "application/sparql-results+xml"),
        ("text/turtle, text/csv;q=0.1", SELECT, 200, "text/csv; charset=utf-8"),
        ("image/png, text/csv;q=0.1", SELECT, 200, "text/csv; charset=utf-8"),
        ("image/png", SELECT, 406, "application/problem+json"),
        ("text/turtle", SELECT, 406, "application/problem+json"),
        ("text/csv;q=0", SELECT, 406, "application/problem+json"),
        ("*/*", CONSTRUCT, 200, "text/turtle; charset=utf-8"),
        ("text/turtle", CONSTRUCT, 200, "text/turtle; charset=utf-8"),
        ("application/n-triples", CONSTRUCT, 200, "application/n-triples"),
        ("application/ld+json", CONSTRUCT, 200, "application/ld+json"),
        ("application/rdf+xml", CONSTRUCT, 200, "application/rdf+xml"),
        ("text/csv", CONSTRUCT, 406, "application/problem+json"),
        (BROWSER, SELECT, 200, "text/html; charset=utf-8"),
        (BROWSER, CONSTRUCT, 200, "text/html; charset=utf-8"),
        (BROWSER, "SELECT", 400, "text/html; charset=utf-8"),
        ("*/*", "SELECT", 400, "application/problem+json"),
        ("*/*", "SELECT * { SERVICE <http://x> {} }", 403, "application/problem+json"),
        ("*/*", "DELETE WHERE { ?s ?p ?o }", 403, "application/problem+json"),
        ("*/*", "SELECT " + "(" * 300, 400, "application/problem+json"),
    ],
)
def test_get(server: str, accept: str, query: str, status: int, content_type: str) -> None:
    reply = get(server, query, accept)
    assert (reply.status, reply.content_type) == (status, content_type)
    assert reply.headers["access-control-allow-origin"] == "*"
    if content_type == "application/problem+json":
        problem = json.loads(reply.body)
        assert problem["status"] == status
        assert problem["detail"]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", urlencode({"query": SELECT}), 200),
        ("application/sparql-query", SELECT, 200),
        ("application/sparql-query; charset=utf-8", SELECT, 200),
        ("application/sparql-update", "DELETE WHERE { ?s ?p ?o }", 415),
        ("text/plain", SELECT, 415),
        ("application/x-www-form-urlencoded", "", 400),
        ("application/x-www-form-urlencoded", urlencode({"update": "CLEAR ALL"}), 400),
        ("application/x-www-form-urlencoded", urlencode([("query", SELECT), ("query", SELECT)]), 400),
        ("application/sparql-query", "SELECT", 400),
        ("application/sparql-query", "x" * 1_100_000, 413),
    ],
)
def test_post(server: str, content_type: str, body: str, status: int) -> None:
    reply = http(f"{server}/sparql", "POST", body.encode(), Content_Type=content_type, Accept="text/csv")
    assert reply.status == status
    if status == 200:
        assert reply.body.startswith(b"title\r\nSupport to Belize")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", f"/sparql?query={quote(SELECT)}", 200),
        ("OPTIONS", "/sparql", 204),
        ("PUT", "/sparql", 405),
        ("DELETE", "/sparql", 405),
        ("GET", f"/sparql/?query={quote(SELECT)}", 200),
        ("GET", "/sparql", 200),
        ("GET", f"/sparql?query={quote(SELECT)}&query={quote(SELECT)}", 400),
        ("GET", f"/sparql?query={quote(SELECT)}&format=png", 406),
        ("GET", f"/sparql?query={quote(SELECT)}&timeout=soon", 400),
        ("GET", f"/sparql?query={quote(SELECT)}&timeout=5", 200),
        ("GET", f"/sparql?query={quote(SELECT)}&default-graph-uri=http://x/", 200),
        ("GET", f"/sparql?query={quote(SELECT)}&default-graph-uri=x", 400),
        ("GET", f"/sparql?query={quote(SELECT)}&release=1", 200),
        ("GET", f"/sparql?query={quote(SELECT)}&release=99", 404),
        ("GET", f"/sparql?query={quote(SELECT)}&release=one", 400),
        ("GET", "/nothing", 404),
        ("GET", "/queries/example-nothing", 404),
        ("GET", "/queries/" + "a" * 500, 404),
        ("GET", "/queries/..%2Fsecrets", 404),
        ("GET", "/queries/example-who-funds-whom", 200),
    ],
)
def test_methods_and_addresses(server: str, method: str, path: str, status: int) -> None:
    assert http(f"{server}{path}", method, Accept="*/*").status == status


def test_a_syntax_error_shows_the_line_and_a_hint(server: str) -> None:
    problem = json.loads(get(server, "SELECT ?s\nWHERE { ?s ex:name ?o }").body)
    assert problem["line"] == 2
    assert problem["excerpt"].startswith("WHERE { ?s ex:name ?o }\n")
    assert problem["excerpt"].endswith("^")
    assert "ex:" in problem["hint"]


def test_a_query_over_its_time_is_a_504(server: str) -> None:
    slow = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
    reply = get(server, slow, timeout="0.5")
    assert reply.status == 504
    assert "0.5 seconds" in json.loads(reply.body)["detail"]


def test_the_page_shows_rows_and_escapes_them(server: str) -> None:
    page = get(server, "SELECT ('<script>alert(1)</script>' AS ?x) {}", BROWSER).body.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page


def test_no_query_in_a_browser_is_the_page_to_write_one(server: str) -> None:
    reply = http(f"{server}/sparql", Accept=BROWSER)
    assert reply.status == 200
    assert b"<textarea" in reply.body
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize("form", [JSON, XML, CSV, TSV])
def test_sparqlwrapper_select(server: str, form: str) -> None:
    client = SPARQLWrapper(f"{server}/sparql")
    client.setQuery(
        f"PREFIX project: <https://w3id.org/cybilgraph/id/project/> PREFIX dcterms: <http://purl.org/dc/terms/> {SELECT}"
    )
    client.setReturnFormat(form)
    assert b"Support to Belize" in client.query().response.read()


@pytest.mark.parametrize(
    ("form", "parser"), [(TURTLE, "turtle"), (N3, "turtle"), (RDFXML, "xml"), (JSONLD, "json-ld"), (XML, "xml")]
)
def test_sparqlwrapper_construct(server: str, form: str, parser: str) -> None:
    client = SPARQLWrapper(f"{server}/sparql")
    client.setQuery(
        f"PREFIX project: <https://w3id.org/cybilgraph/id/project/> PREFIX dcterms: <http://purl.org/dc/terms/> {CONSTRUCT}"
    )
    client.setReturnFormat(form)
    assert len(rdflib.Graph().parse(data=client.query().response.read(), format=parser)) == 1


@pytest.mark.parametrize("name", [query.name for query in examples()])
def test_every_example_is_answered_through_a_url(server: str, engine: EmbeddedEngine, name: str) -> None:
    text = load(name).text
    remote = RemoteEngine(f"{server}/sparql").answer(text, (BY_NAME["csv"], BY_NAME["ntriples"]))
    local = engine.answer(text, (remote.format,))
    assert sorted(remote.content.splitlines()) == sorted(local.content.splitlines())


def test_the_same_rows_by_folder_by_sparqlwrapper_and_by_curl(server: str, releases: str) -> None:
    query = "SELECT ?project ?title { ?project a cyb:Project ; dcterms:title ?title } ORDER BY ?title"
    folder = run("query", query, "--from", releases, "-f", "csv").stdout
    remote = run("query", query, "--from", f"{server}/sparql", "-f", "csv").stdout
    assert folder == remote
    rows = list(csv.reader(io.StringIO(folder.decode())))
    assert len(rows) == 15
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    command = ["curl", "-sf", f"{server}/sparql", "-H", "Accept: text/csv", "--data-urlencode", f"query={query}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == folder
    client = SPARQLWrapper(f"{server}/sparql")
    client.setQuery(
        f"PREFIX cyb: <https://w3id.org/cybilgraph/ontology#> PREFIX dcterms: <http://purl.org/dc/terms/> {query}"
    )
    client.setReturnFormat(JSON)
    bindings = client.queryAndConvert()["results"]["bindings"]  # type: ignore[index, call-overload]
    assert [[row["project"]["value"], row["title"]["value"]] for row in bindings] == rows[1:]
