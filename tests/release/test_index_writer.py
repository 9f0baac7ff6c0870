"""Equal graphs have equal search indexes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cybilgraph import pipeline
from cybilgraph.release import Release
from cybilgraph.release.search import SearchIndex
from tests.conftest import SEED


def test_equal_graphs_have_equal_indexes(tmp_path: Path) -> None:
    first, _ = pipeline.build([SEED], tmp_path / "one")
    second, _ = pipeline.build([SEED], tmp_path / "two")
    assert first.search.read_bytes() == second.search.read_bytes()


def test_findings_of_a_record_are_those_of_its_file(release: Release) -> None:
    with closing(SearchIndex(release.search)) as index:
        assert {found["rule"].rpartition("#")[2] for found in index.findings("G0020", "belize-G0020.txt")} == {
            "has-funder",
            "second-capture",
        }
        assert len(index.findings("G0020", "belize-G0020-older.txt")) > 1
