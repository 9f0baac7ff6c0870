"""The site with other SPARQL servers: they answer like the embedded engine, except for the differences in one table."""

from __future__ import annotations

import contextlib
import csv
import io
import time
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from urllib.parse import urlencode

import pytest
import rdflib

from cybilgraph import pipeline
from cybilgraph.errors import CybilgraphError, EndpointFailed, EngineUnavailable, QueryError, QueryRefused
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import EvidenceLevel
from cybilgraph.model.resources import QUERIES
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint, current_graph, loaded_graph
from cybilgraph.sparql.pooled_engine import QueryLimits
from cybilgraph.sparql.queries import load_query
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.sync import graph_store
from cybilgraph.sync.graph_store import load
from tests.conftest import RECORDS, ROOT, SEED, run, running_server
from tests.support.http_client import BROWSER, PROBLEM, Reply, q, send
from tests.support.operations import until
from tests.support.protocol_cases import (
    ASK,
    CONSTRUCT,
    DATASETS,
    LASTING,
    NAMES,
    SELECT,
    TITLE,
    W3C,
    WAYS,
    WRONG,
    check,
)
from tests.support.servers import FaultyProxy, Store, oxigraph, virtuoso

pytestmark = pytest.mark.slow

#: Protocol cases and examples in which an engine differs from the others, with the reason or the observation.
DIFFERENCES = {
    "oxigraph": {},
    "virtuoso": {
        "BNODE() is of this moment": "it reports that this function is not implemented",
        "DESCRIBE": "it also returns statements about other resources; each server decides (SPARQL 1.1, section 16.4)",
    },
}
#: The cases that depend on the engine; the server handles the others, such as format negotiation, by itself.
ROWS = [*WAYS, *DATASETS[::2], *NAMES[:32:2], *LASTING, *(row for row in WRONG if row.what == "too slow"), *W3C[:8]]
#: A query with more rows than the limit of the test server: Virtuoso truncates the answer, and says so in a header.
LARGE = "SELECT ?a ?b { ?a a cyb:Actor . ?b a cyb:Country } LIMIT 5001"
CUT = {"oxigraph": 200, "virtuoso": 502}
#: Virtuoso fails where SPARQL leaves a variable unbound.
ERRORS = ("SELECT (1/0 AS ?x) {}", "SELECT (YEAR(?end) AS ?x) { ?p a cyb:Project OPTIONAL { ?p cyb:end ?end } }")
#: Virtuoso ignores a MINUS for some rows if it is next to a BIND that is followed by an OPTIONAL.
MINUS, BIND, OPTIONAL = "MINUS { ?p dcterms:title ?t }", "BIND(1 AS ?one)", "OPTIONAL { ?p cyb:aim ?aim }"
FORGOTTEN = {"oxigraph": False, "virtuoso": True}
PAGES = ("/", "/id/project/G0020", "/id/country/BZ", "/search?q=stratgey", "/pictures")


@pytest.mark.timeout(300)  # allow for a busy machine
@pytest.mark.parametrize("name", list(DIFFERENCES))
def test_site_works_with_engine(name: str, releases: Path, server: str, tmp_path: Path) -> None:
    """Run all checks of an engine in one test, so that it starts only once."""
    with oxigraph() if name == "oxigraph" else virtuoso(tmp_path) as store:
        result = run("load", releases, *store.options)
        assert result.returncode == 0, result.stderr
        assert b"89 statements" not in result.stdout
        assert b"already up to date" in run("load", releases, *store.options).stdout
        with running_server(releases, "--endpoint", store.endpoint, "--body-seconds", 5) as site:
            different = {*_rows_that_differ(site), *_named_queries_that_differ(site, server)}
            described = [_ask(at, "DESCRIBE project:G0020").body.splitlines() for at in (site, server)]
            assert set(described[0]) >= set(described[1])
            different |= {"DESCRIBE"} if len(described[0]) > len(described[1]) else set()
            assert different == DIFFERENCES[name].keys()
            assert _ask(site, LARGE).status == CUT[name]
            for query in ERRORS:
                wrong = _ask(site, query)
                assert wrong.status == (502 if name == "virtuoso" else 200), query
                assert all(words not in wrong.body for words in (store.endpoint.encode(), b"SELECT", b"\\n")), (
                    wrong.body
                )
            for order in permutations((MINUS, BIND, OPTIONAL)):
                found = _ask(site, f"SELECT ?p {{ ?p a cyb:Project {' '.join(order)} }}").body != b"p\r\n"
                assert found == (FORGOTTEN[name] and order.index(BIND) < order.index(OPTIONAL)), order
            for path in PAGES:
                assert _page(site, path) == _page(server, path), path
            graphs = [rdflib.Graph().parse(data=send(at, "GET", "/id/project/G0020.ttl").body) for at in (site, server)]
            assert set(graphs[0]) == set(graphs[1])


def _rows_that_differ(site: str) -> Iterator[str]:
    """Return the cases that fail, without repeating each as HEAD."""
    for case in ROWS:
        try:
            check(site, case, head=False)
        except AssertionError:
            yield case.what


