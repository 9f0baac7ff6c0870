"""Queries are listed and answered on the command line."""

from __future__ import annotations

import csv
import io

from cybilgraph.release import Release
from tests.conftest import run


def test_queries_lists_parameters() -> None:
    text = run("queries").stdout.decode()
    assert "example-projects-in-country  --param country=…" in text


def test_query_without_a_graph_says_how_to_give_one() -> None:
    result = run("query", "ASK {}")
    assert result.returncode == 2
    assert "--from build/releases" in result.stderr.decode()


def test_query_counts_at_a_level_of_evidence(release: Release) -> None:
    def projects(*options: str) -> int:
        arguments = ("example-actors-by-type", "--from", str(release.folder.parent), "-f", "csv", *options)
        rows = csv.DictReader(io.StringIO(run("query", *arguments).stdout.decode()))
        return sum(int(row["projects"]) for row in rows)

    stated, possible = (projects("--param", f"evidence={level}") for level in ("stated", "possible"))
    assert stated < projects() == projects("--param", "evidence=sure") < possible
    result = run("query", "example-actors-by-type", "--param", "evidence=all", "--from", str(release.folder.parent))
    assert result.returncode != 0
    assert "Use one of: stated, sure, possible." in result.stderr.decode()
