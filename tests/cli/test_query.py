"""Queries are listed and answered on the command line."""

from __future__ import annotations

from tests.conftest import run


def test_queries_lists_parameters() -> None:
    text = run("queries").stdout.decode()
    assert "example-projects-in-country  --param country=…" in text


def test_query_without_a_graph_says_how_to_give_one() -> None:
    result = run("query", "ASK {}")
    assert result.returncode == 2
    assert "--from build/releases" in result.stderr.decode()
