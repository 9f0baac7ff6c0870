"""Files that are packed, as they are written or piece by piece, and unpacked as they are read; equal content gives
equal bytes.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import zstandard

#: Measured on pieces of 100,000 bytes: gzip 6 takes half as long again for 12 % less; Zstandard 3 a third of the time
#: for 12 % more, 9 half as long again for 3 % less.
_GZIP_LEVEL, _ZSTD_LEVEL = 4, 6
_BYTES = 1 << 18


@contextmanager
def gzipped(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write, its name with .gz: without name and time in its head (RFC 1952, section 2.3.1)."""
    with path.with_name(f"{path.name}.gz").open("wb") as raw:
        packed: Any = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0)
        with packed, io.BufferedWriter(packed, _BYTES) as output:
            yield output


def _gzip_member(data: bytes) -> bytes:
    """A member of a gzip file, which may have several (RFC 1952, section 2.2)."""
    return gzip.compress(data, _GZIP_LEVEL, mtime=0)


def _zstandard_frame(data: bytes) -> bytes:
    """A frame of a Zstandard file, which may have several (RFC 8878, section 3); it carries a checksum."""
    return zstandard.ZstdCompressor(_ZSTD_LEVEL, write_checksum=True).compress(data)


#: How a piece of a file is packed, by the end of the file's name. Pieces that follow each other are one file.
PACKERS = {"gz": _gzip_member, "zst": _zstandard_frame}

#: What is raised where a file is not packed as its name says, or breaks off.
NOT_PACKED = (zstandard.ZstdError, gzip.BadGzipFile, zlib.error, EOFError)


@contextmanager
def unpacked(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The content of a file that is packed as ``name`` ends: .zst or .gz. Raises OSError, and when it
    is read NOT_PACKED.
    """
    with path.open("rb") as raw:
        if name.endswith(".zst"):
            yield cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
        else:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
