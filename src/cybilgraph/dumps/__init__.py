"""A release's graph → files to take away: every RDF syntax, and tables for spreadsheets.

Everything is written as it comes: memory does not grow with the graph. Equal graphs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO

from cybilgraph.dumps.described import (
    ABOUT,
    DATASET,
    KEYWORDS,
    TITLE,
    File,
    located,
    paged,
    statistics,
    write_descriptions,
)
from cybilgraph.dumps.packing import NOT_PACKED, packed_both_ways, unpacked
from cybilgraph.dumps.tables import write_tables
from cybilgraph.engine.store import is_of_version, serialise
from cybilgraph.formats import GRAPH_FORMATS, Format, Kind
from cybilgraph.workers.crew import Crew, processors

#: The graph is in files of this name.
NAME = "cybilgraph"
#: Those of the whole graph with all that is known of it, the smaller first.
WHOLE = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")
#: Lines, and bytes, that are handled at once.
_LINES, _BYTES = 2_000, 1 << 18
#: A graph of more bytes than this takes seconds to write in all syntaxes.
_LARGE = 20_000_000

__all__ = [
    "ABOUT",
    "DATASET",
    "KEYWORDS",
    "NAME",
    "NOT_PACKED",
    "TITLE",
    "WHOLE",
    "File",
    "begin_dumps",
    "hands",
    "located",
    "paged",
    "statistics",
    "unpacked",
    "write_descriptions",
    "write_tables",
]


def hands(graph: Path) -> Executor:
    """Who writes the dumps of a graph: processes, where that takes longer than to start them, else threads. A
    context manager.
    """
    return Crew() if graph.stat().st_size > _LARGE else ThreadPoolExecutor(processors())


def begin_dumps(graph: Path, folder: Path, workers: Executor) -> list[Future[None]]:
    """Begin to write every syntax of an N-Quads file of ours into a folder. What is begun raises OSError."""
    return [workers.submit(_write_syntax, graph, fmt, folder) for fmt in GRAPH_FORMATS]


def _write_syntax(graph: Path, fmt: Format, folder: Path) -> None:
    with graph.open("rb") as lines, packed_both_ways(folder / f"{NAME}.{fmt.suffix}") as output:
        serialise(_present(lines) if fmt.kind is Kind.GRAPH else iter(lambda: lines.read(_BYTES), b""), fmt, output)


def _present(lines: IO[bytes]) -> Iterator[bytes]:
    """The lines of the default graph, some at once."""
    while block := list(islice(lines, _LINES)):
        yield b"".join([line for line in block if not is_of_version(line)])
