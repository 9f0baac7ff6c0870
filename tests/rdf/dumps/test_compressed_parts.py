"""Compressed files written in parts are single gzip members and Zstandard frames with equal bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
import zstandard

from cybilgraph.rdf.dumps.compressed_parts import CompressedFile, deflate_part, open_gzip

PARTS = [b"<x:a> <x:p> <x:b> .\n" * 1_000, b"", bytes(range(256)) * 300]


def decompress(path: Path) -> bytes:
    """Decompress a file like readers that stop after the first gzip member or Zstandard frame."""
    gzip_member = zlib.decompressobj(16 + zlib.MAX_WBITS)
    content = gzip_member.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    assert (gzip_member.eof, gzip_member.unused_data) == (True, b"")
    frame = zstandard.ZstdDecompressor().decompressobj()
    assert frame.decompress(path.with_name(f"{path.name}.zst").read_bytes()) == content
    assert (frame.eof, frame.unused_data) == (True, b"")
    return content


def write(path: Path, parts: list[bytes]) -> None:
    with CompressedFile(path) as output:
        for part in parts:
            output.add(deflate_part(part))


@pytest.mark.parametrize("count", range(len(PARTS) + 1))
def test_parts_form_one_file(count: int, tmp_path: Path) -> None:
    write(tmp_path / "a", PARTS[:count])
    assert decompress(tmp_path / "a") == b"".join(PARTS[:count])


def test_equal_parts_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, PARTS)
    for suffix in ("gz", "zst"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_copy_continues_with_its_own_parts(tmp_path: Path) -> None:
    with CompressedFile(tmp_path / "a") as output:
        output.add(deflate_part(PARTS[0]))
        with output.copy(tmp_path / "b") as copy:
            copy.add(deflate_part(b"only in the copy"))
        output.add(deflate_part(PARTS[2]))
    assert decompress(tmp_path / "a") == PARTS[0] + PARTS[2]
    assert decompress(tmp_path / "b") == PARTS[0] + b"only in the copy"


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        CompressedFile(tmp_path / "a")
    assert (tmp_path / "a.gz").read_bytes() == b"kept"


def test_gzip_header_has_neither_name_nor_time(tmp_path: Path) -> None:
    for name in ("a", "another-name"):
        with open_gzip(tmp_path / name) as output:
            output.write(PARTS[0])
    content = (tmp_path / "a.gz").read_bytes()
    assert content == (tmp_path / "another-name.gz").read_bytes()
    assert gzip.decompress(content) == PARTS[0]
