"""Files that are packed by gzip or Zstandard, as they are read; and files of parts, each of which is a frame of
Zstandard (RFC 8878, section 3.1) and can be read by itself, while zstd(1) reads all of them as one.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import zstandard

#: What is raised where a file is not packed as its name says, or breaks off.
NOT_PACKED = (zstandard.ZstdError, gzip.BadGzipFile, zlib.error, EOFError)
#: A graph of 250 MB becomes 19 in 0.2 seconds; at level 3 it would be 18. What is damaged is found by its checksum.
_CHOSEN = zstandard.ZstdCompressionParameters.from_level(1, write_checksum=True)
#: Bytes that are read at once.
_AT_ONCE, _BLOCK = 1 << 18, 1 << 16


@contextmanager
def unpacked(path: Path, name: str = "") -> Iterator[IO[bytes]]:
    """The content of a file that is packed as its ``name``, if that is another, ends: .zst, .gz or else not at all.
    Raises OSError, and when it is read NOT_PACKED.
    """
    with path.open("rb") as raw:
        match Path(name or path.name).suffix:
            case ".zst":
                stream: Any = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
                yield io.BufferedReader(stream, _AT_ONCE)
            case ".gz":
                yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
            case _:
                yield raw


def pack(content: bytes) -> bytes:
    """Content as a part of a file."""
    return zstandard.ZstdCompressor(compression_params=_CHOSEN).compress(content)


def unpack(part: bytes) -> bytes:
    """The content of a part. Raises NOT_PACKED."""
    return zstandard.ZstdDecompressor().decompress(part)


def write_parts(path: Path, contents: Iterable[bytes]) -> None:
    """Write a new file of parts. Raises OSError."""
    with path.open("xb") as file:
        file.writelines(map(pack, contents))


def read_parts(path: Path) -> Iterator[tuple[int, bytes]]:
    """The parts of a file: the size of each there, and its content. Raises OSError, NOT_PACKED."""
    with path.open("rb") as file:
        held = file.read(_BLOCK)
        while held:
            unpacker, size, some = zstandard.ZstdDecompressor().decompressobj(), 0, []
            while not unpacker.eof:
                if not held:
                    raise EOFError(f"{path} breaks off")
                some.append(unpacker.decompress(held))
                size += len(held)
                held = unpacker.unused_data if unpacker.eof else file.read(_BLOCK)
            yield size - len(held), b"".join(some)
            held = held or file.read(_BLOCK)


def size_unpacked(path: Path, most: int) -> int:
    """The bytes of a packed file's content, counted until they are more than ``most``. Raises OSError, NOT_PACKED."""
    size = 0
    with unpacked(path) as file:
        while size <= most and (block := file.read(_AT_ONCE)):
            size += len(block)
    return size
