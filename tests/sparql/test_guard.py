"""Queries that the guard accepts and rejects."""

from __future__ import annotations

import pytest

from cybilgraph.errors import QueryRefused, QuerySyntaxError
from cybilgraph.sparql import guard


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p ?o }",
        "# INSERT\nPREFIX x: <http://SERVICE> ASK { ?service x:service 'SERVICE <x>' }",
        'SELECT ?insert { ?insert a "LOAD" ; <SERVICE> """a "SERVICE" b""" }',
        "BASE <http://x/> DESCRIBE <y>",
        "CONSTRUCT WHERE { ?s ex:service ?o }",
        "SELECT (COUNT(*) AS ?n) { ?s ?p ?o FILTER(?a<3&&?b>4) }",
        'SELECT * { BIND("\\u0022 service \\u0022" AS ?x) }',
        "SELECT ?a·service { BIND(1 AS ?a·service) }",
        "SELECT ?a\u0301service { BIND(1 AS ?a\u0301service) }",
        "PREFIX e: <urn:> SELECT * { VALUES ?x { " + "e:a\\( " * 120 + "} }",
        "SELECT * { VALUES ?x { " + "1000 " * 6000 + "} }",
        "PREFIX e: <urn:e#> SELECT * { ?a e:service\\-b ?c ; e:a.b ?d ; e:%20service ?e }",
        "SELECT * { ?s ?p 'x'@en-service }\r\n",
    ],
)
def test_guard_accepts_queries(query: str) -> None:
    guard.guard(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://x> { ?s ?p ?o } }",
        "select*{service<http://x>{}}",
        "SELECT * { SeRvIcE SILENT ?x { } }",
        "SELECT * { \\u0053ERVICE <http://x> {} }",
        "SELECT * { \\U00000053ERVICE <http://x> {} }",
        "SELECT * { #\nSERVICE <http://x> {} }",
        "SELECT * { 'a' \"b\" SERVICE <http://x> {} }",
        "SELECT * { FILTER(?a<?b)SERVICE<http://x>{} }",
        "SELECT * { FILTER(1<2)SERVICE#>\n<http://x>{?s ?p ?o} }",
        "PREFIX ex: <http://e/> SELECT * { OPTIONAL{?a ex:a\\#b ?o} SERVICE <http://x> {?x ?y ?z}\n }",
        "PREFIX ex: <http://e/> SELECT * { OPTIONAL{?a ex:a\\'b ?o} SERVICE <http://x> {} BIND('' AS ?q) }",
        'SELECT * { BIND("\\u0022" AS ?x) SERVICE <http://x> {?s ?p ?o} BIND("" AS ?y) }',
        "PREFIX ex: <http://e/> SELECT * { ?s ?p ex:.SERVICE <http://x> {} }",
        "SELECT * { ?s ?p trueSERVICE <http://x> {} }",
        "SELECT * { ?s ?p 1e5SERVICE <http://x> {} }",
        "INSERT DATA { <a> <b> <c> }",
        "PREFIX x: <y> DELETE WHERE { ?s ?p ?o }",
        "LOAD <http://x>",
        "CLEAR ALL",
        "WITH <g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    ],
)
def test_guard_rejects_updates_and_services(query: str) -> None:
    with pytest.raises(QueryRefused) as error:
        guard.guard(query)
    assert error.value.hint


@pytest.mark.parametrize(
    "query", ["", "  # nothing", "hello", "SELECT " + "(" * 200, "SELECT " + "a " * 30_000, "SELECT " + "x" * 1_200_000]
)
def test_guard_rejects_text_that_is_not_a_query(query: str) -> None:
    with pytest.raises(QuerySyntaxError):
        guard.guard(query)


def test_limits_are_named() -> None:
    for query in ("SELECT " + "a " * 30_000, "SELECT " + "(" * 200):
        with pytest.raises(QuerySyntaxError, match="more than 30,000 names, values and signs, or 100 nested brackets"):
            guard.guard(query)


def test_length_is_checked_first() -> None:
    for query in ("a" * (guard.MAX_QUERY_BYTES + 1), "é" * (guard.MAX_QUERY_BYTES // 2 + 1), '"' * 10_000_000):
        with pytest.raises(QuerySyntaxError, match="longer than"):
            guard.guard(query)
    guard.check_length("é" * (guard.MAX_QUERY_BYTES // 2))
