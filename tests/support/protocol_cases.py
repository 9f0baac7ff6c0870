"""The SPARQL 1.1 Protocol as tables of cases, a check of one case, and requests sent byte by byte."""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cybilgraph.model.formats import GRAPH_FORMATS, RESULT_FORMATS
from tests.support.http_client import BROWSER, HTML, PROBLEM, SLOW, Reply, q, send

FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"


@dataclass(frozen=True)
class Case:
    """A case: the request, and the expected status, media type, body pattern and header patterns."""

    what: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    method: str = "GET"
    path: str = "/sparql"
    accept: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    status: int = 200
    type: str = ""
    has: str = ""
    sent: dict[str, str] = field(default_factory=dict)

    def call(self, server: str, method: str = "") -> Reply:
        target = self.path + (f"?{urlencode(self.pairs)}" if self.pairs else "")
        body = self.body.encode() if isinstance(self.body, str) else self.body
        headers = self.headers | ({"Accept": self.accept} if self.accept else {})
        return send(server, method or self.method, target, body, **headers)


def post(what: str, kind: str | None, body: str | bytes, pairs: Any = (), **expected: Any) -> Case:
    headers = {"Content-Type": kind} if kind is not None else {}
    return Case(what, list(pairs), "POST", headers=headers, body=body, **{"accept": "text/csv", **expected})


def raw(server: str, request: str) -> bytes:
    """Send bytes over a connection, and return everything received."""
    place = urlsplit(server)
    with socket.create_connection((place.hostname, place.port), timeout=30) as stream:
        stream.sendall(request.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: stream.recv(100_000), b""))


SELECT = "SELECT ?title { project:G0020 dcterms:title ?title }"
ASK = "ASK { project:G0020 dcterms:title ?title }"
CONSTRUCT = "CONSTRUCT { project:G0020 dcterms:title ?title } { project:G0020 dcterms:title ?title }"
DESCRIBE = "DESCRIBE project:G0020"
TITLES = "SELECT (COUNT(?t) AS ?n) { ?p dcterms:title ?t }"
GRAPHS = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"
HISTORY = "https://w3id.org/cybilgraph/graph/G0020/1"
NOWHERE = "https://example.org/no-such-graph"
JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"
CSV, TSV = "text/csv; charset=utf-8", "text/tab-separated-values; charset=utf-8"
TURTLE, TEXT = "text/turtle; charset=utf-8", "text/plain; charset=utf-8"
TITLE = "Support to Belize National Cyber Security Strategy"


def over(what: str, query: str, n: str, *graphs: tuple[str, str]) -> list[Case]:
    """Return a case for the same dataset in each of the three ways to send a query."""
    has = rf"\A\w+\r\n{n}\r\n\Z" if n else r"\A\w+\r\n\Z"
    return [
        Case(f"{what}, GET", [("query", query), *graphs], accept="text/csv", has=has),
        post(f"{what}, POST form", FORM, urlencode([("query", query), *graphs]), has=has),
        post(f"{what}, POST direct", DIRECT, query, graphs, has=has),
    ]


