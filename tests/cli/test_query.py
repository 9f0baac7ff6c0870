"""Queries are listed and answered on the command line."""

from __future__ import annotations

from tests.conftest import run


def test_queries_lists_parameters() -> None:
    text = run("queries").stdout.decode()
    assert "example-projects-in-country  --param country=…" in text
