"""A database for one run, on a disk that may be full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cybilgraph.errors import StorageError
from cybilgraph.scratch import Scratch, Spool


def test_text_comes_back_as_it_was_in_the_order_of_its_code_points() -> None:
    texts = ["\U0001f600", "\uffee", "é", "e", "Z", "a\0b", ""]
    with Scratch("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", ((text,) for text in texts))
        assert [text for (text,) in scratch.rows("SELECT text FROM texts ORDER BY text")] == sorted(texts)
        assert scratch.value("SELECT text FROM texts WHERE text = ?", "nothing") is None


def test_it_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", os.fspath(tmp_path))
    with Scratch("CREATE TABLE texts (text TEXT)") as scratch:
        scratch.fill("INSERT INTO texts VALUES (?)", (("x" * 10_000,) for _ in range(1_000)))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_of() -> None:
    with Scratch("PRAGMA max_page_count = 10; CREATE TABLE texts (text TEXT)") as scratch:
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