def _named_queries_that_differ(site: str, server: str) -> Iterator[str]:
    """Return the example queries, and the pages' queries about links, whose rows differ at a level of evidence."""
    for path in sorted(QUERIES.glob("*.rq")):
        query = load_query(path.stem)
        has_levels = "evidence" in [parameter.name for parameter in query.parameters]
        if not has_levels and not query.name.startswith("example-"):
            continue
        for level in EvidenceLevel if has_levels else [""]:
            text = query.bind({"evidence": [level]}) if has_levels else query.text
            replies = [_ask(address, text) for address in (site, server)]
            rows = [sorted(map(_in_order, csv.reader(io.StringIO(reply.body.decode())))) for reply in replies]
            if rows[0] != rows[1] or {reply.status for reply in replies} != {200}:
                yield f"{query.name} {level}".strip()


def _in_order(row: list[str]) -> list[str]:
    """Sort the IRIs in each cell that contains only IRIs, because SPARQL leaves the order of several open."""
    is_list = [all(word.startswith("https://") for word in cell.split()) for cell in row]
    return [" ".join(sorted(cell.split())) if found else cell for cell, found in zip(row, is_list, strict=True)]


def _page(site: str, path: str) -> str:
    reply = send(site, "GET", path, Accept=BROWSER)
    assert reply.status == 200
    nonce = reply.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0] or "none"
    return reply.body.decode().replace(site, "").replace(nonce, "")


@pytest.fixture(scope="module")
def way() -> Iterator[FaultyProxy]:
    """A proxy to a separate Oxigraph server, which can inject faults."""
    with oxigraph() as store, FaultyProxy(store) as way:
        yield way


FAULTS = {
    "cut": EndpointFailed,
    "cut in chunks": EndpointFailed,
    "a part": EndpointFailed,
    "a limit": EndpointFailed,
    "a page": EndpointFailed,
    "words inside": EndpointFailed,
    "failure": EndpointFailed,
    "busy": EngineUnavailable,
}


@contextlib.contextmanager
def bad(way: FaultyProxy, fault: str) -> Iterator[None]:
    way.fault = fault
    try:
        yield
    finally:
        way.fault = ""


