"""Hints: each cause has its own message, and a query without fault gets none."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import QuerySyntaxError
from cybilgraph.model.resources import QUERIES
from cybilgraph.sparql import queries
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.syntax import explain_mistake


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.rq")), ids=lambda path: path.stem)
def test_published_queries_get_no_hints(facts_of_everything: Facts, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert find_hints(text, facts=facts_of_everything) == find_hints(text) == ()


def test_without_facts_only_general_hints_are_given() -> None:
    assert not find_hints('SELECT * { ?p cyb:accountable actor:anybody-else ; dcterms:title "x" . project:X a ?y }')
    assert "cyb:implementer" in find_hints("SELECT * { ?p cyb:implementor ?a }")[0].text


@pytest.mark.timeout(180)
def test_large_query_is_examined_quickly(facts: Facts) -> None:
    many = " ".join(f'?p dcterms:title "Nothing {n}" . ?q{n} cyb:implementer{n} ?r{n} .' for n in range(2000))
    assert len(find_hints(f"SELECT * {{ {many} }}", facts=facts)) == 5


#: As long as a query may become, or with as many names as hints consider; each is a worst case of one step.
LARGE = [
    f"BASE <http://a/{250_000 * 'b/'}>" + 10_000 * "PREFIX a:<a>" + "SELECT * {{ ?a ?b ?c }}",
    f"SELECT * {{ VALUES ?x {{ {'<https://e.org/id/abcdefghijkl> ' * 31_000} }} ?x a ?y }}",
    f"SELECT ?x {{ ?x a <http://e.org/{'x' * 1_000_000}> }}",
    f"SELECT ?x {{ ?x cyb:country country:{'x' * 1_000_000} }}",
    f"SELECT ?x {{ ?x a ?y FILTER({'x' * 1_000_000}(1)) }}",
    'SELECT ?x { "' + '\\"' * 500_000,
    "SELECT " + "?x " * 300_000 + "{ ?x a ?y }",
    "SELECT * { " + " ".join(f"OPTIONAL {{ ?p{n} cyb:none{n} ?x{n} }}" for n in range(2_400)) + " }",
    f"SELECT * {{ VALUES ?x {{ {' '.join(f'country:None{n}' for n in range(19_000))} }} OPTIONAL {{ ?p ?q ?x }} }}",
    "SELECT * { ?p dcterms:title ?x FILTER(" + " || ".join(f"?x = 'none {n}'" for n in range(3_900)) + ") }",
    f"SELECT * {{ {' '.join(f'?p{n} a cyb:Actor ; cyb:start ?d{n} .' for n in range(2_800))} }}",
    "SELECT * " + "{ { " * 47 + "?a cyb:funder ?b . " * 4_000 + "} UNION { ?q a ?r } }" * 47,
    "SELECT * { FILTER(" + "(" * 9_000 + "1" + ")" * 9_000 + ") }",
    "SELECT * { " + "[ ?a " * 9_000,
]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("query", LARGE, ids=[query[:40] for query in LARGE])
def test_hints_for_large_queries_are_bounded(facts: Facts, query: str) -> None:
    """Any step that takes more than linear time would exceed the time limit of the test."""
    hints = find_hints(query, ("empty", "slow", "partial"), facts)
    assert len(hints) <= 5
    assert all(len(hint.text) < 500 for hint in hints)
    mistake = explain_mistake(query, "error at 1:1: expected OPTIONAL")
    assert mistake.line == 1
    assert len(mistake.hint) + len(mistake.excerpt) < 1_000


@pytest.mark.timeout(180)
def test_explain_does_not_run_the_query(engine: EmbeddedEngine) -> None:
    hints = engine.explain("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c = ?f && ?i = ?a) } ORDER BY ?a")
    assert "share no variable" in hints[0].text
    assert engine.explain(queries.load_query("example-projects-in-country").text) == ()
    with pytest.raises(QuerySyntaxError):
        engine.explain("SELECT * { ?a ?b ")
