"""Values that the release spells differently have a hint."""

from __future__ import annotations

import pytest

from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.facts import Facts
from tests.support.hints import JSON

#: The pattern of a SELECT *, and words of its only hint; empty if there is none.
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
    ('?p cyb:start ?d FILTER(?d >= "2018-01-01"^^xsd:date)', "YEAR(?d) with 2018"),
    ('?p cyb:start ?d FILTER(?d >= "2018")', 'STR(?d) with "2018"'),
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