DEFAULT, NAMED = "default-graph-uri", "named-graph-uri"
WAYS = [
    Case("GET", q(SELECT), type=JSON, has=TITLE),
    Case("GET, trailing slash", q(SELECT), path="/sparql/", type=JSON, has=TITLE),
    Case("GET, leading slash", q(SELECT), path="//sparql", type=JSON, has=TITLE),
    Case("GET, timeout", q(SELECT, timeout="5"), has=TITLE),
    Case("GET, unknown parameters are ignored", q(SELECT, whatever="5"), has=TITLE),
    Case(
        "GET, no declared prefix",
        q("SELECT * { country:BZ skos:prefLabel ?name FILTER(LANG(?name) = 'en') }"),
        has="Belize",
    ),
    Case("GET, not ASCII", q("SELECT ('Côte d’Ivoire' AS ?x) {}"), accept="text/csv", has="Côte d’Ivoire"),
    post("POST form", FORM, urlencode({"query": SELECT}), type=CSV, has=TITLE),
    post("POST form, in the body", FORM, urlencode({"query": SELECT, "format": "tsv"}), type=TSV, has=TITLE),
    post("POST form, charset", f"{FORM}; charset=UTF-8", urlencode({"query": SELECT}), has=TITLE),
    post("POST direct", DIRECT, SELECT, has=TITLE),
    post("POST direct, charset", f"{DIRECT}; charset=utf-8", SELECT, has=TITLE),
    post("POST direct, capitals", "Application/SPARQL-Query", SELECT, has=TITLE),
    post("POST direct, format in the address", DIRECT, SELECT, [("format", "xml")], type=XML, has=TITLE),
    post("POST direct, a long one", DIRECT, f"{SELECT} # {'x' * 90_000}", has=TITLE),
]
DATASETS = [
    *over("one default graph", TITLES, "1", (DEFAULT, HISTORY)),
    *over("several default graphs", TITLES, "1", (DEFAULT, HISTORY), (DEFAULT, NOWHERE)),
    *over("an unknown default graph is empty", TITLES, "0", (DEFAULT, NOWHERE)),
    Case("an unknown default graph is reported", [*q(TITLES), (DEFAULT, NOWHERE)],
         sent={"cybilgraph-advice": f'"There is no graph <{NOWHERE}> in this release.*'}),
    *over("only default graphs: none is named", GRAPHS, "", (DEFAULT, HISTORY)),
    *over("one named graph", GRAPHS, HISTORY, (NAMED, HISTORY)),
    *over("only named graphs: the default graph is empty", TITLES, "0", (NAMED, HISTORY)),
    *over("several named graphs", GRAPHS, HISTORY, (NAMED, HISTORY), (NAMED, NOWHERE)),
    *over("an unknown named graph is empty", GRAPHS, "", (NAMED, NOWHERE)),
    *over("both", "SELECT (COUNT(*) AS ?n) { ?p dcterms:title ?t GRAPH ?g { ?p a cyb:Project } }", "1",
          (DEFAULT, HISTORY), (NAMED, HISTORY)),
    *over("goes before FROM", TITLES.replace("{", f"FROM <{NOWHERE}> {{"), "1", (DEFAULT, HISTORY)),
    *over("goes before FROM NAMED", GRAPHS.replace("{", f"FROM NAMED <{NOWHERE}> {{", 1), HISTORY, (NAMED, HISTORY)),
    *over("FROM alone", TITLES.replace("{", f"FROM <{HISTORY}> {{"), "1"),
    *over("FROM of nothing, which is not fetched", TITLES.replace("{", f"FROM <{NOWHERE}> {{"), "0"),
    *over("FROM NAMED alone", GRAPHS.replace("{", f"FROM NAMED <{HISTORY}> {{", 1), HISTORY),
    *[
        Case(f"{name} is not an absolute IRI: {value!r}", [("query", SELECT), (name, value)], status=400)
        for name in (DEFAULT, NAMED)
        for value in ("x", "", "http://a b/", "http://x/> } #")
    ],
]  # fmt: skip
CHOICES = [
    Case(f"{accept or 'nothing'} accepted, {query.split()[0]}", q(query), accept=accept, status=200 if "problem" not in kind else 406, type=kind)
    for accept, query, kind in [
        ("", SELECT, JSON),
        ("", CONSTRUCT, TURTLE),
        ("*/*", SELECT, JSON),
        ("*/*", ASK, JSON),
        ("*/*", CONSTRUCT, TURTLE),
        ("*/*", DESCRIBE, TURTLE),
        ("application/json", SELECT, JSON),
        ("application/xml", ASK, XML),
        ("APPLICATION/SPARQL-RESULTS+XML", SELECT, XML),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.6", SELECT, XML),
        ("text/csv;q=0.5,text/tab-separated-values;q=0.5", SELECT, CSV),
        ("text/turtle, text/csv;q=0.1", SELECT, CSV),
        ("text/turtle, text/csv;q=0.1", CONSTRUCT, TURTLE),
        ("image/png, text/csv;q=0.1", SELECT, CSV),
        ("text/*", SELECT, CSV),
        ("text/*", CONSTRUCT, TURTLE),
        ("text/*;q=0.4, application/*;q=0.5", SELECT, JSON),
        ("*/*;q=0.1, text/csv", SELECT, CSV),
        ("*/*, application/sparql-results+json;q=0", SELECT, XML),
        ("text/csv; header=present", SELECT, CSV),
        ("text/csv;charset=utf-8;q=0.9, */*;q=0.1", SELECT, CSV),
        ("application/n-triples, */*;q=0.1", CONSTRUCT, "application/n-triples"),
        ("text/plain", CONSTRUCT, "application/n-triples"),
        ("image/png", SELECT, PROBLEM),
        ("text/turtle", SELECT, PROBLEM),
        ("text/csv", CONSTRUCT, PROBLEM),
        ("text/csv;q=0", SELECT, PROBLEM),
        ("*/*;q=0", SELECT, PROBLEM),
        (BROWSER, SELECT, HTML),
        (BROWSER, ASK, HTML),
        (BROWSER, CONSTRUCT, HTML),
        ("text/html", SELECT, HTML),
        ("text/html;q=0.1, text/csv", SELECT, CSV),
        ("text/html;q=0, */*", SELECT, JSON),
    ]
]  # fmt: skip
NAMES = [
    *[Case(f"format={fmt.name}, {query.split()[0]}", q(query, format=fmt.name), accept=BROWSER, type=fmt.content_type, has="Support|true")
      for fmt in RESULT_FORMATS for query in (SELECT, ASK)],
    *[Case(f"format={fmt.name}, {query.split()[0]}", q(query, format=fmt.name), accept=BROWSER, type=fmt.content_type, has="Support")
      for fmt in GRAPH_FORMATS for query in (CONSTRUCT, DESCRIBE)],
    *[Case(f"{fmt.media_type} accepted, {query.split()[0]}", q(query), accept=fmt.media_type, type=fmt.content_type)
      for formats, queries in ((RESULT_FORMATS, (SELECT, ASK)), (GRAPH_FORMATS, (CONSTRUCT, DESCRIBE)))
      for fmt in formats for query in queries],
    *[Case(f"format={name}, {query.split()[0]}", q(query, format=name), type=kind) for name, query, kind in [
        ("json", CONSTRUCT, "application/ld+json"),
        ("xml", CONSTRUCT, "application/rdf+xml"),
        ("rdf", CONSTRUCT, "application/rdf+xml"),
        ("n3", CONSTRUCT, TURTLE),
        ("JSON", SELECT, JSON),
        ("text/csv", SELECT, CSV),
        ("html", SELECT, HTML),
        (" HTML", SELECT, HTML),
    ]],
    *[Case(f"format={fmt.suffix}", q(DESCRIBE, format=fmt.suffix), type=fmt.content_type) for fmt in GRAPH_FORMATS],
    Case("format= goes before Accept", q(SELECT, format="csv"), accept=JSON, type=CSV),
    Case("format= of nothing", q(SELECT, format="png"), status=406, type=PROBLEM),
    Case("format= of a graph for a table", q(SELECT, format="turtle"), status=406, type=PROBLEM, has="json, xml, csv, tsv"),
    Case("format= of a table for a graph", q(DESCRIBE, format="csv"), status=406, type=PROBLEM),
]  # fmt: skip
SERVICE = [
    *[Case(f"asked nothing, as {fmt.name}", accept=fmt.media_type, type=fmt.content_type, has="service-description")
      for fmt in GRAPH_FORMATS],
    *[Case(f"asked nothing, format={fmt.name}", [("format", fmt.name)], type=fmt.content_type, has="service-description")
      for fmt in GRAPH_FORMATS],
    Case("asked nothing", type=TURTLE, has="sd:Service"),
    Case("asked nothing, by a browser", accept=BROWSER, type=HTML, has="<textarea"),
    Case("asked nothing, in no format of RDF", accept="text/csv", status=406, type=PROBLEM),
]  # fmt: skip
PREFLIGHT = {
    "allow": "^GET, HEAD, POST, OPTIONS$",
    "access-control-allow-methods": "^GET, HEAD, POST, OPTIONS$",
    "access-control-allow-headers": "Accept, Content-Type, If-None-Match",
    "access-control-max-age": r"^\d+$",
}
OPTIONS = [
    Case("OPTIONS", method="OPTIONS", status=204, sent=PREFLIGHT),
    Case("preflight", method="OPTIONS", status=204, sent=PREFLIGHT, headers={
        "Origin": "https://example.org", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}),
    Case("from another origin", q(SELECT), headers={"Origin": "https://example.org"},
         sent={"access-control-allow-origin": r"^\*$", "access-control-expose-headers": "ETag, Retry-After, Link, .*Cybilgraph-Release"}),
]  # fmt: skip
LASTING = [
    Case("release named", q(SELECT, release="1"), sent={"cybilgraph-release": "^1$", "cache-control": "max-age=86400, must-revalidate$"}),
    Case("no release named", q(SELECT), sent={
        "cybilgraph-release": "^1$", "cache-control": "max-age=60",
        "link": f'^<{re.escape("/sparql?" + urlencode([("query", SELECT), ("release", 1)], quote_via=quote))}>; rel="cite-as"$'}),
    Case("a release that is not there", q(SELECT, release="99"), status=404, type=PROBLEM, has="Available releases: 1"),
    Case("a release that is no number", q(SELECT, release="one"), status=400, type=PROBLEM),
    *[Case(f"{name} is of this moment", q(f"SELECT ({name} AS ?x) {{}}"), sent={"cache-control": "^no-store$", "etag": "^$", "link": "^$"})
      for name in ("NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()", "now ( )")],
]  # fmt: skip
WRONG = [
    Case("no query", q("SELECT"), status=400, type=PROBLEM),
    Case("no query, for a browser", q("SELECT"), accept=BROWSER, status=400, type=HTML, has="Bad Request"),
    Case("no query, as text", q("SELECT * { x }"), accept="text/plain", status=400, type=TEXT, has=r"line 1, column 12:\nSELECT \* { x }\n {11}\^\n"),
    Case("no query, format= given by a program", q("SELECT", format="csv"), status=400, type=PROBLEM),
    *[Case(f"an empty query {given!r}", q(given), status=400, type=PROBLEM, has="Send it as query=") for given in ("", " \n", "\ufeff")],
    Case("an empty query, for a browser", q(""), accept=BROWSER, status=400, type=HTML, has="<textarea"),
    post("an empty query", DIRECT, "", status=400, type=PROBLEM, has="Send it as query="),
    Case("two queries, one empty", [*q(""), *q(SELECT)], status=400, type=PROBLEM, has="more than one"),
    Case("two queries", [*q(SELECT), *q(SELECT)], status=400, type=PROBLEM, has="more than one"),
    Case("bytes that are no UTF-8", path="/sparql?query=ASK%7B%7D%23%FF", status=400, type=PROBLEM, has="UTF-8"),
    Case("no number of seconds", q(SELECT, timeout="soon"), status=400, type=PROBLEM),
    Case("no time at all", q(SELECT, timeout="-1"), status=400, type=PROBLEM),
    Case("too deep", q("SELECT " + "(" * 300), status=400, type=PROBLEM),
    Case("too long", q(f"{SELECT} # {'x' * 60_000}"), has=TITLE),
    post("too long", DIRECT, f"{SELECT} # {'x' * 1_100_000}", status=400),
    Case("a character that XML does not have", q(r'SELECT ("\u0001" AS ?x) {}', format="xml"), status=406, type=PROBLEM, has="json, csv, tsv"),
    Case("a property that RDF/XML cannot name", q("CONSTRUCT { <a:a> <a:1> 1 } {}", format="rdf"), status=406, type=PROBLEM, has="<a:1>"),
    Case("SERVICE", q("SELECT * { SERVICE <http://x> {} }"), status=403, type=PROBLEM),
    Case("an update", q("DELETE WHERE { ?s ?p ?o }"), status=403, type=PROBLEM),
    Case("an update, for a browser", q("CLEAR ALL"), accept=BROWSER, status=403, type=HTML),
    Case("an address below", path="/sparql/update", status=404, type=PROBLEM),
    *[Case(method, q(SELECT), method=method, status=405, type=PROBLEM, sent={"allow": "^GET, HEAD, POST, OPTIONS$"})
      for method in ("PUT", "DELETE", "PATCH", "TRACE", "QUERY")],
    post("POST form, an update", FORM, urlencode({"update": "CLEAR ALL"}), status=403, type=PROBLEM),
    post("POST form, nothing", FORM, "", status=400, type=PROBLEM),
    post("POST form, two queries", FORM, urlencode([*q(SELECT), *q(SELECT)]), status=400),
    post("POST form, and another in the address", FORM, urlencode(q(SELECT)), q(SELECT), status=400),
    post("POST direct, and another in the address", DIRECT, SELECT, q(SELECT), status=400),
    post("POST direct, no query", DIRECT, "SELECT", status=400),
    post("POST direct, no UTF-8", DIRECT, SELECT.encode("utf-16"), status=400, has="UTF-8"),
    post("POST form, no UTF-8", FORM, b"query=ASK%7B%7D%23\xff", status=400, has="UTF-8"),
    post("POST an update", "application/sparql-update", "CLEAR ALL", status=403, type=PROBLEM, has="read-only"),
    post("POST an update, as a form", FORM, "update=CLEAR%20ALL", status=403, type=PROBLEM, has="read-only"),
    Case("POST a compressed query", method="POST", body="ASK {}", headers={"Content-Type": DIRECT, "Content-Encoding": "gzip"},
         status=415, type=PROBLEM),
    post("POST a query with a byte order mark", DIRECT, "\ufeffASK {}", accept="application/sparql-results+json"),
    Case("GET an update", [("update", "CLEAR ALL")], status=403, type=PROBLEM, has="read-only"),
    Case("two releases", [*q(SELECT, release="1"), ("release", "2")], status=400, has="more than one release"),
    Case("release 0", q(SELECT, release="0"), status=400, type=PROBLEM, has="is not a release number"),
    *[Case(f"Host: {host}", headers={"Host": host}, accept="text/turtle", status=400, has="is not the name or address")
      for host in ('a"b', "a<b", "[::1", "a\\b", "a{b}", "a%zz", "a/b?c", "x" * 5000)],
    post("POST text", "text/plain", SELECT, status=415, type=PROBLEM, has=re.escape(DIRECT)),
    post("POST of no type, a form", None, urlencode(q(SELECT)), status=415, type=PROBLEM),
    post("POST of no type, a query", None, SELECT, status=415, type=PROBLEM),
    post("POST of an unreadable type", ";;;", SELECT, status=415, type=PROBLEM),
    post("POST multipart", "multipart/form-data; boundary=x", SELECT, status=415, type=PROBLEM),
    post("too large", DIRECT, "x" * 3_100_000, status=413, type=PROBLEM, has="3,030,000 bytes"),
    Case("too large an answer", q(
        "SELECT ?x ?t { { SELECT ?x { BIND('aaaaaaaaaaaaaaaa' AS ?x0) "
            + " ".join(f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(16))
            + " BIND(?x16 AS ?x) } } ?s skos:prefLabel ?t }"), status=422, type=PROBLEM, has="256,000,000 bytes"),
    Case("too slow", q(SLOW, timeout="0.5"), status=504, type=PROBLEM, has=r"0\.5 seconds"),
    Case("too slow for a moment", q(f"{SLOW} # moment", timeout="0.004"), status=504, has=r"after 0\.004 seconds"),
]  # fmt: skip
#: The remaining cases of the W3C's protocol tests for queries, by their names there.
W3C = [
    Case("query_get", q("ASK {}"), accept=f"{JSON}, {XML}", has="true"),
    post("query_post_form", FORM, urlencode(q("ASK {}")), accept=f"{JSON}, {XML}", has="true"),
    post("query_post_direct", DIRECT, "ASK {}", accept=f"{JSON}, {XML}", has="true"),
    post("query_content_type_select", FORM, urlencode(q("SELECT (1 AS ?value) {}")), accept=f"{XML},{JSON},text/tab-separated-values,text/csv", type=JSON),
    post("query_content_type_ask", FORM, urlencode(q("ASK {}")), accept=f"{XML},{JSON}", type=JSON),
    post("query_content_type_describe", FORM, urlencode(q(DESCRIBE)), accept="application/rdf+xml,text/turtle", type=TURTLE),
    post("query_content_type_construct", FORM, urlencode(q("CONSTRUCT { <s> <p> 1 } {}".replace("<", "<http://x/"))),
         accept="application/rdf+xml,text/turtle", type=TURTLE),
    post("query_multiple_dataset", DIRECT, f"ASK FROM <{NOWHERE}> {{ ?p dcterms:title ?t }}", [(DEFAULT, HISTORY)], has="true"),
    Case("bad_query_method", q("ASK {}"), method="PUT", status=405),
    Case("bad_multiple_queries", [*q("ASK {}"), *q("SELECT * {}")], status=400),
    post("bad_query_wrong_media_type", "text/plain", "ASK {}", status=415),
    post("bad_query_missing_form_type", None, "query=ASK%20%7B%7D", status=415),
    post("bad_query_missing_direct_type", None, "ASK {}", status=415),
    post("bad_query_non_utf8", f"{DIRECT}; charset=UTF-16", "ASK {}".encode("utf-16"), status=400),
    Case("bad_query_syntax", q("ASK {"), status=400),
    *[Case(name, pairs, method, headers={"Content-Type": kind}, body=body, status=status) for name, pairs, method, kind, body, status in [
        ("update_post_form", [], "POST", FORM, urlencode({"update": "CLEAR ALL"}), 403),
        ("update_post_direct", [], "POST", "application/sparql-update", "CLEAR ALL", 403),
        ("bad_update_get", [("query", "CLEAR ALL")], "GET", FORM, None, 403),
    ]],
]  # fmt: skip
TABLE = [*WAYS, *DATASETS, *CHOICES, *NAMES, *SERVICE, *OPTIONS, *LASTING, *WRONG, *W3C]


