"""A release's graph → files to take away: every RDF syntax, and tables for spreadsheets.

Everything is written as it comes: memory does not grow with the graph. Equal graphs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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

#: The graph is in files of this name.
NAME = "cybilgraph"
#: Those of the whole graph with all that is known of it, the smaller first.
WHOLE = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")
#: Lines, and bytes, that are handled at once.
_LINES, _BYTES = 2_000, 1 << 18


__all__ = [
    "ABOUT",
    "DATASET",
    "KEYWORDS",
    "NAME",
    "NOT_PACKED",
    "TITLE",
    "WHOLE",
    "File",
    "located",
    "paged",
    "statistics",
    "unpacked",
    "write_descriptions",
    "write_dumps",
]


def write_dumps(graph: Path, store: Path, folder: Path) -> None:
    """Write all dumps of an N-Quads file of ours into a folder; ``store`` has the same graph. Raises OSError."""
    with ThreadPoolExecutor(2) as threads:  # while one compresses, Python goes on with the other
        jobs = [threads.submit(_write_syntax, graph, fmt, folder) for fmt in GRAPH_FORMATS]
        jobs.append(threads.submit(write_tables, graph, store, folder))
        for job in jobs:
            job.result()


def _write_syntax(graph: Path, fmt: Format, folder: Path) -> None:
    with graph.open("rb") as lines, packed_both_ways(folder / f"{NAME}.{fmt.suffix}") as output:
        serialise(_present(lines) if fmt.kind is Kind.GRAPH else iter(lambda: lines.read(_BYTES), b""), fmt, output)


def _present(lines: IO[bytes]) -> Iterator[bytes]:
    """The lines of the default graph, some at once."""
    while block := list(islice(lines, _LINES)):
        yield b"".join([line for line in block if not is_of_version(line)])
