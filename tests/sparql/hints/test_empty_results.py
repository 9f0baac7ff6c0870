"""Each cause of an empty answer has its own hint."""

from __future__ import annotations

import pytest

from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.facts import Facts
from tests.support.hints import JSON

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
    (
        "?c a cyb:Claim",
        "VALUES ?class { cyb:Participation cyb:Scope cyb:Dating } ?x a ?class",
    ),
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
    ("?p cyb:fundedBy ?a", "has cyb:fundedBy. Did you mean cyb:funder?"),
    ("?p cyb:hasCountry ?c", "Did you mean cyb:country?"),
    ("?p cyb:startDate ?d", "Did you mean cyb:start?"),
    ("{ ?p cyb:accountable ?a } UNION { ?p cyb:status ?a }", ""),
    ("?p a cyb:Participation ; cyb:line ?x", "has cyb:line. Did you mean cyb:evidence/cyb:line?"),
    ("?p cyb:participation ?a . ?a cyb:line ?x", "Did you mean cyb:evidence/cyb:line?"),
    (
        "?a a cyb:Actor ; dcterms:title ?n",
        "No cyb:Actor in this release has dcterms:title. Did you mean skos:prefLabel?",
    ),
    ("?p cyb:funder ?a OPTIONAL { ?a dcterms:title ?n }", "Did you mean skos:prefLabel?"),
    ("?p cyb:funder/dcterms:title ?n", "No cyb:Actor in this release has dcterms:title. Did you mean skos:prefLabel?"),
    ("?p cyb:participation/cyb:line ?x", "has cyb:line. Did you mean cyb:evidence/cyb:line?"),
    ("?p cyb:funder [ dcterms:title ?n ]", "Did you mean skos:prefLabel?"),
    *((f"?p cyb:{link}/rdfs:label ?n", "") for link in ("funder", "country", "theme", "status")),
    ("?p a cyb:Project ; rdfs:label ?n", ""),
    ("?p cyb:participation/cyb:role/rdfs:label ?n", ""),
    ("?p cyb:funder/skos:prefLabel ?n", ""),
    ("?p ^cyb:funder/dcterms:title ?n", ""),
    ("?a a cyb:Actor ; cyb:start ?d", "No cyb:Actor in this release has cyb:start. Properties of this class include "),
    ("?a a cyb:Actor OPTIONAL { ?a cyb:start ?d }", ""),
    ("?a a cyb:Actor ; skos:prefLabel ?n", ""),
    ("?p dcterms:title ?title FILTER(CONTAINS(?titel, 'x'))", "?titel is never bound"),
    ("GRAPH ?g { ?p cyb:country country:BZ }", "The current data are in the default graph."),
]


@pytest.mark.parametrize(("pattern", "words"), EMPTY, ids=[pattern for pattern, _ in EMPTY])
def test_hint_for_an_empty_answer(facts: Facts, pattern: str, words: str) -> None:
    hints = find_hints(f"SELECT * {{\n {pattern} }}", ("empty",), facts)
    assert [words in hint.text for hint in hints] == [True] * bool(words), hints
    assert all(hint.kind == "empty" and hint.line in (1, 2) for hint in hints)


def test_redeclared_and_misspelled_prefixes_are_reported(facts: Facts) -> None:
    query = "SELECT * { ?a schema:url ?b ; dcterms:title ?c }"
    [hints] = find_hints(f"PREFIX schema: <http://schema.org/>\n{query}", facts=facts, why=("empty",))
    assert "The namespace of schema: is <https://schema.org/>" in hints.text
    assert hints.line == 2
    hints = find_hints(f"PREFIX dcterms: <http://purl.org/dc/elements/1.1/> {query}", ("empty",), facts)[0]
    assert "but this dataset uses <http://purl.org/dc/terms/>" in hints.text
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