def unsigned(policy: str) -> str:
    """Return a policy without its nonce."""
    return re.sub("'nonce-[^']+'", "", policy)


def check(server: str, case: Case, *, head: bool = True) -> None:
    """Check a case against a server; repeat a GET as HEAD."""
    reply = case.call(server)
    assert reply.status == case.status, reply.body[:500]
    assert not case.type or reply.type == case.type
    assert re.search(case.has, reply.body.decode()), reply.body[:500]
    for name, pattern in case.sent.items():
        assert re.search(pattern, reply.headers.get(name, "")), (name, reply.headers.get(name))
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "Accept" in reply.headers["vary"]
    if reply.type == PROBLEM:
        problem = reply.problem
        assert problem["status"] == case.status
        assert problem["type"] == "about:blank"
        assert problem["title"] == http.client.responses[case.status]
        assert problem["detail"]
        assert problem["instance"] == case.path.partition("?")[0].rstrip("/")
    if head and case.method == "GET" and case.status not in (422, 504):  # slow cases
        alone = case.call(server, "HEAD")
        assert not alone.body
        assert alone.status == reply.status
        assert "content-length" in reply.headers
        policy = "content-security-policy"
        if policy in reply.headers:  # each response has its own nonce
            assert unsigned(alone.headers[policy]) == unsigned(reply.headers[policy])
        other = {
            "date",
            policy,
            *(("content-length",) if case.sent.get("etag") == "^$" else ()),
        }  # the length of RAND() varies
        assert {*alone.headers.items()} ^ {*reply.headers.items()} <= {
            (name, headers[name]) for name in other for headers in (alone.headers, reply.headers) if name in headers
        }
