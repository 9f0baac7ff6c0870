"""Write a release's graph as downloads: all RDF syntaxes, and tables for spreadsheets.

The graph comes in independent chunks. Each chunk is serialised and compressed on its own, so that any
process can do it in advance. Memory does not grow with the graph, and equal graphs give equal bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format, FormatKind
from cybilgraph.rdf.dumps.compressed_parts import CompressedFile, deflate_part
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
from cybilgraph.rdf.dumps.table_reader import read_table
from cybilgraph.rdf.dumps.tables import COLUMNS, TableNames, TableRows, make_table_rows, replace_iris, write_tables
from cybilgraph.rdf.serialisation import parse_nquads, write_quads

#: The base name of the dump files.
NAME = "cybilgraph"
#: The dumps of the whole graph with its history, smallest first.
FULL_DUMPS = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")

__all__ = [
    "ABOUT",
    "COLUMNS",
    "DATASET",
    "FULL_DUMPS",
    "KEYWORDS",
    "NAME",
    "TITLE",
    "DumpWriter",
    "GraphStatistics",
    "ReleaseFile",
    "TableNames",
    "TableRows",
    "count_statements",
    "describe_paging",
    "make_table_rows",
    "read_table",
    "replace_iris",
    "serialise_chunk",
    "with_licence",
    "with_locations",
    "write_descriptions",
    "write_tables",
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
#: Formats that coincide without named graphs.
_FORMATS_WITHOUT_HISTORY = {BY_NAME["nquads"]: BY_NAME["ntriples"], BY_NAME["trig"]: BY_NAME["turtle"]}


@cache
def _head(fmt: Format) -> bytes:
    sample = write_quads(parse_nquads(b"<x:s> <x:p> <x:o> .\n"), fmt)
    return sample.partition(_ENVELOPES.get(fmt.name, _NO_ENVELOPE).begins)[0]


def serialise_chunk(piece: bytes, lines: list[bytes]) -> dict[str, bytes]:
    """Serialise and compress a chunk of N-Quads in every syntax, by file suffix.

    The results are parts of compressed files, without the head and end of a document; an empty part stays
    empty. ``lines`` are those of the current graph.
    """
    ours = b"".join(lines)
    present = parse_nquads(ours)
    quads = parse_nquads(piece) if len(ours) < len(piece) else present
    files: dict[str, bytes] = {}
    for fmt in GRAPH_FORMATS:
        if quads is present and fmt in _FORMATS_WITHOUT_HISTORY:
            files[fmt.suffix] = files[_FORMATS_WITHOUT_HISTORY[fmt].suffix]
            continue
        now = fmt.kind is FormatKind.GRAPH
        if fmt.name in ("nquads", "ntriples"):
            content = ours if now else piece
        else:
            document = write_quads(present if now else quads, fmt)
            content = document.removeprefix(_head(fmt)).removesuffix(_ENVELOPES.get(fmt.name, _NO_ENVELOPE).end)
        files[fmt.suffix] = deflate_part(content) if content else b""
    return files


class DumpWriter:
    """A context manager that writes the dumps from their chunks. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._files = ExitStack()
        self._paths = {fmt: folder / f"{NAME}.{fmt.suffix}" for fmt in GRAPH_FORMATS}
        # Files that are identical so far: each is created when they diverge, or copied at the end.
        self._identical = dict(_FORMATS_WITHOUT_HISTORY)
        self._outputs = {
            fmt: self._files.enter_context(CompressedFile(path))
            for fmt, path in self._paths.items()
            if fmt not in self._identical
        }
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
        if kind is None:
            for fmt, other in self._identical.items():
                for end in (".gz", ".zst"):
                    shutil.copyfile(f"{self._paths[other]}{end}", f"{self._paths[fmt]}{end}")

    def _write(self, content: Callable[[Format], bytes]) -> None:
        for fmt, output in self._outputs.items():
            if data := content(fmt):
                output.add(deflate_part(data))

    def add(self, piece: Mapping[str, bytes]) -> None:
        """Write the next result of ``serialise_chunk``."""
        for fmt, other in [*self._identical.items()]:
            if piece[fmt.suffix] != piece[other.suffix]:
                del self._identical[fmt]
                self._outputs[fmt] = self._files.enter_context(self._outputs[other].copy(self._paths[fmt]))
        for fmt, output in self._outputs.items():
            if part := piece[fmt.suffix]:
                between = _ENVELOPES.get(fmt.name, _NO_ENVELOPE).between
                if between and fmt in self._started:
                    output.add(deflate_part(between))
                self._started.add(fmt)
                output.add(part)
