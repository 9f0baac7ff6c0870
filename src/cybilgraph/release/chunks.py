"""Processes the chunks of a graph in parallel, once each, and returns the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.model.vocabulary import SKOS
from cybilgraph.rdf.dumps import (
    GraphStatistics,
    GzipPart,
    TableRows,
    count_statements,
    make_table_rows,
    serialise_chunk,
)
from cybilgraph.rdf.ntriples import group_by_subject, object_texts
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release.graph_file import read_graph
from cybilgraph.release.search import IndexEntry, Name, index_entries
from cybilgraph.runtime.parallel import SizedExecutor

_BROADER = f" <{SKOS.broader}> ".encode()


@dataclass(slots=True)
class ChunkOutput:
    """The results for one chunk.

    The number of quads, counts, the rows of each table, entries and names for the search index, and the chunk's part
    of each dump by file suffix.
    """

    quads: int
    counts: GraphStatistics
    rows: TableRows
    entries: tuple[list[IndexEntry], list[Name]]
    dumps: dict[str, GzipPart]


def process_chunks(graph: Path, executor: SizedExecutor, *, dumps: bool) -> Iterator[ChunkOutput]:
    """Yield the results for each chunk of a graph in order, with or without ``dumps``. Raises OSError."""
    broader = b"".join(map(_broader_lines, read_graph(graph)))
    pending: deque[Future[ChunkOutput]] = deque()
    for chunk in read_graph(graph):
        pending.append(executor.submit(_process_chunk, chunk, broader, dumps))
        if len(pending) > executor.size + 1:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _broader_lines(chunk: bytes) -> bytes:
    """Return the lines with skos:broader."""
    if _BROADER not in chunk:
        return b""
    return b"".join(line for line in chunk.splitlines(keepends=True) if _BROADER in line)


def _process_chunk(chunk: bytes, broader: bytes, dumps: bool) -> ChunkOutput:
    """Process a chunk; ``broader`` contains the skos:broader statements of the whole graph."""
    broader_by_concept = {
        narrower: object_texts(own, SKOS.broader)
        for narrower, own in group_by_subject(broader.splitlines(keepends=True)).items()
    }
    lines = chunk.splitlines(keepends=True)
    count = len(lines)
    lines = [line for line in lines if not is_in_earlier_graph(line)]
    graph = group_by_subject(lines)
    return ChunkOutput(
        count,
        count_statements(graph),
        make_table_rows(graph) if dumps else {},
        index_entries(graph, broader_by_concept),
        serialise_chunk(chunk, b"".join(lines)) if dumps else {},
    )
