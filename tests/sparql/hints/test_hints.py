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


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.rq")), ids=lambda path: path.stem)
def test_published_queries_get_no_hints(facts: Facts, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert find_hints(text, facts=facts) == find_hints(text) == ()


def test_without_facts_only_general_hints_are_given() -> None:
    assert not find_hints('SELECT * { ?p cyb:accountable actor:anybody-else ; dcterms:title "x" . project:X a ?y }')
    assert "cyb:implementer" in find_hints("SELECT * { ?p cyb:implementor ?a }")[0].text


@pytest.mark.timeout(180)
def test_large_query_is_examined_quickly(facts: Facts) -> None:
    many = " ".join(f'?p dcterms:title "Nothing {n}" . ?q{n} cyb:implementer{n} ?r{n} .' for n in range(2000))
    assert len(find_hints(f"SELECT * {{ {many} }}", facts=facts)) == 5


@pytest.mark.timeout(180)
def test_explain_does_not_run_the_query(engine: EmbeddedEngine) -> None:
    hints = engine.explain("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?c = ?f && ?i = ?a) } ORDER BY ?a")
    assert "share no variable" in hints[0].text
    assert engine.explain(queries.load_query("example-projects-in-country").text) == ()
    with pytest.raises(QuerySyntaxError):
        engine.explain("SELECT * { ?a ?b ")
