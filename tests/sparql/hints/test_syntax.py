"""A syntax error has a hint and the position of the mistake."""

from __future__ import annotations

import pytest

from cybilgraph.errors import QuerySyntaxError
from cybilgraph.model.formats import FORMATS
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.hints.syntax import explain_mistake

#: A text with a syntax error, marked by ▸ before its position, and words of the hint.
MISTAKES = [
    ("SELECT ?a { ?a ▸foo:b ?c }", "Undeclared prefix foo:"),
    ("SELECT ?a { ?a ▸cib:country ?c }", "Undeclared prefix cib:. Did you mean cyb:?"),
    ("SELECT ?a { ?a ▸dct:title ?c ; ex:a ?d }", "Undeclared prefixes dct:, ex:. Did you mean dcterms:?"),
    ("SELECT ?a ▸{ ?a ?b ?c", "} is missing"),
    ("SELECT ?a { ?a ?b ?c } ▸}", "no matching opening bracket"),
    ("SELECT ?a { ?a ?b ?c ▸?a ?d ?e }", "A dot (or ; or ,) is missing before ?a."),
    ("SELECT ?a {\n\t?a\t?b ?c\n\t▸?a ?d ?e }", "A dot"),
    ('SELECT ?a {\r\n?a ?b "é😀"\r\n ▸?d ?e ?f }', "A dot"),
    ("SELECT ?a { ?a ?b ?c . ?c ▸= 3 }", "FILTER(?a = ?b)"),
    ("SELECT ?a { ?a ?b ?c . ?c ▸&& ?d }", "FILTER(?a = ?b)"),
    ("SELECT ?a { ?a ?b ?c FILTER ▸?c > 3 }", "FILTER(?a > 1)"),
    ("SELECT ?a { ?a ?b ?c FILTER(?c ▸== 3) }", "a single ="),
    ("SELECT ?a { ?a ?b ?c FILTER(?c > 3 ▸AND ?c < 5) }", "Write &&"),
    ("SELECT ?a▸, ?b { ?a ?b ?c }", "not separated by commas"),
    ("SELECT ▸COUNT(?a) AS ?n { ?a ?b ?c }", "(COUNT(?a) AS ?b)"),
    ("SELECT ▸?a (COUNT(?b) AS ?n) { ?a ?b ?c }", "add GROUP BY ?a"),
    ("SELECT ▸* { ?a ?b ?c } GROUP BY ?a", "Name the columns"),
    ("SELECT ?a { ?a ?b ▸“x” }", "not a quotation mark in SPARQL"),
    ('SELECT ?a { ?a ?b ▸"x }', "not closed"),
    ("PREFIX ▸foo <http://e.org/> SELECT ?a { ?a foo:x ?c }", "PREFIX foo: <...>"),
    ("PREFIX foo: ▸https://e.org/ SELECT ?a { ?a foo:x ?c }", "angle brackets"),
    ("SELECT ?a { ?a ?b ?c } LIMIT 3 ▸ORDER BY ?a", "ORDER must come before LIMIT"),
    ("SELECT ?a { ?a ?b▸\u00a0?c }", "U+00A0"),
    ("SELECT ?a { ?a ?b ?c FILTER(?c > 3)▸) }", "no matching opening bracket"),
    # Inside a FILTER, where the engine reports the brace on the last line
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c > ▸)\n}", "A value is missing before )"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c ▸3)\n}", "An operator or ) is missing before 3"),
    ("SELECT ?a { ?a ?b ?c\n FILTER▸(?c > 3\n}", "This ( is not closed"),
    ('SELECT ?a { ?a ?b ?c\n FILTER(LANG(?c) = "en"▸\n ?a ?d ?e .\n}', "An operator or ) is missing before ?a"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c = 1\n ▸AND ?b = 2)\n}", "Write &&"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(CONTAINS(?c ▸'x'))\n}", "An operator or ) is missing before 'x'"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c ▸=> 3)\n}", "Write >="),
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c ▸<> 3)\n}", "Write !="),
    ("SELECT ?a { ?a ?b ?c\n FILTER(▸NOT ?c)\n}", "write !"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(?c IN ▸1, 2)\n}", "?a IN (1, 2)"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(▸LOWER(?c) = 'x')\n}", "SPARQL has no function LOWER. Did you mean LCASE?"),
    ("SELECT ?a { ?a ?b ?c\n FILTER(▸YEAR ?c = 2018)\n}", "The arguments of YEAR need parentheses"),
    ("SELECT ?a { ?a ?b ?c\n BIND(?c AS ▸d)\n}", "After AS there must be a variable"),
]


@pytest.mark.parametrize(("marked", "words"), MISTAKES, ids=[marked for marked, _ in MISTAKES])
def test_mistakes_have_a_hint_and_a_position(engine: EmbeddedEngine, marked: str, words: str) -> None:
    before, _, after = marked.partition("▸")
    with pytest.raises(QuerySyntaxError) as error:
        engine.answer(before + after, FORMATS)
    assert words in error.value.hint
    last = before.replace("\r\n", "\n").split("\n")[-1]
    assert (error.value.line, error.value.column) == (before.count("\n") + 1, len(last) + 1)
    line, caret = error.value.excerpt.split("\n")
    assert line == last + after.splitlines()[0]
    assert caret.endswith("^")


@pytest.mark.parametrize(
    ("query", "line", "caret"),
    [
        ("SELECT * { ?a\t?b\t1}}", "SELECT * { ?a\t?b\t1}}", "             \t  \t  ^"),
        ('SELECT * { ?a ?b "日本" ?c ?d }', 'SELECT * { ?a ?b "日本" ?c ?d }', " " * 24 + "^"),
        (f'SELECT * {{ ?a ?b "{"x" * 300}" ?c ?d }}', f'…{"x" * 58}" ?c ?d }}', " " * 61 + "^"),
        (f"SELECT * {{ ?a ?b ?c;?d ?e . {'#' * 300}", f"SELECT * {{ ?a ?b ?c;?d ?e . {'#' * 41}…", " " * 9 + "^"),
    ],
)
def test_caret_is_under_the_position(query: str, line: str, caret: str) -> None:
    mistake = explain_mistake(query, "error at 1:1: expected OPTIONAL")
    assert mistake.excerpt.split("\n") == [line, caret]


@pytest.mark.parametrize("host", ["[a", "a]b"])
def test_iri_that_cannot_be_resolved_is_a_mistake(engine: EmbeddedEngine, host: str) -> None:
    before = engine.restarts
    with pytest.raises(QuerySyntaxError):
        engine.answer(f"BASE <http://example.org/> SELECT * {{ <//{host}> ?p ?o }}", FORMATS)
    assert engine.restarts == before
