"""Write a release's graph as downloads: all RDF syntaxes, and tables for spreadsheets.

The graph comes in independent chunks. Each chunk is serialised and compressed on its own, so that any process can do
it. Memory does not grow with the graph, and equal graphs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cybilgraph.model.formats import BY_NAME, Format, FormatKind
from cybilgraph.rdf.dumps.compressed_parts import GzipFile, GzipPart, write_zstandard
from cybilgraph.rdf.dumps.metadata import (
    ABOUT,
    DATASET,
    KEYWORDS,
    TITLE,
    GraphStatistics,
    ReleaseFile,
    count_statements,
    describe_paging,
    with_licence,
    with_locations,
    write_descriptions,
)
from cybilgraph.rdf.dumps.tables import TableNames, TableRows, make_table_rows, write_tables
from cybilgraph.rdf.serialisation import parse_nquads, write_quads

#: The base name of the dump files.
NAME = "cybilgraph"
#: The dumps of the whole graph with its history, smallest first.
FULL_DUMPS = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")
#: The formats of the dumps. N-Quads and JSON-LD include the history, the others only the current graph.
DUMP_FORMATS = tuple(BY_NAME[name] for name in ("nquads", "ntriples", "turtle", "jsonld", "rdfxml"))

__all__ = [
    "ABOUT",
    "DATASET",
    "DUMP_FORMATS",
    "FULL_DUMPS",
    "KEYWORDS",
    "NAME",
    "TITLE",
    "DumpWriter",
    "GraphStatistics",
    "GzipPart",
    "ReleaseFile",
    "TableNames",
    "TableRows",
    "count_statements",
    "describe_paging",
    "make_table_rows",
    "serialise_chunk",
    "with_licence",
    "with_locations",
    "write_descriptions",
    "write_tables",
    "write_zstandard",
]


@dataclass(frozen=True, slots=True)
class _Envelope:
    """The text around and between the statements of a document. The head ends where a statement ``begins``."""

    begins: bytes = b"<x:"
    between: bytes = b""
    end: bytes = b""


_ENVELOPES = {
    "jsonld": _Envelope(b"{", b",", b"]"),
    "rdfxml": _Envelope(b"\n\t<rdf:Description", end=b"\n</rdf:RDF>"),
}
_NO_ENVELOPE = _Envelope()


@cache
def _head(fmt: Format) -> bytes:
    sample = write_quads(parse_nquads(b"<x:s> <x:p> <x:o> .\n"), fmt)
    return sample.partition(_ENVELOPES.get(fmt.name, _NO_ENVELOPE).begins)[0]


def serialise_chunk(quads: bytes, triples: bytes) -> dict[str, GzipPart]:
    """Serialise and compress a chunk of N-Quads in the syntax of each dump, by file suffix.

    ``triples`` are the statements of the current graph. The results are parts of compressed files, without the head
    and end of a document.
    """
    has_history = len(triples) < len(quads)
    present = parse_nquads(triples)
    dataset = parse_nquads(quads) if has_history else present
    current = GzipPart.of(triples)
    parts = {"ntriples": current, "nquads": GzipPart.of(quads) if has_history else current}
    for fmt in DUMP_FORMATS:
        if fmt.name not in parts:
            document = write_quads(dataset if fmt.kind is FormatKind.DATASET else present, fmt)
            end = _ENVELOPES.get(fmt.name, _NO_ENVELOPE).end
            parts[fmt.name] = GzipPart.of(document.removeprefix(_head(fmt)).removesuffix(end))
    return {fmt.suffix: parts[fmt.name] for fmt in DUMP_FORMATS}


class DumpWriter:
    """A context manager that writes the dumps from their chunks. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._files = ExitStack()
        paths = {fmt: folder / f"{NAME}.{fmt.suffix}" for fmt in DUMP_FORMATS}
        self._outputs = {fmt: self._files.enter_context(GzipFile(path)) for fmt, path in paths.items()}
        self._started: set[Format] = set()

    def __enter__(self) -> DumpWriter:
        self._write(_head)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            if kind is None:
                self._write(lambda fmt: _ENVELOPES.get(fmt.name, _NO_ENVELOPE).end)
        finally:
            self._files.__exit__(kind, error, trace)

    def _write(self, content: Callable[[Format], bytes]) -> None:
        for fmt, output in self._outputs.items():
            output.add(GzipPart.of(content(fmt)))

    def add(self, chunk: Mapping[str, GzipPart]) -> None:
        """Write the next result of ``serialise_chunk``."""
        for fmt, output in self._outputs.items():
            if (part := chunk[fmt.suffix]).size:
                between = _ENVELOPES.get(fmt.name, _NO_ENVELOPE).between
                if between and fmt in self._started:
                    output.add(GzipPart.of(between))
                self._started.add(fmt)
                output.add(part)
