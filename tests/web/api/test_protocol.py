"""The SPARQL 1.1 Protocol for queries over HTTP, as a table of cases. Each GET case is repeated as HEAD."""

from __future__ import annotations

import gzip
import re
import select
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import rdflib
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import QuerySyntaxError
from cybilgraph.model.formats import FORMATS, GRAPH_FORMATS
from cybilgraph.web.api.protocol import Request
from tests.support.http_client import PROBLEM, SLOW, Reply, q, send
from tests.support.protocol_cases import (
    ASK,
    CONSTRUCT,
    DEFAULT,
    DIRECT,
    HISTORY,
    NAMED,
    NAMES,
    TABLE,
    Case,
    check,
    raw,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", TABLE, ids=[case.what for case in TABLE])
def test_sparql_protocol_case(server: str, case: Case) -> None:
    check(server, case)


def test_cases_cover_all_formats() -> None:
    names = {case.what for case in NAMES}
    assert all(any(f"format={fmt.name}," in what for what in names) for fmt in FORMATS)


# Conditional requests and content codings


MANY = "SELECT ?project ?title { ?project dcterms:title ?title } ORDER BY ?title"


def many(
    server: str, method: str = "GET", query: str = MANY, name: str = "csv", release: str = "", **headers: str
) -> Reply:
    pairs = q(query, format=name) + ([("release", release)] if release else [])
    return send(server, method, f"/sparql?{urlencode(pairs)}", **headers)


@given(
    st.lists(st.sampled_from(["%", "2", "0", "C", "3", "a", "=", "&", "+", "é", "%C3%A9", "%e2%82", "%AC", "%00"])).map(
        "".join
    )
)
def test_forms_are_decoded_as_by_the_standard_library(text: str) -> None:
    request = Request("POST", "", {"content-type": "application/x-www-form-urlencoded"}, text.encode())
    try:
        expected = parse_qs(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(QuerySyntaxError):
            assert request.parameters
    else:
        assert request.parameters == expected


def test_matching_etag_gets_304(server: str) -> None:
    first = many(server)
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}'):
        for method in ("GET", "HEAD"):
            again = many(server, method, If_None_Match=tag)
            assert (again.status, again.body) == (304, b"")
            for name in ("etag", "vary", "cache-control", "cybilgraph-release", "link"):
                assert again.headers[name] == first.headers[name]
    assert many(server, If_None_Match='"x"').body == first.body
    assert many(server, If_None_Match="*").status == 304  # matches any existing answer (RFC 9110, section 13.1.2)
    assert many(server, query="SELECT * {", If_None_Match="*").status == 400
    posted = send(
        server,
        "POST",
        "/sparql",
        MANY.encode(),
        Content_Type=DIRECT,
        Accept="text/csv",
        If_None_Match=first.headers["etag"],
    )
    assert posted.body == first.body


def test_repeated_header_lines_form_one_list(server: str) -> None:
    etag = many(server).headers["etag"]
    asked = (
        f"GET /sparql?{urlencode(q(MANY))} HTTP/1.1\nHost: x\nConnection: close\nAccept: text/csv\nAccept: image/png\n"
    )
    assert raw(server, f"{asked}\n").startswith(b"HTTP/1.1 200 ")
    assert raw(server, f'{asked}If-None-Match: {etag}\nIf-None-Match: "x"\n\n').startswith(b"HTTP/1.1 304 ")
    assert raw(server, f"{asked}Host: y\n\n").startswith(b"HTTP/1.1 400 "), "not a list (RFC 9112, section 3.2)"


def test_content_codings_encode_the_same_bytes(server: str) -> None:
    plain = many(server)
    assert len(plain.body) > 1_000
    assert "content-encoding" not in plain.headers
    compressed = many(server, Accept_Encoding="gzip")
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    assert int(compressed.headers["content-length"]) == len(compressed.body) < len(plain.body)
    fast = many(server, Accept_Encoding="gzip, deflate, br, zstd")
    assert fast.headers["content-encoding"] == "zstd"
    assert zstandard.decompress(fast.body) == plain.body
    assert len({reply.headers["etag"] for reply in (plain, compressed, fast)}) == 3
    for reply in (plain, compressed, fast):
        assert reply.headers["vary"] == "Accept, Accept-Encoding"
        assert many(server, Accept_Encoding="gzip", If_None_Match=reply.headers["etag"]).status == 304
    for refused in ("gzip;q=0", "br", "zstd;q=0, gzip;q=0", "identity"):
        assert many(server, Accept_Encoding=refused).body == plain.body
    assert many(server, Accept_Encoding="zstd;q=0.1, gzip").headers["content-encoding"] == "gzip"
    assert many(server, "HEAD", Accept_Encoding="gzip").headers["content-encoding"] == "gzip"


def test_etags_differ_when_bytes_may_differ(server: str) -> None:
    replies = [
        many(server),
        many(server, name="tsv"),
        many(server, name="json"),
        many(server, query=MANY.replace("ORDER BY ?title", "ORDER BY DESC(?title)")),
        send(server, "GET", f"/sparql?{urlencode([*q(MANY, format='csv'), (DEFAULT, HISTORY)])}"),
        send(server, "GET", f"/sparql?{urlencode([*q(MANY, format='csv'), (NAMED, HISTORY)])}"),
    ]
    tags = [reply.headers["etag"] for reply in replies]
    assert all(re.fullmatch(r'"[0-9a-f-]+"', tag) for tag in tags), "a strong ETag"
    assert len(set(tags)) == len(tags)
    assert many(server, release="1").headers["etag"] == tags[0], "the same release, whether named or not"


# A busy server


def test_client_over_its_limit_gets_retry_after(server: str) -> None:
    """Each client has its own queue: another client is answered meanwhile."""
    place = urlsplit(server)
    request = f"GET /sparql?{urlencode(q(SLOW, timeout='20'))} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    streams = []
    try:
        for _ in range(150):
            stream = socket.create_connection((place.hostname, place.port), 10, source_address=("127.0.0.7", 0))
            streams.append(stream)
            stream.sendall(request)
        refused, *_ = select.select(streams, [], [], 15)
        answer = refused[0].recv(100_000)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert re.search(rb"\nretry-after: [1-9]", answer)
        assert b'"status": 429' in answer
        look_up = f"/sparql?{urlencode(q('SELECT ?p ?o { project:G0020 ?p ?o } # and a small one'))}"
        assert send(server, "GET", look_up, source="127.0.0.7").status == 429
        assert send(server, "GET", look_up, source="127.0.0.8").status == 200
        other = f"/sparql?{urlencode(q(f'{ASK} # of another'))}"
        assert send(server, "GET", other, source="127.0.0.8").status == 200
    finally:
        for stream in streams:
            stream.close()


def test_overloaded_server_sends_retry_after(server: str) -> None:
    target = f"/sparql?{urlencode(q(SLOW, timeout='8'))}"
    with ThreadPoolExecutor(32) as pool:
        sources = [f"127.0.0.{10 + client}" for client in range(4) for _ in range(8)]
        replies = list(pool.map(lambda source: send(server, "GET", target, source=source), sources))
    assert {reply.status for reply in replies} == {503, 504}
    for reply in replies:
        assert reply.type == PROBLEM
        assert reply.problem["status"] == reply.status
        if reply.status == 503:
            assert int(reply.headers["retry-after"]) > 0


def test_missing_body_gets_408(server: str) -> None:
    place = urlsplit(server)
    head = f"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: {DIRECT}\r\nContent-Length: 50\r\n\r\nASK"
    with socket.create_connection((place.hostname, place.port), timeout=60) as stream:
        stream.sendall(head.encode())
        answer = stream.recv(100_000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"status": 408' in answer


def test_graph_is_the_same_in_every_format(server: str) -> None:
    parsers = {
        "turtle": "turtle",
        "ntriples": "nt",
        "rdfxml": "xml",
        "jsonld": "json-ld",
        "nquads": "nquads",
        "trig": "trig",
    }
    for query in (None, CONSTRUCT):
        graphs = []
        for fmt in GRAPH_FORMATS:
            body = Case("", q(query) if query else [], accept=fmt.media_type).call(server).body
            graph = rdflib.Dataset() if fmt.name in ("nquads", "trig", "jsonld") else rdflib.Graph()
            graph.parse(data=body, format=parsers[fmt.name])
            graphs.append(
                {(s, p, o) for s, p, o, *_ in (graph.quads() if isinstance(graph, rdflib.Dataset) else graph)}
            )
        assert graphs[0]
        assert all(graph == graphs[0] for graph in graphs)
