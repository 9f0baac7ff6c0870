"""Hints: each cause has its own message, and a query without fault gets none."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.errors import QuerySyntaxError, QueryTimeout
from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS
from cybilgraph.model.resources import QUERIES
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.release import Release
from cybilgraph.sparql import queries
from cybilgraph.sparql.embedded import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.syntax import explain_mistake

JSON = (BY_NAME["json"],)


@pytest.fixture(scope="module")
def facts(release: Release) -> Facts:
    return Facts(ox.Store.read_only(str(release.store)))


#: The pattern of a SELECT *, and words of its only hint; empty if there is none.
EMPTY = [
    ("?p cyb:implementor ?a", "has cyb:implementor. Did you mean cyb:implementer?"),
    ("?p dcterms:titel ?t", "Did you mean dcterms:title?"),
    ("?p cyb:Country ?c", "Did you mean cyb:country?"),
    ("?p cyb:scope / cyb:concpt ?c", "Did you mean cyb:concept?"),
    ("OPTIONAL { ?p cyb:implementor ?a }", "Did you mean cyb:implementer?"),
    ("?p <http://purl.org/dc/elements/1.1/title> ?t", "Did you mean dcterms:title?"),
    ("?p cyb:accountable ?a", "Nothing in this release has cyb:accountable."),
    ("OPTIONAL { ?p cyb:accountable ?a }", ""),
    ("?p cyb:funder | cyb:accountable ?a", ""),
    ("?p cyb:accountable* ?a", ""),
    ("?p a cyb:Projekt", "is a cyb:Projekt. Did you mean cyb:Project?"),
    ("?c a cyb:country", "Did you mean cyb:Country?"),
    ("?p cyb:country country:BLZ", "country:BZ (Belize)"),
    ("?p cyb:country country:Kenya", "country:KE (Kenya)"),
    ("?p cyb:country actor:belize", "country:BZ (Belize)"),
    ("VALUES ?c { country:BLZ } ?p cyb:country ?c", "country:BZ (Belize)"),
    ("?p cyb:country ?c FILTER(?c = country:BLZ)", "country:BZ (Belize)"),
    ("?p cyb:implementer actor:OAS", "actor:oas (Organization of American States)"),
    ("?p cyb:implementer actor:council-of-europ", "actor:coe (Council of Europe)"),
    ("?p cyb:status status:Finished", "status:finished"),
    ("project:g0020 dcterms:title ?t", "project:G0020"),
    ("project:G9999 dcterms:title ?t", "There is no project:G9999 in this release."),
    ("<http://w3id.org/cybilgraph/id/country/BZ> skos:prefLabel ?n", "country:BZ"),
    (
        "?p a cyb:Project ; cyb:country country:FR",
        "No statement in this release matches { ?p cyb:country country:FR }.",
    ),
    ('?c skos:prefLabel "Belize"', 'Did you mean "Belize"@en?'),
    ('?c skos:prefLabel "Belize"@en-GB', 'Did you mean "Belize"@en?'),
    ('?c skos:prefLabel ?n FILTER(?n = "Belize")', 'Did you mean "Belize"@en?'),
    ('?c skos:prefLabel ?n FILTER("Belize" = ?n)', 'Did you mean "Belize"@en?'),
    ('?c skos:prefLabel ?n FILTER(STR(?n) = "Belize")', ""),
    ('?c skos:prefLabel ?n FILTER(?n < "Belize")', "STR(?n)"),
    ('?c skos:prefLabel ?n FILTER(LANG(?n) = "en-GB")', 'Available: "en", "es", "fr".'),
    ('?c skos:prefLabel ?n FILTER(LANG(?n) = "fr")', ""),
    ('?c skos:prefLabel ?n FILTER(LANGMATCHES(LANG(?n), "de"))', 'Available: "en", "es", "fr".'),
    ('?c skos:prefLabel ?n FILTER(langMatches(lang(?n), "EN"))', ""),
    ('?c skos:prefLabel ?n FILTER(LANGMATCHES(LANG(?n), "*"))', ""),
    ('VALUES ?n { "Belize" } ?c skos:prefLabel ?n', 'Did you mean "Belize"@en?'),
    ('?c skos:prefLabel "Guin\\u00e9e"@fr', ""),
    ('?c skos:notation "bz"', 'Did you mean "BZ"?'),
    ('?p cyb:country "Belize"', "are IRIs, not strings. Did you mean country:BZ?"),
    ('?p cyb:status ?s FILTER(?s = "Finished")', "Did you mean status:finished?"),
    ('?p cyb:start "2018-04"', '"2018-04"^^xsd:gYearMonth'),
    ('?p cyb:start "2018-04-01"^^xsd:date', "xsd:gYearMonth"),
    ('?p cyb:start ?d FILTER(?d >= "2018-01-01"^^xsd:date)', "YEAR(?d) with 2018"),
    ('?p cyb:start ?d FILTER(?d >= "2018")', 'STR(?d) with "2018"'),
    ("?p cyb:start ?d FILTER(?d >= 2018)", "YEAR(?d) with 2018"),
    ("?p cyb:start ?d FILTER(YEAR(?d) >= 2018)", ""),
    ("GRAPH ?g { ?p cyb:country country:BZ }", "The current data is in the default graph."),
]
SLOW = [
    ("?p a cyb:Project OPTIONAL { ?p cyb:start ?s } ?p cyb:country country:BZ", "comes after an OPTIONAL"),
    ("?p a cyb:Project ; cyb:country country:BZ OPTIONAL { ?p cyb:start ?s }", ""),
    ("?p a cyb:Project . ?c a cyb:Country", "{ ?p a cyb:Project } and { ?c a cyb:Country } share no variable"),
    ("?p cyb:country ?c . ?c skos:prefLabel ?n . ?q cyb:status ?s FILTER(?p != ?q)", "share no variable"),
    ("?p a cyb:Project OPTIONAL { ?q cyb:status ?s }", "share no variable"),
    ("?p a cyb:Project . country:BZ skos:prefLabel ?n", ""),
    ('VALUES ?w { "a" "b" } ?p dcterms:title ?t ; a cyb:Project FILTER(CONTAINS(?t, ?w))', ""),
    ("{ ?p a cyb:Project } UNION { ?c a cyb:Country }", ""),
    ("?p a cyb:Project FILTER NOT EXISTS { ?q cyb:follows ?p . ?x cyb:end ?e }", ""),
    ('?s ?p ?o FILTER(CONTAINS(LCASE(STR(?o)), "cyber"))', "reads every value in the data"),
    ('?s dcterms:title ?o FILTER REGEX(?o, "cyber")', "reads every dcterms:title"),
    ('?s dcterms:title ?o ; cyb:country country:BZ FILTER REGEX(?o, "cyber")', ""),
    ('?s cyb:country country:BZ OPTIONAL { ?s dcterms:title ?o FILTER REGEX(?o, "cyber") }', ""),
    ("?a skos:broader* ?b", "Both ends of the path"),
    ("?a cyb:follows+ ?b", "Both ends of the path"),
    ("?a skos:broader* ?b . ?a a cyb:Region", ""),
    ("country:BZ skos:broader* ?b", ""),
    ("{ SELECT ?p { ?p a cyb:Project } ORDER BY ?p }", "has no effect"),
    ("{ SELECT ?p { ?p a cyb:Project } ORDER BY ?p LIMIT 3 }", ""),
]


@pytest.mark.parametrize(("pattern", "words"), EMPTY, ids=[pattern for pattern, _ in EMPTY])
def test_hint_for_an_empty_answer(facts: Facts, pattern: str, words: str) -> None:
    hints = find_hints(f"SELECT * {{\n {pattern} }}", ("empty",), facts)
    assert [words in hint.text for hint in hints] == [True] * bool(words), hints
    assert all(hint.kind == "empty" and hint.line in (1, 2) for hint in hints)


@pytest.mark.parametrize(("pattern", "words"), SLOW, ids=[pattern for pattern, _ in SLOW])
def test_hint_for_a_slow_query(pattern: str, words: str) -> None:
    hints = find_hints(f"SELECT * {{\n {pattern} }}", ("slow",))
    assert [words in hint.text for hint in hints] == [True] * bool(words), hints
    assert all(hint.kind == "slow" and hint.line == 2 for hint in hints)


def test_redeclared_and_misspelled_prefixes_are_reported(facts: Facts) -> None:
    query = "SELECT * { ?a schema:url ?b ; dcterms:title ?c }"
    [hints] = find_hints(f"PREFIX schema: <http://schema.org/>\n{query}", facts=facts, why=("empty",))
    assert "The namespace of schema: is <https://schema.org/>" in hints.text
    assert hints.line == 2
    hints = find_hints(f"PREFIX dcterms: <http://purl.org/dc/elements/1.1/> {query}", ("empty",), facts)[0]
    assert "but this data uses <http://purl.org/dc/terms/>" in hints.text
    assert not find_hints(f"PREFIX c: <{PREFIXES['cyb']}> SELECT * {{ ?p c:country ?x }}", facts=facts)


def test_missing_graphs_are_reported(facts: Facts) -> None:
    there, other = facts.graphs()[0], "https://example.org/graph"
    pattern = "{ ?p cyb:country country:BZ }"
    nearly, missing = f"There is no graph <{there}0> in this release. Did you mean <", f"There is no graph <{other}> in"
    for query, chosen, words in (
        (f"SELECT * FROM <{there}0> {pattern}", (), nearly),
        (f"SELECT * FROM NAMED <{other}> {{ GRAPH ?g {pattern} }}", (), missing),
        (f"SELECT * {{ GRAPH <{other}> {pattern} }}", (), missing),
        (f"SELECT * {{ OPTIONAL {{ GRAPH <{other}> {pattern} }} }}", (), ""),
        (f"SELECT * {pattern}", (other,), missing),
        (f"SELECT * FROM <{other}> {pattern}", (there,), ""),
        (f"SELECT * FROM <{there}> {pattern}", (), ""),
    ):
        hints = [hint.text for hint in find_hints(query, ("empty",), facts, chosen)]
        found = [text for text in hints if text.startswith("There is no graph")]
        assert [words in text for text in found] == [True] * bool(words), (query, hints)
    assert not any(
        "There is no graph" in text for _, text, _ in find_hints(f"SELECT * FROM <{other}> {pattern}", ("empty",))
    )


def test_sorting_the_whole_graph_is_reported() -> None:
    [hints] = find_hints("SELECT * { ?s ?p ?o } ORDER BY ?s")
    assert "sorts the whole graph" in hints.text
    assert not find_hints("SELECT * { ?s ?p ?o } ORDER BY ?s LIMIT 10")


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.rq")), ids=lambda path: path.stem)
def test_published_queries_get_no_hints(facts: Facts, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert find_hints(text, facts=facts) == find_hints(text) == ()


def test_without_facts_only_general_hints_are_given() -> None:
    assert not find_hints('SELECT * { ?p cyb:accountable actor:anybody-else ; dcterms:title "x" . project:X a ?y }')
    assert "cyb:implementer" in find_hints("SELECT * { ?p cyb:implementor ?a }")[0].text


def test_unparsable_query_gets_no_hints() -> None:
    for query in ("", "SELECT", "SELECT * {", "SELECT * { ?a ?b }", "x" * 1000, "SELECT * " + "{" * 5000):
        with pytest.raises(Unreadable):
            parse_outline(query)
        assert find_hints(query) == ()


@pytest.mark.timeout(60)
def test_large_query_is_examined_quickly(facts: Facts) -> None:
    many = " ".join(f'?p dcterms:title "Nothing {n}" . ?q{n} cyb:implementer{n} ?r{n} .' for n in range(2000))
    assert len(find_hints(f"SELECT * {{ {many} }}", facts=facts)) == 5


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


# syntax

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
        ("SELECT * { ?a\t?b\t}}", "SELECT * { ?a\t?b\t}}", "             \t  \t ^"),
        ('SELECT * { ?a ?b "日本" ?c ?d }', 'SELECT * { ?a ?b "日本" ?c ?d }', " " * 24 + "^"),
        (f'SELECT * {{ ?a ?b "{"x" * 300}" ?c ?d }}', f'…{"x" * 58}" ?c ?d }}', " " * 61 + "^"),
        (f"SELECT * {{ ?a ?b ?c ?d ?e . {'#' * 300}", f"SELECT * {{ ?a ?b ?c ?d ?e . {'#' * 41}…", " " * 9 + "^"),
    ],
)
def test_caret_is_under_the_position(query: str, line: str, caret: str) -> None:
    mistake = explain_mistake(query, "error at 1:1: expected OPTIONAL")
    assert mistake.excerpt.split("\n") == [line, caret]


# when hints are given


@pytest.mark.parametrize("name", [fmt.name for fmt in FORMATS])
def test_empty_answer_has_a_hint_in_every_format(engine: EmbeddedEngine, name: str) -> None:
    fmt = BY_NAME[name]
    form = "CONSTRUCT { ?p cyb:country ?c }" if fmt.carries_graph else "SELECT *"
    [hints] = engine.answer(f"{form} {{ ?p cyb:country ?c, country:BLZ }}", (fmt,)).hints
    assert "country:BZ" in hints.text
    assert not engine.answer(f"{form} {{ ?p cyb:country ?c }}", (fmt,)).hints


@pytest.mark.parametrize("name", [fmt.name for fmt in RESULT_FORMATS])
def test_zero_count_and_false_are_empty_answers(engine: EmbeddedEngine, name: str) -> None:
    fmt = (BY_NAME[name],)
    assert engine.answer("SELECT (COUNT(?p) AS ?n) { ?p cyb:country country:BLZ }", fmt).hints
    assert engine.answer("ASK { ?p cyb:country country:BLZ }", fmt).hints
    assert not engine.answer("SELECT (COUNT(?p) AS ?n) { ?p cyb:country country:BZ }", fmt).hints
    assert not engine.answer("ASK { ?p cyb:country country:BZ . OPTIONAL { ?p cyb:implementor ?q } }", fmt).hints


def test_timeout_has_a_hint(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=1, workers=1))
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
    with pytest.raises(QueryTimeout) as error:
        engine.answer(query, JSON)
    assert "share no variable" in error.value.hints[0].text
    engine.close()


def test_slow_answer_has_a_hint(engine: EmbeddedEngine) -> None:
    """Comparing the hashes of a million pairs takes seconds on any machine."""
    pairs = "?a skos:prefLabel ?c . ?d skos:prefLabel ?f FILTER(SHA512(STR(?c)) != SHA512(STR(?f)))"
    answer = engine.answer(f"SELECT (COUNT(*) AS ?n) {{ {pairs} }}", JSON)
    assert [hint.kind for hint in answer.hints] == ["slow"]


@pytest.mark.timeout(60)
def test_explain_does_not_run_the_query(engine: EmbeddedEngine) -> None:
    hints = engine.explain("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c = ?f && ?i = ?a) } ORDER BY ?a")
    assert "share no variable" in hints[0].text
    assert engine.explain(queries.load_query("example-projects-in-country").text) == ()
    with pytest.raises(QuerySyntaxError):
        engine.explain("SELECT * { ?a ?b ")


DATED = [
    ('?p cyb:start ?d FILTER(?d > "2000-01-01"^^xsd:date)', "YEAR(?d) with 2000"),
    ('?p cyb:start ?d FILTER("2030-01"^^<http://www.w3.org/2001/XMLSchema#gYearMonth> >= ?d)', "YEAR(?d) with 2030"),
    ('?p cyb:start ?d FILTER(STR(?d) > "2000" && "2001-01-01"^^xsd:date != "2002-01-01"^^xsd:date)', ""),
    ("?p cyb:start ?d FILTER(YEAR(?d) > 2000)", ""),
]


@pytest.mark.parametrize(("pattern", "words"), DATED, ids=[pattern for pattern, _ in DATED])
def test_dates_of_other_datatypes_give_a_partial_hint(engine: EmbeddedEngine, pattern: str, words: str) -> None:
    answer = engine.answer(f"SELECT * {{ {pattern} }}", JSON)
    assert answer.rows
    assert [(hint.kind, words in hint.text) for hint in answer.hints] == [("partial", True)] * bool(words)
    count = engine.answer(f"SELECT (COUNT(?p) AS ?n) {{ {pattern} }}", JSON)
    assert count.hints == answer.hints
