"""Finding files: order, names, limits, and places that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.readers import find_inputs, read_input
from cybilgraph.readers.inputs import MAX_BYTES


def test_a_folder_is_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/.hidden", ".git/config", "c.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert [given.name for given in find_inputs([tmp_path])] == ["a/z.txt", "b.txt", "c.md"]


def test_the_same_file_has_the_same_name_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.txt"
    path.parent.mkdir()
    path.write_text("x", encoding="utf-8")
    assert {next(find_inputs([place])).name for place in (path, path.parent)} == {"page.txt"}


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(find_inputs(["/nowhere/at/all"]))


def test_an_unknown_kind_names_the_known(tmp_path: Path) -> None:
    path = tmp_path / "page.docx"
    path.write_bytes(b"x")
    with pytest.raises(SourceError, match=r"'\.docx'") as error:
        list(read_input(next(find_inputs([path]))))
    assert ".txt" in error.value.hint


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    with path.open("wb") as file:
        file.truncate(50 * MAX_BYTES)
    with pytest.raises(SourceError, match="larger than"):
        list(read_input(next(find_inputs([path]))))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text("x", encoding="utf-8")
    given = next(find_inputs([path]))
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_input(given))
