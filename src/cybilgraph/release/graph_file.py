"""The graph of a release in its file: N-Quads in chunks, each compressed by itself and readable alone.

A chunk contains some resources completely.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cybilgraph.errors import FileDamaged
from cybilgraph.model.vocabulary import BASE
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed, read_parts, write_parts

GRAPH = "graph.nq.zst"
#: The size from which a chunk ends with its resource.
_CHUNK_BYTES = 1_000_000
_PROJECT = re.compile(rf"<{re.escape(BASE)}(?:id/project|record)/([^/>]+)".encode())


def write_graph(path: Path, lines: Iterable[bytes]) -> None:
    """Write the lines of a graph to a new file, in chunks. Raises OSError."""
    write_parts(path, split_chunks(lines))


@contextmanager
def open_lines(path: Path) -> Iterator[IO[bytes]]:
    """Open the lines of a graph. Raises OSError, and FileDamaged while reading."""
    with _reporting_damage(path), open_decompressed(path) as lines:
        yield lines


def read_graph(path: Path) -> Iterator[bytes]:
    """Yield the lines of each chunk. Raises OSError, FileDamaged."""
    with _reporting_damage(path):
        yield from read_parts(path)


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except DECOMPRESSION_ERRORS as error:
        raise FileDamaged(f"{path} is damaged: {error}", "Build the release again.") from error


def split_chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Split the lines of a graph into chunks."""
    chunk: list[bytes] = []
    size = 0
    for resource in _by_resource(lines):
        chunk.append(resource)
        size += len(resource)
        if size >= _CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield b"".join(chunk)


def _by_resource(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield all lines of each resource; the parts of a project belong to the project."""
    prefixes = tuple[bytes, ...]()
    group: list[bytes] = []
    for line in lines:
        if not line.startswith(prefixes):
            if group:
                yield b"".join(group)
            group = []
            project = _PROJECT.match(line)
            prefixes = _line_prefixes(project[1]) if project else (line.split(b" ", 1)[0] + b" ",)
        group.append(line)
    if group:
        yield b"".join(group)


def _line_prefixes(key: bytes) -> tuple[bytes, ...]:
    """Return the possible beginnings of a line that belongs to the project with this key."""
    base = BASE.encode()
    return tuple(b"<%b%b/%b%b" % (base, kind, key, end) for kind in (b"id/project", b"record") for end in (b">", b"/"))
