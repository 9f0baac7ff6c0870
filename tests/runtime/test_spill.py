"""A database for one run, on a disk that may be full."""

from __future__ import annotations

import os
import tracemalloc
from itertools import zip_longest
from pathlib import Path

import pytest

from cybilgraph.errors import StorageError
from cybilgraph.runtime.spill import SpillList, Spool, TemporaryDatabase


def test_text_comes_back_as_it_was_in_the_order_of_its_code_points() -> None:
    texts = ["\U0001f600", "\uffee", "é", "e", "Z", "a\0b", ""]
    with TemporaryDatabase("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", ((text,) for text in texts))
        assert [text for (text,) in scratch.rows("SELECT text FROM texts ORDER BY text")] == sorted(texts)
        assert scratch.value("SELECT text FROM texts WHERE text = ?", "nothing") is None


def test_it_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", os.fspath(tmp_path))
    with TemporaryDatabase("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", (("x" * 10_000,) for _ in range(1_000)))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_of() -> None:
    with TemporaryDatabase("PRAGMA max_page_count = 10; CREATE TABLE texts (text TEXT)") as scratch:
        with pytest.raises(StorageError, match="full") as error:
            scratch.fill("INSERT INTO texts VALUES (?)", (("x" * 10_000,) for _ in range(1_000)))
        assert "TMPDIR" in error.value.hint


def test_what_is_spooled_comes_back_in_its_order() -> None:
    values = [("a", 1), {"b": [b"\0"]}, None]
    with Spool() as spool:
        assert list(spool) == []
        for value in values:
            spool.put(value)
        assert list(spool) == values
        assert list(spool) == values


def test_several_read_a_spool_at_once() -> None:
    with Spool() as spool:
        for value in range(100):
            spool.put(value)
        assert list(zip_longest(spool, spool.some(90, 200))) == [
            (value, value + 90 if value < 10 else None) for value in range(100)
        ]


@pytest.mark.parametrize("count", [0, 1, 19_999, 20_000, 20_001, 65_432])
def test_a_list_that_overflows_is_as_any_other(count: int) -> None:
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


def test_the_memory_of_a_list_does_not_grow_with_it() -> None:
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
