"""Each cause of a slow query has its own hint."""

from __future__ import annotations

import pytest

from cybilgraph.errors import QueryTimeout
from cybilgraph.release import Release
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.hints import find_hints
from tests.support.hints import JSON

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


@pytest.mark.parametrize(("pattern", "words"), SLOW, ids=[pattern for pattern, _ in SLOW])
def test_hint_for_a_slow_query(pattern: str, words: str) -> None:
    hints = find_hints(f"SELECT * {{\n {pattern} }}", ("slow",))
    assert [words in hint.text for hint in hints] == [True] * bool(words), hints
    assert all(hint.kind == "slow" and hint.line == 2 for hint in hints)


def test_sorting_the_whole_graph_is_reported() -> None:
    [hints] = find_hints("SELECT * { ?s ?p ?o } ORDER BY ?s")
    assert "sorts the whole graph" in hints.text
    assert not find_hints("SELECT * { ?s ?p ?o } ORDER BY ?s LIMIT 10")


@pytest.mark.slow
def test_timeout_has_a_hint(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=1, workers=1))
    query = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
    with pytest.raises(QueryTimeout) as error:
        engine.answer(query, JSON)
    assert error.value.hints[0].text == engine.explain(query)[0].text == error.value.hint
    assert "share no variable" in error.value.hint
    engine.close()


@pytest.mark.slow
def test_slow_answer_has_a_hint(engine: EmbeddedEngine) -> None:
    """Comparing the hashes of a million pairs takes seconds on any machine."""
    labels = "{{ SELECT {0} {{ ?a skos:prefLabel {0} }} LIMIT 1000 }}"
    pairs = f"{labels.format('?c')} {labels.format('?f')} FILTER(SHA512(STR(?c)) != SHA512(STR(?f)))"
    answer = engine.answer(f"SELECT (COUNT(*) AS ?n) {{ {pairs} }}", JSON)
    assert [hint.kind for hint in answer.hints] == ["slow"]
