"""Compressed files are single gzip members and Zstandard frames with equal bytes."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import pytest
import zstandard

from cybilgraph.rdf.dumps.compressed_parts import (
    GzipPart,
    combine_checksums,
    open_gzip,
    open_gzip_parts,
    write_zstandard,
)

PARTS = [b"<x:a> <x:p> <x:b> .\n" * 1_000, b"", bytes(range(256)) * 300]


def write(path: Path, parts: list[bytes]) -> bytes:
    with open_gzip_parts(path) as add:
        for part in parts:
            add(GzipPart.of(part))
    return path.read_bytes()


@pytest.mark.parametrize("count", range(len(PARTS) + 1))
def test_parts_form_one_gzip_member(count: int, tmp_path: Path) -> None:
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)  # like readers that stop after the first member
    assert member.decompress(write(tmp_path / "a", PARTS[:count])) == b"".join(PARTS[:count])
    assert (member.eof, member.unused_data) == (True, b"")


def test_blocks_form_one_zstandard_frame(tmp_path: Path) -> None:
    assert list(write_zstandard(tmp_path / "a.zst", PARTS)) == PARTS
    frame = zstandard.ZstdDecompressor().decompressobj()
    assert frame.decompress((tmp_path / "a.zst").read_bytes()) == b"".join(PARTS)
    assert (frame.eof, frame.unused_data) == (True, b"")


def test_equal_parts_give_equal_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a", PARTS) == write(tmp_path / "b", PARTS)


@pytest.mark.parametrize("size", [0, 1, 7, 1_000, 1_000_000])
def test_checksums_are_combined(size: int) -> None:
    first, second = os.urandom(100), os.urandom(size)
    combined = combine_checksums(zlib.crc32(first), zlib.crc32(second), size)
    assert combined == zlib.crc32(first + second)


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        write(tmp_path / "a.gz", PARTS)
    assert (tmp_path / "a.gz").read_bytes() == b"kept"


def test_gzip_header_has_neither_name_nor_time(tmp_path: Path) -> None:
    for name in ("a.gz", "another-name.gz"):
        with open_gzip(tmp_path / name) as output:
            output.write(PARTS[0])
    content = (tmp_path / "a.gz").read_bytes()
    assert content == (tmp_path / "another-name.gz").read_bytes()
    assert gzip.decompress(content) == PARTS[0]
