"""The index of the search: the same bytes of the same graph, opened for reading only, bounded in time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.release import Release
from cybilgraph.search import Search, Wish
from tests.conftest import SEED


def test_equal_graphs_have_equal_indexes(tmp_path: Path) -> None:
    first, _ = pipeline.build([SEED], tmp_path / "one")
    second, _ = pipeline.build([SEED], tmp_path / "two")
    assert first.search.read_bytes() == second.search.read_bytes()


def test_it_is_never_written(release: Release) -> None:
    index = Search(release.search)
    assert index.find(Wish("belize")).total == 2
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index._base().execute("DELETE FROM project")


def test_a_release_of_an_earlier_make_has_none(tmp_path: Path) -> None:
    index = Search(tmp_path / "search.sqlite")
    assert not index.there
    assert index.find(Wish("belize")).total == 0
    assert list(index.all(Wish("belize"))) == []
    assert index.findings("G0020", "") == []


def test_nor_has_one_with_an_index_of_another_form(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    path.write_bytes(release.search.read_bytes())
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA user_version = 1")
    assert Search(release.search).there
    assert not Search(path).there


def test_a_search_is_stopped_in_time(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.search.read._SECONDS", -1.0)
    monkeypatch.setattr("cybilgraph.search.read._STEPS", 1)
    with pytest.raises(QueryTimeout):
        Search(release.search).find(Wish("cyber security strategy"))


def test_a_damaged_index_is_told(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    whole = release.search.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(EngineUnavailable, match="index of the search is damaged"):
        Search(path).find(Wish("belize"))


def test_findings_of_a_record_are_those_of_its_file(release: Release) -> None:
    index = Search(release.search)
    assert {found["rule"].rpartition("#")[2] for found in index.findings("G0020", "belize-G0020.txt")} == {
        "has-funder",
        "second-capture",
    }
    assert len(index.findings("G0020", "belize-G0020-older.txt")) > 1
