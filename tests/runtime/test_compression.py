"""Compressed files are read as a whole and by part, and damage is detected."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cybilgraph.runtime.compression import (
    DECOMPRESSION_ERRORS,
    compress,
    decompress,
    decompressed_size,
    open_decompressed,
    read_compressed_parts,
    read_parts,
    write_parts,
)

PARTS = [b"first\n" * 100_000, b"", b"last"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_parts(tmp_path / "a.zst", PARTS)
    return tmp_path / "a.zst"


def test_file_is_read_as_a_whole_and_by_part(file: Path) -> None:
    with open_decompressed(file) as content:
        assert content.read() == b"".join(PARTS)
    assert list(read_parts(file)) == PARTS


def test_compressed_parts_make_up_the_file(file: Path) -> None:
    parts = list(read_compressed_parts(file))
    assert b"".join(parts) == file.read_bytes()
    assert [decompress(part) for part in parts] == PARTS


@pytest.mark.parametrize(
    ("name", "content"), [("a.gz", gzip.compress(b"x", mtime=0)), ("a.zst", compress(b"x")), ("a.txt", b"x")]
)
def test_suffix_decides_on_the_format(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with open_decompressed(tmp_path / "file", name) as stream:
        assert stream.read() == b"x"


def test_truncated_and_changed_parts_are_errors(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-2])
    with pytest.raises(DECOMPRESSION_ERRORS):
        list(read_parts(file))
    file.write_bytes(content[:-6] + bytes([content[-6] ^ 1]) + content[-5:])
    with pytest.raises(DECOMPRESSION_ERRORS):
        list(read_parts(file))


def test_size_is_counted_up_to_a_limit(file: Path) -> None:
    whole = sum(map(len, PARTS))
    assert decompressed_size(file, whole) == whole
    assert 1_000 < decompressed_size(file, 1_000) < whole


def test_existing_file_is_not_overwritten(file: Path) -> None:
    with pytest.raises(FileExistsError):
        write_parts(file, [b"other"])
