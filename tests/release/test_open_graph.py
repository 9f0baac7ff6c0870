"""A release and a site answer queries from Python alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

import cybilgraph
from cybilgraph.errors import QueryError, QueryRefused, UnknownQuery
from cybilgraph.release import Release
from cybilgraph.release.open_graph import OpenGraph, Rows

pytestmark = pytest.mark.slow


@pytest.fixture(params=["release", "site"])
def graph(request: pytest.FixtureRequest, release: Release, server: str) -> Iterator[OpenGraph]:
    with cybilgraph.open(release.folder.parent if request.param == "release" else server) as graph:
        yield graph


def rows(graph: OpenGraph, query: str, **parameters: str | list[str]) -> Rows:
    found = graph.query(query, **parameters)
    assert isinstance(found, Rows)
    return found


def test_rows_have_python_values(graph: OpenGraph) -> None:
    text = """SELECT ?day ?amount ?number ?year ?nothing {
        BIND("2020-02-29"^^xsd:date AS ?day) BIND(1.50 AS ?amount) BIND(7 AS ?number) BIND("2019"^^xsd:gYear AS ?year) }"""
    assert list(rows(graph, text)) == [
        {"day": date(2020, 2, 29), "amount": Decimal("1.5"), "number": 7, "year": "2019", "nothing": None}
    ]


def test_value_outside_python_stays_text(graph: OpenGraph) -> None:
    [row] = rows(graph, 'SELECT ?day { BIND("-0044-03-15"^^xsd:date AS ?day) }')
    assert row == {"day": "-0044-03-15"}


def test_named_query_takes_parameters(graph: OpenGraph) -> None:
    found = rows(graph, "example-projects-in-country", country=["BZ", "Belize"])
    assert {row["countryName"] for row in found} == {"Belize"}
    frame = found.to_pandas()
    assert list(frame.columns) == found.columns
    assert len(frame) == len(found)
    assert found.to_polars().shape == frame.shape


def test_other_forms_of_queries(graph: OpenGraph) -> None:
    assert graph.query("ASK { actor:gpd a cyb:Actor }") is True
    assert "/id/actor/gpd> " in str(graph.query("DESCRIBE actor:gpd"))


def test_errors_say_what_to_do(graph: OpenGraph) -> None:
    with pytest.raises(UnknownQuery, match="Did you mean example-projects-in-country"):
        graph.query("example-project-in-country")
    with pytest.raises(QueryError, match="no country is called 'Belice City'"):
        graph.query("example-projects-in-country", country="Belice City")
    with pytest.raises(QueryRefused):
        graph.query("DROP ALL")
