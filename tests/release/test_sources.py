"""The sources of records in one file."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from cybilgraph.errors import FileDamaged, SourceError
from cybilgraph.readers.excerpts import read_texts
from cybilgraph.readers.inputs import Input
from cybilgraph.release.sources import (
    LINES_PER_PAGE,
    SOURCES,
    Sources,
    has_text,
    iterate_sources,
    iterate_text_pages,
    read_source,
    read_text_page,
)

PAGES = [f"Page {number} of {number * 7919}\n".encode() * 400 for number in range(300)]


def filled(path: Path) -> Path:
    with closing(Sources(path)) as sources:
        for page in (*PAGES, *PAGES[:10]):
            sources.add(page)
        sources.close()
    return path


def test_each_source_is_stored_once_and_found_by_checksum(tmp_path: Path) -> None:
    path = filled(tmp_path / SOURCES)
    assert list(iterate_sources(path)) == PAGES
    assert all(read_source(path, hashlib.sha256(page).hexdigest()) == page for page in PAGES)
    for unknown in ("", "00", "no checksum", hashlib.sha256(b"").hexdigest()):
        assert read_source(path, unknown) is None
    assert read_source(tmp_path / "none", hashlib.sha256(PAGES[0]).hexdigest()) is None
    assert filled(tmp_path / "again").read_bytes() == path.read_bytes()
    assert [found.name for found in tmp_path.iterdir()].count(SOURCES) == len(list(tmp_path.iterdir())) - 1


@pytest.mark.parametrize("at", range(10))
def test_damaged_source_is_never_returned(tmp_path: Path, at: int) -> None:
    path = filled(tmp_path / SOURCES)
    good = path.read_bytes()
    for place in range(at * 97, len(good), 997):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        page = PAGES[place % len(PAGES)]
        assert read_source(path, hashlib.sha256(page).hexdigest()) in (page, None)
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(FileDamaged, match=SOURCES):
        list(iterate_sources(path))


def test_page_of_a_long_text_is_read_alone(tmp_path: Path) -> None:
    """Reading a page does not depend on the size of the text, here 50 MB."""
    path, sha256 = tmp_path / SOURCES, hashlib.sha256(b"table").hexdigest()
    with closing(Sources(path)) as sources:
        for _ in range(2):
            sources.add_text(sha256, (f"{number},{'x' * 95}" for number in range(1, 500_001)))
        sources.add_text(hashlib.sha256(b"").hexdigest(), ["y" * 20_000])
    found = read_text_page(path, sha256, "table.csv", 700)
    assert found
    assert (len(found.lines), found.number, found.pages) == (LINES_PER_PAGE, 700, 1000)
    assert found.lines[0].startswith(f"{699 * LINES_PER_PAGE + 1},")
    assert read_text_page(path, sha256, "table.csv", 1001) == read_text_page(path, sha256, "table.csv", 1000)
    assert (has_text(path, sha256, "table.csv"), has_text(path, "00", "table.csv")) == (True, False)
    assert sum(1 for _ in iterate_text_pages(path)) == 1001
    cut = read_text_page(path, hashlib.sha256(b"").hexdigest(), "table.csv", 1)
    assert cut
    assert cut.lines == ["y" * 10_000 + "…"]


def test_text_of_a_source_has_the_lines_of_its_reader(tmp_path: Path) -> None:
    path, content = tmp_path / SOURCES, "one\rtwo\r\nthree\u2028four".encode()
    with closing(Sources(path)) as sources:
        sources.add(content)
    sha256 = hashlib.sha256(content).hexdigest()
    found = {name: read_text_page(path, sha256, name, 1) for name in ("a.txt", "a.csv", "a.jsonl", "a.xlsx")}
    assert {name: page and len(page.lines) for name, page in found.items()} == {
        "a.txt": 3, "a.csv": 3, "a.jsonl": 2, "a.xlsx": None,
    }  # fmt: skip
    assert not has_text(path, sha256, "a.xlsx")


def test_larger_text_is_not_read() -> None:
    assert [list(lines) for _, lines in read_texts(Input("a.csv", data=b"a,b\n1,2\n"), set(), 8)] == [["a,b", "1,2"]]
    with pytest.raises(SourceError, match="larger than 7 bytes"):
        list(read_texts(Input("a.csv", data=b"a,b\n1,2\n"), set(), 7))
