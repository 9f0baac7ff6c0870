"""The sources of records in one file."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import pytest

from cybilgraph.errors import FileDamaged
from cybilgraph.release.sources import SOURCES, Sources, iterate_sources, read_source

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
