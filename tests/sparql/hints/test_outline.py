"""The parser of outlines accepts queries, and rejects other text without crashing."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.syntax import explain_mistake


def test_unparsable_query_gets_no_hints() -> None:
    for query in ("", "SELECT", "SELECT * {", "SELECT * { ?a ?b }", "x" * 1000, "SELECT * " + "{" * 5000):
        with pytest.raises(Unreadable):
            parse_outline(query)
        assert find_hints(query) == ()


PIECES = [
    "SELECT",
    "ASK",
    "CONSTRUCT",
    "DESCRIBE",
    "WHERE",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ".",
    ";",
    ",",
    "*",
    "+",
    "?",
    "^",
    "|",
    "!",
    "/",
    "=",
    "<",
    ">",
    "&&",
    "||",
    "a",
    "?a",
    "$b",
    "_:c",
    "cyb:aim",
    "foo:x",
    ":x",
    "<x>",
    "<http://e.org/x>",
    "'x'",
    '"x"@en',
    '"x"^^xsd:date',
    '"\\u00e9"',
    '"\\uD800"',
    "@en",
    "^^",
    "1",
    "-2",
    "1e3",
    "true",
    "OPTIONAL",
    "UNION",
    "MINUS",
    "FILTER",
    "NOT",
    "EXISTS",
    "BIND",
    "AS",
    "VALUES",
    "UNDEF",
    "GRAPH",
    "SERVICE",
    "SILENT",
    "FROM",
    "NAMED",
    "PREFIX",
    "BASE",
    "GROUP",
    "BY",
    "HAVING",
    "ORDER",
    "LIMIT",
    "COUNT",
    "(",
    "#",
    "“",
    "é",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["", "SELECT * { ", "ASK { ?a ?b ?c . "]))
def test_parser_accepts_any_text_without_crashing(facts: Facts, pieces: list[str], before: str) -> None:
    query = before + " ".join(pieces)
    try:
        parse_outline(query)
    except Unreadable as place:
        assert 0 <= place.start <= len(query)
    mistake = explain_mistake(query, "error at 1:1: expected OPTIONAL")
    assert mistake.line >= 1
    try:
        ox.Store().query(query, prefixes=PREFIXES)
    except (SyntaxError, ValueError):
        return
    find_hints(query, facts=facts)
