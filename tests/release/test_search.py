"""The search index: equal bytes for equal graphs, read-only, with a time limit."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.model.record import EvidenceLevel
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release import Release
from cybilgraph.release.search import SearchIndex, SearchQuery
from tests.conftest import SEED


def test_searches_do_not_change_the_release(release: Release) -> None:
    before = release.search.read_bytes(), sorted(release.search.parent.iterdir())
    with closing(SearchIndex(release.search)) as index:
        assert index.find(SearchQuery("belize")).total == 2
        assert sorted(release.search.parent.iterdir()) == before[1], "no journal is created"
    assert release.search.read_bytes() == before[0]


def test_release_of_an_earlier_version_has_no_index(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path / "search.sqlite")
    assert not index.is_available
    assert index.find(SearchQuery("belize")).total == 0
    assert list(index.all(SearchQuery("belize"))) == []
    assert index.findings("G0020", "") == []


def test_index_of_another_version_is_not_used(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    path.write_bytes(release.search.read_bytes())
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA user_version = 1")
    with closing(SearchIndex(release.search)) as index, closing(SearchIndex(path)) as other:
        assert index.is_available
        assert not other.is_available


def test_search_is_stopped_at_the_time_limit(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    # The index is too small for a search that takes as many steps as there are between two checks of the clock.
    monkeypatch.setattr("cybilgraph.release.search._STEPS_PER_CLOCK_CHECK", 1)
    with closing(SearchIndex(release.search, timeout_seconds=0)) as index, pytest.raises(QueryTimeout):
        index.find(SearchQuery("cyber security strategy"))


def test_damaged_index_is_reported(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    whole = release.search.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with (
        closing(SearchIndex(path)) as index,
        pytest.raises(EngineUnavailable, match="search index is damaged"),
    ):
        index.find(SearchQuery("belize"))


def test_threads_share_connections_which_are_closed_with_the_index(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"  # no other index has this file open
    path.write_bytes(release.search.read_bytes())

    def connections() -> int:
        return sum(file.path == str(path) for file in psutil.Process().open_files())

    with ThreadPoolExecutor(8) as threads:
        with closing(SearchIndex(path)) as index:
            totals = threads.map(lambda page: index.find(SearchQuery("belize", page=page)).total, range(1, 65))
            assert set(totals) == {2}
            assert 0 < connections() <= 16  # the first search of each thread uses a second one to load the index
        assert connections() == 0
        assert index.find(SearchQuery("samoa")).total >= 0, "a search that comes too late still works"
        assert connections() == 0


@pytest.mark.slow
def test_summary_counts_zero_for_facets_without_values(tmp_path: Path) -> None:
    record = tmp_path / "record.txt"
    record.write_text("A title\n\nCybil code: G0666\n", encoding="utf-8")
    pipeline.build([record], tmp_path / "into")
    with closing(SearchIndex(pipeline.Releases(tmp_path / "into").current().search)) as index:
        summary = index.summarise(SearchQuery())
    assert (summary.projects, set(summary.having.values())) == (1, {0})


@pytest.mark.slow
def test_each_level_of_evidence_has_its_own_facets_names_and_totals(tmp_path: Path) -> None:
    record = tmp_path / "record.txt"
    record.write_text(
        "A title\n\nCybil code: G0666\n\nCountry\n\nFiji\n\nSummary\n\nThe workshop took place in Suva, Fiji. "
        "It is funded by the European Union. Similar work in Tonga was discussed.\n",
        encoding="utf-8",
    )
    pipeline.build([record], tmp_path / "into")
    with closing(SearchIndex(pipeline.Releases(tmp_path / "into").current().search)) as index:
        eu = SearchQuery(chosen=(("funder", (thing_iri("actor", "eu"),)),))
        assert list(index.totals(eu).values()) == [0, 1, 1]
        for level in EvidenceLevel:
            query = replace(eu, level=level)
            found = list(index.all(query))
            assert len(found) == index.find(query).total == index.totals(eu)[level]
            assert [hit.funders for hit in found] == ["European Union"] * len(found)
            assert index.summarise(SearchQuery(level=level)).having["funder"] == len(found)
        [hit] = index.all(SearchQuery("title", level=EvidenceLevel.STATED))
        assert (hit.places, hit.funders) == ("Fiji", "")
        stated, sure, possible = index.links().values()
        assert stated < sure <= possible


@pytest.mark.slow
def test_equal_graphs_have_equal_indexes(tmp_path: Path) -> None:
    first, _ = pipeline.build([SEED], tmp_path / "one")
    second, _ = pipeline.build([SEED], tmp_path / "two")
    assert first.search.read_bytes() == second.search.read_bytes()


def test_findings_of_a_record_are_those_of_its_file(release: Release) -> None:
    with closing(SearchIndex(release.search)) as index:
        assert {found["rule"].rpartition("#")[2] for found in index.findings("G0020", "belize-G0020.txt")} == {
            "has-funder",
            "has-implementer",
            "second-capture",
        }
        assert len(index.findings("G0020", "belize-G0020-older.txt")) > 1
