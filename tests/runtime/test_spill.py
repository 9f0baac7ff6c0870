"""Temporary databases, spools and lists on disk."""

from __future__ import annotations

import os
import tracemalloc
from itertools import zip_longest
from pathlib import Path

import pytest

from cybilgraph.errors import StorageError
from cybilgraph.runtime.spill import SpillList, Spool, TemporaryDatabase


def test_database_returns_text_unchanged_in_code_point_order() -> None:
    texts = ["\U0001f600", "\uffee", "é", "e", "Z", "a\0b", ""]
    with TemporaryDatabase("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", ((text,) for text in texts))
        assert [text for (text,) in scratch.rows("SELECT text FROM texts ORDER BY text")] == sorted(texts)
        assert scratch.value("SELECT text FROM texts WHERE text = ?", "nothing") is None


def test_database_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", os.fspath(tmp_path))
    with TemporaryDatabase("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", (("x" * 10_000,) for _ in range(1_000)))
    assert not list(tmp_path.iterdir())


def test_full_disk_is_reported() -> None:
    with TemporaryDatabase("PRAGMA max_page_count = 10; CREATE TABLE texts (text TEXT)") as scratch:
        with pytest.raises(StorageError, match="full") as error:
            scratch.fill("INSERT INTO texts VALUES (?)", (("x" * 10_000,) for _ in range(1_000)))
        assert "TMPDIR" in error.value.hint


def test_spool_returns_values_in_order() -> None:
    values = [("a", 1), {"b": [b"\0"]}, None]
    with Spool() as spool:
        assert list(spool) == []
        for value in values:
            spool.put(value)
        assert list(spool) == values
        assert list(spool) == values


def test_spool_supports_concurrent_iterators() -> None:
    with Spool() as spool:
        for value in range(100):
            spool.put(value)
        assert list(zip_longest(spool, spool.slice(90, 200))) == [
            (value, value + 90 if value < 10 else None) for value in range(100)
        ]


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 19_999, 20_000, 20_001, 65_432])
def test_spill_list_behaves_like_a_list(count: int) -> None:
    values = [(number * 7919 % 1_000, number) for number in range(count)]
    many = SpillList[tuple[int, int]]()
    many.extend(values)
    assert (len(many), bool(many), list(many)) == (count, bool(count), values)
    many.sort(key=lambda value: value[0])
    assert list(many) == sorted(values)
    many.extend(values[:3])
    assert list(many) == [*sorted(values), *values[:3]]
    many.sort(key=lambda value: -value[1])
    assert list(many) == sorted([*values, *values[:3]], key=lambda value: -value[1])


@pytest.mark.slow
def test_memory_of_a_spill_list_is_bounded() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        many = SpillList[str]()
        many.extend(f"{number:0500}" for number in range(count))
        many.sort(key=lambda text: text[::-1])
        assert sum(1 for _ in many) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(200_000) < 1.5 * peak(40_000)
