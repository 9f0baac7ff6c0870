"""The pieces of a graph: what a release makes of each is worked out once, in any process, and put together in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cybilgraph.model.vocabulary import SKOS
from cybilgraph.rdf.dumps import GraphStatistics, TableRows, count_statements, make_table_rows, serialise_chunk
from cybilgraph.rdf.ntriples import group_by_subject, object_texts
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release.graph_file import read_graph
from cybilgraph.release.search import IndexEntry, Name, index_entries
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.parallel import SizedExecutor

#: So many new pieces are worked on at once; of those that are remembered, so many are looked up.
_BATCH_CHUNKS, _MAX_CACHE_LOOKUPS = 40, 400
_BROADER = f" <{SKOS.broader}> ".encode()


@dataclass(slots=True)
class ChunkOutput:
    """What is made of a piece: how many quads it has, and counts; the rows of each table, projects and names for the
    search; and its part of each dump, by the end of its name.
    """

    quads: int
    counts: GraphStatistics
    rows: TableRows
    entries: tuple[list[IndexEntry], list[Name]]
    dumps: dict[str, bytes]


#: What is remembered of pieces is made of these.
CLASSES = (ChunkOutput, GraphStatistics, IndexEntry, Counter)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece, by its size in bytes in the file and what it is known by."""

    size: int
    digest: bytes


def process_chunks(
    graph: Path, cache: BuildCache, team: SizedExecutor, *, dumps: bool, chunks: list[Chunk] | None = None
) -> Iterator[ChunkOutput]:
    """What is made of each piece of a graph, in order; with ``dumps`` or without. The pieces are added to ``chunks``.
    Raises OSError.
    """
    broader = b"".join(_broader_lines(chunk) for _, chunk in read_graph(graph))

    def keyed_chunks() -> Iterator[tuple[bytes, bytes]]:
        for size, chunk in read_graph(graph):
            known = cache.key(chunk)
            if chunks is not None:
                chunks.append(Chunk(size, known))
            yield cache.key(bytes([dumps]), broader, known), chunk

    yield from cache.each(
        keyed_chunks(),
        partial(_process_batch, broader, dumps),
        lambda batch: team.submit(_process_batch, broader, dumps, batch),
        batch=_BATCH_CHUNKS,
        most=_MAX_CACHE_LOOKUPS,
        ahead=team.size + 1,
    )


def _broader_lines(chunk: bytes) -> bytes:
    """The lines about what is broader than what."""
    if _BROADER not in chunk:
        return b""
    return b"".join(line for line in chunk.splitlines(keepends=True) if _BROADER in line)


def _process_batch(broader: bytes, dumps: bool, batch: list[bytes]) -> list[ChunkOutput]:
    """What is made of pieces; ``broader`` are the statements of the whole graph about what is broader than what."""
    known = {
        narrower: object_texts(own, SKOS.broader)
        for narrower, own in group_by_subject(broader.splitlines(keepends=True)).items()
    }
    return [_process_chunk(chunk, known, dumps) for chunk in batch]


def _process_chunk(chunk: bytes, broader: dict[str, list[str]], dumps: bool) -> ChunkOutput:
    lines = chunk.splitlines(keepends=True)
    count = len(lines)
    lines = [line for line in lines if not is_in_earlier_graph(line)]
    graph = group_by_subject(lines)
    return ChunkOutput(
        count,
        count_statements(graph),
        make_table_rows(graph) if dumps else {},
        index_entries(graph, broader),
        serialise_chunk(chunk, lines) if dumps else {},
    )
