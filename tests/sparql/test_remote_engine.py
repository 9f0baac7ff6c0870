"""SERVICE: only listed addresses are called; whatever else a query contains, nothing leaves the machine."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cybilgraph.errors import QueryError, QueryRefused, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS
from cybilgraph.release import Release
from cybilgraph.sparql import guard
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.conftest import run, running_server
from tests.support.http_client import q, send

pytestmark = pytest.mark.slow


class Listener:
    """A socket that counts connections."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/sparql"
        self.came: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                stream, _ = self.socket.accept()
            except OSError:
                return
            with stream:
                stream.settimeout(2)
                self.came.append(stream.recv(100))


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.socket.close()


@pytest.fixture(scope="module")
def redirecting(listener: Listener) -> Iterator[str]:
    """A listed endpoint that redirects to another address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(307)
            self.send_header("Location", listener.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/sparql"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def federated(releases: Path, server: str, redirecting: str) -> Iterator[str]:
    """A server that may call ``server``, a second one of ours, and one that redirects."""
    with running_server(releases, "--service", f"{server}/sparql", "--service", redirecting) as url:
        yield url


def ask(federated: str, query: str) -> tuple[int, list[list[str]]]:
    reply = send(federated, "GET", f"/sparql?{urlencode(q(query))}", Accept="application/sparql-results+json")
    if reply.status != 200:
        return reply.status, []
    bindings = json.loads(reply.body)["results"]["bindings"]
    return 200, [[value["value"] for value in row.values()] for row in bindings]


TITLE = "Support to Belize National Cyber Security Strategy"
REMOTE = "<https://w3id.org/cybilgraph/id/project/G0020> <http://purl.org/dc/terms/title> ?title"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?title { SERVICE <ADDRESS> { REMOTE } }",
        "select ?title { service silent <ADDRESS> { REMOTE } }",
        "SELECT ?title { ?p dcterms:identifier 'G0020' SERVICE<ADDRESS>{ ?p <http://purl.org/dc/terms/title> ?title } }",
        "SELECT ?title { { SERVICE <ADDRESS> { REMOTE } } { SERVICE\n SILENT\t<ADDRESS> { REMOTE } } } # a remark",
    ],
)
def test_listed_endpoint_is_queried(federated: str, server: str, query: str) -> None:
    query = query.replace("ADDRESS", f"{server}/sparql").replace("REMOTE", REMOTE)
    assert ask(federated, query) == (200, [[TITLE]])
    reply = send(federated, "GET", f"/sparql?{urlencode(q(query))}")
    assert reply.headers["cache-control"] == "no-store", "others may answer otherwise tomorrow"
    assert "etag" not in reply.headers
    assert "link" not in reply.headers
    assert send(server, "GET", f"/sparql?{urlencode(q(query))}").status == 403, "it has no list"


@pytest.mark.parametrize(
    "form", ["SELECT * {", "SELECT (COUNT(*) AS ?n) {", "ASK {", "CONSTRUCT { ?s a ?o } { SELECT * {"]
)
def test_endpoint_is_queried_once(release: Release, listener: Listener, form: str) -> None:
    before = len(listener.came)
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, services=frozenset({listener.url})))
    called = f"SERVICE SILENT <{listener.url}> {{ ?s a* ?o }} {'}' * (form.count('{') - form.count('}'))}"
    engine.answer(f"{form} {called}", FORMATS)
    assert engine.explain(f"{form} {called}") is not None
    with pytest.raises(QuerySyntaxError) as error:
        engine.answer(f"{form}\n{called} ]", FORMATS)
    assert (error.value.line, error.value.column) == (2, len(called) + 2)
    engine.close()
    assert len(listener.came) == before + 1
    listener.came.clear()


DISGUISES = [
    "SELECT * { SERVICE <EVIL> { ?s ?p ?o } }",
    "SELECT * { SERVICE SILENT <EVIL> { ?s ?p ?o } }",
    "SELECT * { VALUES ?x { <EVIL> } SERVICE ?x { ?s ?p ?o } }",
    "SELECT * { VALUES ?x { <GOOD> } SERVICE ?x { ?s ?p ?o } }",
    "PREFIX e: <EVIL> SELECT * { SERVICE e: { ?s ?p ?o } }",
    "PREFIX e: <GOOD> SELECT * { SERVICE e: { ?s ?p ?o } }",
    "BASE <EVIL> SELECT * { SERVICE <> { ?s ?p ?o } }",
    "BASE <EVIL> SELECT * { SERVICE <sparql> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } SERVICE <EVIL> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD> { SERVICE <EVIL> { ?s ?p ?o } } }",
    "SELECT * { SERVICE <EVIL> { SERVICE <GOOD> { ?s ?p ?o } } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } OPTIONAL { { SELECT * { sErViCe <EVIL> { ?s ?p ?o } } } } }",
    "SELECT * { SERVICE # <GOOD>\n <EVIL> { ?s ?p ?o } }",
    "SELECT * { SERVICE #\n <GOOD> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } # SERVICE\n }",
    "SELECT * { SERVICE <GOOD> { ?s ?p 'SERVICE <EVIL>' } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p '''\\''' SERVICE <EVIL> { ?a ?b ''''' } } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } \\u0053ERVICE <EVIL> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } S\\U00000045RVICE <EVIL> { ?s ?p ?o } }",
    "SELECT * { \\u0053ERVICE <GOOD> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } FILTER(1<2)SERVICE#>\n<EVIL>{?s ?p ?o} }",
    "SELECT * { SERVICE <GOOD> { ?s ?p trueSERVICE <EVIL> {} }",
    "SELECT * { SERVICE <GOOD> { ?s ?p ?o } \u017fERVICE <EVIL> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD#> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD/> { ?s ?p ?o } }",
    "SELECT * { SERVICE <GOOD?x> { ?s ?p ?o } }",
    "SELECT * { SERVICE <http://x@example.org/sparql> { ?s ?p ?o } }",
    "SELECT * { SERVICE <file:///etc/passwd> { ?s ?p ?o } }",
    "PREFIX sd: <http://www.w3.org/ns/sparql-service-description#> SELECT * { SERVICE <GOOD> { ?s a sd:Service } }",
    "ASK { BIND('\\u0022' AS ?q) SERVICE <EVIL> { ?s ?p ?o } BIND('' AS ?r) }",
    "CONSTRUCT WHERE { ?s ?p ?o } VALUES ?x { 1 } SERVICE <EVIL> {}",
    "INSERT { ?s ?p ?o } WHERE { SERVICE <GOOD> { ?s ?p ?o } }",
    "LOAD <GOOD>",
]


@pytest.mark.parametrize("query", DISGUISES)
def test_all_other_service_calls_are_refused(federated: str, server: str, listener: Listener, query: str) -> None:
    good = f"{server}/sparql"
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in good)
    written = query.replace("EVIL", listener.url).replace("GOOD", good)
    assert ask(federated, written) == (403, [])
    with pytest.raises(QueryRefused):
        guard.guard(written, frozenset({good}))
    assert ask(federated, f"SELECT * {{ SERVICE <{escaped}> {{ ?s ?p ?o }} }}") == (403, [])
    if not query.startswith(("INSERT", "LOAD")):
        refused = send(federated, "GET", f"/sparql?{urlencode(q(written))}").problem
        assert f"<{good}>" in refused["hint"], "the hint names the listed endpoint"
    assert not listener.came


def test_endpoint_cannot_redirect_the_request(federated: str, redirecting: str, listener: Listener) -> None:
    assert ask(federated, f"SELECT * {{ SERVICE <{redirecting}> {{ ?s ?p ?o }} }}")[0] == 502
    assert ask(federated, f"SELECT * {{ SERVICE SILENT <{redirecting}> {{ ?s ?p ?o }} }}")[0] == 200
    assert ask(federated, f"SELECT * FROM <{listener.url}> {{ ?s ?p ?o }}") == (200, [])
    target = f"/sparql?{urlencode([*q('ASK { ?s ?p ?o }'), ('default-graph-uri', listener.url)])}"
    assert b"false" in send(federated, "GET", target).body
    assert not listener.came


def test_sandbox_blocks_requests_without_the_guard(release: Release, listener: Listener, server: str) -> None:
    """Without the guard, queries that call no listed endpoint run in a sandbox without network access, and others in one
    limited to the listed endpoints.
    """
    good = f"{server}/sparql"
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, services=frozenset({good})))
    with pytest.raises(QueryError):
        engine.answer(f"SELECT * {{ SERVICE <{listener.url}> {{ ?s ?p ?o }} }}", RESULT_FORMATS)
    with pytest.raises(QueryRefused):
        engine.answer(f"SELECT * {{ SERVICE <{good}> {{}} SERVICE <{listener.url}> {{}} }}", RESULT_FORMATS)
    answer = engine.answer(f"SELECT * {{ SERVICE <{good}> {{ {REMOTE} }} }}", (BY_NAME["csv"],))
    assert answer.content.decode() == f"title\r\n{TITLE}\r\n"
    engine.close()
    assert not listener.came


def test_service_description_lists_endpoints(federated: str, server: str) -> None:
    assert b"BasicFederatedQuery" in send(federated, "GET", "/sparql").body
    assert b"BasicFederatedQuery" not in send(server, "GET", "/sparql").body


def test_only_web_addresses_can_be_listed(releases: Path) -> None:
    for address in ("file:///etc/passwd", "http://x/> {} SERVICE <http://y/"):
        for flag in ("--service", "--licence"):
            result = run("serve", releases, flag, address)
            assert result.returncode == 2
            assert b"not an absolute URL" in result.stderr
