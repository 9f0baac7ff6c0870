"""The query page and real clients; test_protocol.py covers the protocol itself."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import rdflib
from SPARQLWrapper import CSV, JSON, JSONLD, N3, RDFXML, TSV, TURTLE, XML, SPARQLWrapper

from cybilgraph.model.formats import BY_NAME
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.queries import example_queries, load_query
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.web.api import protocol
from cybilgraph.web.application import BUNDLE
from tests.conftest import run
from tests.support.http_client import BROWSER, get, http, send

pytestmark = pytest.mark.slow

SELECT = "SELECT ?title { project:G0020 dcterms:title ?title }"
CONSTRUCT = "CONSTRUCT { project:G0020 dcterms:title ?title } { project:G0020 dcterms:title ?title }"


def test_page_shows_escaped_rows(server: str) -> None:
    page = get(server, "SELECT ('<script>alert(1)</script>' AS ?x) {}", BROWSER).body.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page


@pytest.mark.parametrize(("columns", "length"), [(3_000, 5), (1, 40_000)])
def test_wide_result_is_shown_in_part(server: str, columns: int, length: int) -> None:
    """An empty cell has no size in the result, but its markup repeats the name of the column."""
    names = " ".join(f"?{'v' * (length - 4)}{number:04}" for number in range(columns))
    reply = get(server, f"SELECT {names} {{ ?s a ?class }} LIMIT 400", BROWSER)
    assert reply.status == 200
    assert b"400 rows, of which the first " in reply.body
    assert len(reply.body) < 2_500_000


def test_usual_address_of_an_endpoint_leads_to_it(server: str) -> None:
    reply = send(server, "GET", "/query?query=ASK%20%7B%7D&format=json")
    assert (reply.status, reply.headers["location"]) == (301, "/sparql?query=ASK%20%7B%7D&format=json")


def test_browser_without_query_gets_the_editor(server: str) -> None:
    reply = http(f"{server}/sparql", Accept=BROWSER)
    assert reply.status == 200
    assert b"<textarea" in reply.body
    tables, _, graphs = reply.body.partition(b'<optgroup label="CONSTRUCT, DESCRIBE">')
    assert b"<option>csv" in tables
    assert b"<option>turtle" in graphs
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert ("script-src 'self';" in policy) == BUNDLE.is_file()
    assert "script-src" not in http(f"{server}/", Accept=BROWSER).headers["content-security-policy"]


@pytest.mark.parametrize("form", [JSON, XML, CSV, TSV])
def test_sparqlwrapper_runs_select(server: str, form: str) -> None:
    client = SPARQLWrapper(f"{server}/sparql")
    client.setQuery(
        f"PREFIX project: <https://w3id.org/cybilgraph/id/project/> PREFIX dcterms: <http://purl.org/dc/terms/> {SELECT}"
    )
    client.setReturnFormat(form)
    assert b"Support to Belize" in client.query().response.read()


@pytest.mark.parametrize(
    ("form", "parser"), [(TURTLE, "turtle"), (N3, "turtle"), (RDFXML, "xml"), (JSONLD, "json-ld"), (XML, "xml")]
)
def test_sparqlwrapper_runs_construct(server: str, form: str, parser: str) -> None:
    client = SPARQLWrapper(f"{server}/sparql")
    client.setQuery(
        f"PREFIX project: <https://w3id.org/cybilgraph/id/project/> PREFIX dcterms: <http://purl.org/dc/terms/> {CONSTRUCT}"
    )
    client.setReturnFormat(form)
    assert len(rdflib.Graph().parse(data=client.query().response.read(), format=parser)) == 1


@pytest.fixture(scope="module")
def distant(server: str) -> Iterator[RemoteEngine]:
    engine = RemoteEngine(f"{server}/sparql")
    yield engine
    engine.close()


@pytest.mark.parametrize("name", [query.name for query in example_queries()])
def test_remote_engine_answers_every_example(distant: RemoteEngine, engine: EmbeddedEngine, name: str) -> None:
    text = load_query(name).text
    remote = distant.answer(text, (BY_NAME["csv"], BY_NAME["ntriples"]))
    local = engine.answer(text, (remote.format,))
    assert sorted(remote.content.splitlines()) == sorted(local.content.splitlines())


def test_rows_are_equal_for_folder_sparqlwrapper_and_curl(server: str, releases: str) -> None:
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


def test_url_quoting_equals_that_of_the_standard_library() -> None:
    for text in ("".join(map(chr, range(128))), "é ?x/~", ""):
        request = protocol.parse_request(protocol.Request("GET", f"query=ASK%7B%7D%23{quote(text, safe='')}", {}))
        assert request
        assert f"query={quote(f'ASK{{}}#{text}', safe='')}&" in request.permalink(1)
