"""Answers have a format, rows and a body, from the graphs that the request chooses."""

from __future__ import annotations

import pytest

from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.sparql import Dataset
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits


@pytest.mark.slow
def test_large_answer_is_complete_and_on_disk(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    answer = engine.answer("SELECT ?s ?o { ?s ?p ?o . ?a a cyb:Country } LIMIT 300000", (BY_NAME["csv"],))
    assert answer.body.size > 10_000_000
    assert answer.rows == answer.content.count(b"\r\n") - 1
    engine.close()


@pytest.mark.parametrize("name", ["json", "xml", "csv", "tsv"])
def test_rows_are_counted(engine: EmbeddedEngine, name: str) -> None:
    """Values may look like row markers."""
    query = """SELECT ?a ?b { VALUES (?a ?b) { ('x},{"y":[{"' "<result>\\r\\n") (1 2) (UNDEF '') } }"""
    expected = 4 if name == "csv" else 3  # CSV does not distinguish a line end inside a value
    assert engine.answer(query, (BY_NAME[name],)).rows == expected
    assert engine.answer("SELECT ?a { ?a a cyb:Nothing }", (BY_NAME[name],)).rows == 0
    assert engine.answer("ASK {}", (BY_NAME[name],)).rows is None


def test_request_can_choose_the_graphs(engine: EmbeddedEngine) -> None:
    csv = (BY_NAME["csv"],)
    history = "https://w3id.org/cybilgraph/graph/G0020/1"
    all_titles = "SELECT (COUNT(?t) AS ?n) { ?p dcterms:title ?t }"
    of_graph = engine.answer(all_titles, csv, graphs=Dataset(default=(history,))).content
    assert of_graph == b"n\r\n1\r\n"
    assert engine.answer(all_titles, csv).content != of_graph
    named = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"
    assert engine.answer(named, csv, graphs=Dataset(named=(history,))).content.decode().split() == ["g", history]
    assert engine.answer(named, csv, graphs=Dataset(default=(history,))).content.decode().split() == ["g"]
    # The request overrides FROM.
    from_nothing = "SELECT (COUNT(?t) AS ?n) FROM <x:none> { ?p dcterms:title ?t }"
    assert engine.answer(from_nothing, csv, graphs=Dataset(default=(history,))).content == of_graph
