"""The graph of a release in its file: N-Quads in chunks, each compressed by itself and readable alone.

A chunk contains some resources completely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cybilgraph.errors import FileDamaged
from cybilgraph.rdf.serialisation import project_key
from cybilgraph.runtime.compression import (
    DECOMPRESSION_ERRORS,
    open_decompressed,
    read_compressed_parts,
    read_parts,
    write_parts,
)

GRAPH = "graph.nq.zst"
#: The graph of another site, in the folder of its copy.
COPY = "graph.nq"
#: The size from which a chunk ends with its resource.
_CHUNK_BYTES = 1_000_000


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


def read_compressed_chunks(path: Path) -> Iterator[bytes]:
    """Yield each chunk as it is in the file, to be decompressed with ``decompress``. Raises OSError, FileDamaged."""
    with _reporting_damage(path):
        yield from read_compressed_parts(path)


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
    for line in lines:
        if size >= _CHUNK_BYTES and resource_of(line) != resource_of(chunk[-1]):
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield b"".join(chunk)


def resource_of(line: bytes) -> bytes:
    """Return the key of the project to which the subject belongs as a part, or else the subject."""
    return project_key(line) or line.split(b" ", 1)[0]
