"""The graph of a release in its file: N-Quads in pieces, each of which is packed, and can be had, by itself.

A piece has all of some projects, or of some other things. What stands in it decides where it ends, so that a
change is a change of its own piece, and at most of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zlib import crc32

from cybilgraph.errors import FileDamaged
from cybilgraph.model.vocabulary import BASE
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, decompress, open_decompressed, read_parts, write_parts

GRAPH = "graph.nq.zst"
#: A piece has about so many bytes. In smaller ones less is made anew after a change, larger ones are packed better.
_CHUNK_BYTES = 100_000
_PROJECT = re.compile(rf"<{re.escape(BASE)}(?:id/project|record)/([^/>]+)".encode())


def write_graph(path: Path, lines: Iterable[bytes]) -> None:
    """Write the lines of a graph into a new file, in pieces. Raises OSError."""
    write_parts(path, split_chunks(lines))


@contextmanager
def open_lines(path: Path) -> Iterator[IO[bytes]]:
    """The lines of a graph. Raises OSError, and FileDamaged when they are read."""
    with _reporting_damage(path), open_decompressed(path) as lines:
        yield lines


def read_graph(path: Path) -> Iterator[tuple[int, bytes]]:
    """The pieces of a graph: the size of each in the file, and its lines. Raises OSError, FileDamaged."""
    with _reporting_damage(path):
        yield from read_parts(path)


def read_chunk(file: IO[bytes], start: int, size: int) -> bytes:
    """The lines of a piece that is there in an open file. Raises OSError, FileDamaged."""
    with _reporting_damage(Path(file.name)):
        file.seek(start)
        return decompress(file.read(size))


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except DECOMPRESSION_ERRORS as error:
        raise FileDamaged(f"{path} is not what was built: {error}", "Build the release again.") from error


def split_chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a graph in pieces."""
    chunk: list[bytes] = []
    for name, thing in _by_resource(lines):
        chunk.append(thing)
        # By chance, but always the same: the more of a piece a thing is, the likelier it ends it.
        if crc32(name) * _CHUNK_BYTES < len(thing) << 32:
            yield b"".join(chunk)
            chunk = []
    if chunk:
        yield b"".join(chunk)


def _by_resource(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """All lines of one thing after another, with its name; what belongs to a project is of that."""
    name, own = b"", tuple[bytes, ...]()
    held: list[bytes] = []
    for line in lines:
        if not line.startswith(own):
            if held:
                yield name, b"".join(held)
            held = []
            project = _PROJECT.match(line)
            name = project[1] if project else line.split(b" ", 1)[0]
            own = _line_prefixes(name) if project else (name + b" ",)
        held.append(line)
    if held:
        yield name, b"".join(held)


def _line_prefixes(key: bytes) -> tuple[bytes, ...]:
    """How the lines of a project of this key begin."""
    base = BASE.encode()
    return tuple(b"<%b%b/%b%b" % (base, kind, key, end) for kind in (b"id/project", b"record") for end in (b">", b"/"))
