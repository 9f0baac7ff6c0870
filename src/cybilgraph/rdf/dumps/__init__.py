"""Write a release's graph as downloads: all RDF syntaxes, and tables for spreadsheets.

The graph comes in independent chunks. Each chunk is serialised and compressed on its own, so that any process can do
it. Memory does not grow with the graph, and equal graphs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox

from cybilgraph.model.formats import BY_NAME, Format, FormatKind
from cybilgraph.rdf.dumps.compressed_parts import GzipPart, open_gzip_parts
from cybilgraph.rdf.serialisation import parse_nquads, write_quads

#: The base name of the dump files.
NAME = "cybilgraph"
#: The dumps of the whole graph with its history, smallest first.
FULL_DUMPS = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")
#: The formats of the dumps. N-Quads and JSON-LD include the history, the others only the current graph.
DUMP_FORMATS = tuple(BY_NAME[name] for name in ("nquads", "ntriples", "turtle", "jsonld", "rdfxml"))

#: Where the head of a document ends, and the text between and after its statements.
_SEPARATORS = {
    "jsonld": (b"{", b",", b"]"),
    "rdfxml": (b"\n\t<rdf:Description", b"", b"\n</rdf:RDF>"),
}


class _Envelope(NamedTuple):
    """The text before, between and after the statements of a document."""

    head: bytes
    between: bytes
    end: bytes


@cache
def _envelope(fmt: Format) -> _Envelope:
    first, between, end = _SEPARATORS.get(fmt.name, (b"<x:", b"", b""))
    sample = write_quads(parse_nquads(b"<x:s> <x:p> <x:o> .\n"), fmt)
    return _Envelope(sample.partition(first)[0], between, end)


def serialise_chunk(quads: bytes, triples: bytes) -> dict[str, GzipPart]:
    """Serialise and compress a chunk of N-Quads in the syntax of each dump, by file suffix.

    ``triples`` are the statements of the current graph. The results are parts of compressed files, without the head
    and end of a document.
    """
    has_history = len(triples) < len(quads)
    dataset = parse_nquads(quads)
    present = [quad for quad in dataset if isinstance(quad.graph_name, ox.DefaultGraph)] if has_history else dataset
    current = GzipPart.of(triples)
    parts = {"ntriples": current, "nquads": GzipPart.of(quads) if has_history else current}
    for fmt in DUMP_FORMATS:
        if fmt.name not in parts:
            document = write_quads(dataset if fmt.kind is FormatKind.DATASET else present, fmt)
            head, _, end = _envelope(fmt)
            parts[fmt.name] = GzipPart.of(document.removeprefix(head).removesuffix(end))
    return {fmt.suffix: parts[fmt.name] for fmt in DUMP_FORMATS}


@contextmanager
def open_dumps(folder: Path) -> Iterator[Callable[[Mapping[str, GzipPart]], None]]:
    """Open new files for all dumps; yield a function that writes the next result of ``serialise_chunk`` to them.

    Raises OSError.
    """
    with ExitStack() as files:
        outputs = {
            fmt: files.enter_context(open_gzip_parts(folder / f"{NAME}.{fmt.suffix}.gz")) for fmt in DUMP_FORMATS
        }
        started: set[Format] = set()

        def add(chunk: Mapping[str, GzipPart]) -> None:
            for fmt, write in outputs.items():
                if (part := chunk[fmt.suffix]).size:
                    if fmt in started:
                        write(GzipPart.of(_envelope(fmt).between))
                    started.add(fmt)
                    write(part)

        for fmt, write in outputs.items():
            write(GzipPart.of(_envelope(fmt).head))
        yield add
        for fmt, write in outputs.items():
            write(GzipPart.of(_envelope(fmt).end))