def test_answer_is_complete_or_an_error(way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks faults through the site with a loaded release, and some through the engine."""
    folder = tmp_path / "releases"
    pipeline.build([SEED], folder)
    never = run("serve", folder, "--endpoint", way.store.endpoint)
    assert never.returncode == 2
    assert b"has no complete release, not release 0001 of" in never.stderr
    assert f"Load it: cybilgraph load {folder} --endpoint {way.store.endpoint}".encode() in never.stderr
    _load(folder, way.store)
    release = Releases(folder).current()
    stranger = b"<http://x/a> <http://x/b> <http://x/c> .\n"
    graph_store.GraphStore(way.store.graph_store, Credentials()).add(current_graph(release.checksum(GRAPH)), stranger)
    server = running_server(folder, "--endpoint", way.store.endpoint, "--cache-bytes", 0)
    with server as site:
        assert b"The endpoint differs from its release: it has" in _until(site, 503).body
        assert b"\ncybilgraph_endpoint_different 1.0" in send(site, "GET", "/metrics").body
        load(release, Endpoint(way.store.endpoint), way.store.graph_store, Credentials(), resend=True)
        assert _until(site, 200).body.startswith(b"ready")  # the cache may still be warming up
        assert TITLE in _ask(site, SELECT).body.decode()
        for fault, kind in FAULTS.items():
            for query in (SELECT, CONSTRUCT):
                with bad(way, fault):
                    reply = _ask(site, query)
                assert reply.type == PROBLEM, (fault, query)
                assert reply.status == (502 if kind is EndpointFailed else 503), (fault, query, reply.body)
                assert way.store.endpoint.encode() not in reply.body, "visitors must not see its address"
                assert b"secret" not in reply.body, "nor the query that was sent to it"

        def logged() -> list[str]:
            return [line for line in server.log.splitlines() if f"Error message of {way.store.endpoint}: Oops" in line]

        until(logged)  # the log is written by a thread of its own
        said = logged()[0]
        assert "Oops in the query \\x1b[2JSELECT secret and on" in said, "complete, in one line"
        assert " to the end....." in said
        assert 4_000 < len(said) < 4_200
        with bad(way, "cut"):
            assert _ask(site, ASK).status == 502
        with bad(way, "no end"):
            assert _ask(site, CONSTRUCT).status == 502, "N-Triples cannot show whether lines are missing"
            assert TITLE in _ask(site, SELECT).body.decode(), "result tables have an explicit end"
        assert TITLE in _ask(site, SELECT).body.decode()
        _follows_releases(server, site, folder, way)


def _follows_releases(server: running_server, site: str, folder: Path, way: FaultyProxy) -> None:
    """A new release is served only when the endpoint has it; until then, the previous one is."""
    count = "SELECT (COUNT(?p) AS ?n) { ?p a cyb:Project }"
    assert _ask(site, count).body == b"n\r\n1\r\n"
    pipeline.build([SEED, RECORDS / "cmm-review-samoa.txt"], folder)
    until(lambda: "Release 0002 is not served yet" in server.log)
    assert _ask(site, count).headers["cybilgraph-release"] == "1"
    seen: list[tuple[bytes, int]] = []

    def ask_while_loading() -> None:
        earlier = f"ASK FROM <{loaded_graph()}/x> {{ ?s ?p ?o }}"  # it may be an earlier capture
        seen.append((_ask(site, count).body, _ask(site, earlier).status))

    def until_it_is_seen(_: float) -> None:
        for _ in range(300):
            now = _ask(site, count)
            if now.headers["cybilgraph-release"] == "2":
                break
            assert now.body == b"n\r\n1\r\n"
            time.sleep(0.1)
        assert now.body == b"n\r\n2\r\n"

    way.once_status_is_written = ask_while_loading
    _load(folder, way.store, until_it_is_seen)
    assert seen == [(b"n\r\n1\r\n", 503)]
    assert loaded_graph() in (held := Endpoint(way.store.endpoint).counts())
    assert len(held) == 2, "the previous release is gone"
    assert _ask(site, f"{count} # again").body == b"n\r\n2\r\n"
    earlier = send(site, "GET", f"/sparql?{urlencode(q(count, format='csv', release='1'))}")
    assert earlier.body == b"n\r\n1\r\n", "answered from its folder"


def _until(site: str, status: int) -> Reply:
    """Return the response of /readyz once it has this status and is not about loading."""
    for _ in range(200):
        ready = send(site, "GET", "/readyz")
        if ready.status == status and b"being loaded" not in ready.body:
            return ready
        time.sleep(0.05)
    raise AssertionError(ready.body)


def test_answers_come_from_the_requested_release(way: FaultyProxy, release: Release) -> None:
    """The endpoint has another release when the query ends."""
    engine = RemoteEngine(way.store.endpoint, QueryLimits(workers=1), store=release.store, checksum="0" * 64)
    try:
        with pytest.raises(EngineUnavailable, match="now holds a different release"):
            engine.answer("ASK {}", (BY_NAME["json"],))
    finally:
        engine.close()


def test_documentation_lists_every_difference() -> None:
    text = (ROOT / "docs/reference/engines.md").read_text(encoding="utf-8")
    for name in DIFFERENCES["virtuoso"]:
        assert name.removesuffix(" is of this moment") in text


def _ask(site: str, query: str) -> Reply:
    return send(site, "GET", f"/sparql?{urlencode(q(query))}", Accept="text/csv, application/n-triples")


def _load(folder: Path, store: Store, wait: Callable[[float], None] = time.sleep) -> None:
    load(Releases(folder).current(), Endpoint(store.endpoint), store.graph_store, Credentials(), wait=wait)


def test_endpoint_credentials_come_from_a_file(way: FaultyProxy, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    json = (BY_NAME["json"],)
    way.asks_for = Credentials("me", "secret").header["Authorization"]
    try:
        for text, error in (("", QueryRefused), ("me:wrong", QueryRefused), ("me:secret\n", None)):
            file.write_text(text)
            engine = RemoteEngine(way.store.endpoint, QueryLimits(workers=1), credentials=str(file))
            try:
                with pytest.raises(error) if error else contextlib.nullcontext():
                    assert b"true" in engine.answer("ASK {}", json).content
            finally:
                engine.close()
    finally:
        way.asks_for = ""
    with pytest.raises(CybilgraphError, match="cannot be read"):
        Credentials.of(str(tmp_path / "nowhere"))
    file.write_text("token")
    assert Credentials.of(str(file)).header == {"Authorization": "Bearer token"}


def test_missing_endpoint_is_reported(releases: Path) -> None:
    engine = RemoteEngine("http://127.0.0.1:9/sparql", QueryLimits(workers=1))
    try:
        with pytest.raises(EngineUnavailable, match="does not respond"):
            engine.answer("ASK {}", (BY_NAME["json"],))
    finally:
        engine.close()
    for command in ("serve", "load"):
        result = run(command, releases, "--endpoint", "http://127.0.0.1:9/sparql")
        assert result.returncode == 2
        assert b"http://127.0.0.1:9/sparql does not respond" in result.stderr
    assert b"is not an absolute URL" in run("load", releases, "--endpoint", "nowhere").stderr


def test_long_query_is_stopped_and_large_answer_refused(way: FaultyProxy) -> None:
    engine = RemoteEngine(way.store.endpoint, QueryLimits(workers=1, long_workers=1, timeout=1.0, answer=2_000))
    values = " ".join(f"({number})" for number in range(1000))
    try:
        with pytest.raises(QueryError, match="larger than 2,000 bytes"):
            engine.answer(f"SELECT * {{ VALUES (?x) {{ {values} }} }}", (BY_NAME["csv"],))
        every = " ".join(f"VALUES ?{name} {{ {values.replace('(', '').replace(')', '')} }}" for name in "abc")
        with pytest.raises(QueryError, match="stopped after 1 second"):
            engine.answer(f"SELECT (COUNT(*) AS ?n) {{ {every} }}", (BY_NAME["csv"],))
    finally:
        engine.close()