UNBOUND = [
    (
        "SELECT ?p ?titel { ?p dcterms:title ?title }",
        "?titel is never bound: no pattern gives it a value. Did you mean ?title?",
    ),
    ("SELECT ?p (STR(?titel) AS ?t) { ?p dcterms:title ?title }", "Did you mean ?title?"),
    ("SELECT ?title { ?p dcterms:title ?title }", ""),
    ("SELECT ?t { ?p dcterms:title ?title BIND(STR(?title) AS ?t) }", ""),
    ("SELECT ?n (STR(?n) AS ?t) { ?p dcterms:title ?title } GROUP BY (STR(?title) AS ?n)", ""),
    ("SELECT ?p ?n { ?p dcterms:title ?title } VALUES ?n { 1 }", ""),
    ("SELECT ?p { ?p dcterms:title ?title } ORDER BY ?titel", "?titel is never bound"),
    ("SELECT ?p ?titel { ?p dcterms:title ?title } ORDER BY ?titel", "?titel is never bound"),
    ("SELECT ?p (COUNT(?title) AS ?n) { ?p dcterms:title ?title } GROUP BY ?p ORDER BY ?n", ""),
    ("SELECT ?p ?f { ?p a cyb:Project FILTER EXISTS { ?p cyb:funder ?f } }", "?f is never bound"),
    ("SELECT ?p ?f { ?p a cyb:Project MINUS { ?p cyb:funder ?f } }", "?f is never bound"),
    ("SELECT ?p ?f { ?p cyb:funder ?f FILTER NOT EXISTS { ?p cyb:implementer ?f } }", ""),
]


@pytest.mark.parametrize(("query", "words"), UNBOUND, ids=[query for query, _ in UNBOUND])
def test_unbound_variable_is_reported_with_the_answer(engine: EmbeddedEngine, query: str, words: str) -> None:
    answer = engine.answer(query, JSON)
    assert [(hint.kind, words in hint.text) for hint in answer.hints] == [("partial", True)] * bool(words)
    explained = [hint.text for hint in engine.explain(query) if "never bound" in hint.text]
    assert explained == [hint.text for hint in answer.hints]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("?p cyb:fundedBy ?a", "has cyb:fundedBy. Did you mean cyb:funder?"),
        ("?p skos:prefLabel ?a", "No cyb:Project in this release has skos:prefLabel. Did you mean dcterms:title?"),
        ("?p rdfs:label ?a", ""),
        ("?p cyb:accountable ?a", ""),
        ("?p cyb:funder ?a", ""),
    ],
)
def test_column_without_values_is_explained_with_the_answer(engine: EmbeddedEngine, pattern: str, words: str) -> None:
    answer = engine.answer(f"SELECT ?p ?a {{ ?p a cyb:Project OPTIONAL {{ {pattern} }} }}", JSON)
    assert [(hint.kind, words in hint.text) for hint in answer.hints] == [("partial", True)] * bool(words)


@pytest.mark.parametrize(
    "query",
    [
        "CONSTRUCT { ?p cyb:aim ?titel } { ?p dcterms:title ?title }",
        "SELECT ?p ?titel { { SELECT ?p { ?p dcterms:title ?titel } } }",
    ],
)
def test_explain_reports_unbound_variables_of_templates_and_subqueries(engine: EmbeddedEngine, query: str) -> None:
    [hint] = engine.explain(query)
    assert "?titel is never bound" in hint.text


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


#: The same for values that the release spells differently.
VALUES = [
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
    ('?p cyb:start ?d FILTER(?d >= "2018-01-01"^^xsd:date)', "cyb:startEarliest or cyb:startLatest"),
    ('?p cyb:start ?d FILTER(?d >= "2018")', "YEAR(?d) with 2018"),
    ("?p cyb:start ?d FILTER(?d >= 2018)", "YEAR(?d) with 2018"),
    ("?p cyb:start ?d FILTER(YEAR(?d) >= 2018)", ""),
]


@pytest.mark.parametrize(("pattern", "words"), VALUES, ids=[pattern for pattern, _ in VALUES])
def test_hint_for_a_value_that_the_release_spells_differently(facts: Facts, pattern: str, words: str) -> None:
    hints = find_hints(f"SELECT * {{\n {pattern} }}", ("empty",), facts)
    assert [words in hint.text for hint in hints] == [True] * bool(words), hints
    assert all(hint.kind == "empty" and hint.line in (1, 2) for hint in hints)


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
