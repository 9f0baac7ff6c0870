"""A release's graph → files to take away: every RDF syntax, and tables for spreadsheets.

The graph comes in pieces that know nothing of each other: what each gives to every file is packed by itself, so
that it can be made by any process, or long before. Memory does not grow with the graph. Equal graphs give equal bytes.
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
from cybilgraph.rdf.dumps.compressed_parts import Packed, deflated
from cybilgraph.rdf.dumps.metadata import (
    ABOUT,
    DATASET,
    KEYWORDS,
    TITLE,
    File,
    Statistics,
    licensed,
    located,
    paged,
    statistics,
    write_descriptions,
)
from cybilgraph.rdf.dumps.table_reader import read_table
from cybilgraph.rdf.dumps.tables import COLUMNS, Rows, TableNames, named, rows_of_tables, write_tables
from cybilgraph.rdf.serialisation import parsed, written

#: The graph is in files of this name.
NAME = "cybilgraph"
#: Those of the whole graph with all that is known of it, the smaller first.
WHOLE = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")

__all__ = [
    "ABOUT",
    "COLUMNS",
    "DATASET",
    "KEYWORDS",
    "NAME",
    "TITLE",
    "WHOLE",
    "Dumps",
    "File",
    "Rows",
    "Statistics",
    "TableNames",
    "licensed",
    "located",
    "named",
    "packed",
    "paged",
    "read_table",
    "rows_of_tables",
    "statistics",
    "write_descriptions",
    "write_tables",
]


@dataclass(frozen=True, slots=True)
class _Shell:
    """What is around the statements of a document: its head ends where the first statement ``begins``."""

    begins: bytes = b"<x:"
    between: bytes = b""
    end: bytes = b""


_SHELLS = {
    "jsonld": _Shell(b"{", b",", b"]"),
    "rdfxml": _Shell(b"\n\t<rdf:Description", end=b"\n</rdf:RDF>"),
}
_SHELL = _Shell()
#: Where there are no named graphs, a document of one syntax is one of the other.
_OF_PRESENT = {BY_NAME["nquads"]: BY_NAME["ntriples"], BY_NAME["trig"]: BY_NAME["turtle"]}


@cache
def _head(fmt: Format) -> bytes:
    sample = written(parsed(b"<x:s> <x:p> <x:o> .\n"), fmt)
    return sample.partition(_SHELLS.get(fmt.name, _SHELL).begins)[0]


def packed(piece: bytes, lines: list[bytes]) -> dict[str, bytes]:
    """N-Quads of ours in every syntax, by the end of its file's name, as a part of a packed file; without what
    stands at the head and the end of a document. What is empty is not packed. Given are the ``lines`` of the
    present, too.
    """
    ours = b"".join(lines)
    present = parsed(ours)
    quads = parsed(piece) if len(ours) < len(piece) else present
    files: dict[str, bytes] = {}
    for fmt in GRAPH_FORMATS:
        if quads is present and fmt in _OF_PRESENT:
            files[fmt.suffix] = files[_OF_PRESENT[fmt].suffix]
            continue
        now = fmt.kind is FormatKind.GRAPH
        if fmt.name in ("nquads", "ntriples"):
            content = ours if now else piece
        else:
            document = written(present if now else quads, fmt)
            content = document.removeprefix(_head(fmt)).removesuffix(_SHELLS.get(fmt.name, _SHELL).end)
        files[fmt.suffix] = deflated(content) if content else b""
    return files


class Dumps:
    """The files of every syntax, put together of pieces; a context manager. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._files = ExitStack()
        self._paths = {fmt: folder / f"{NAME}.{fmt.suffix}" for fmt in GRAPH_FORMATS}
        # A file that is the same as another so far is made when it is no more, or copied at the end.
        self._alike = dict(_OF_PRESENT)
        self._outputs = {
            fmt: self._files.enter_context(Packed(path)) for fmt, path in self._paths.items() if fmt not in self._alike
        }
        self._begun: set[Format] = set()

    def __enter__(self) -> Dumps:
        self._write(_head)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            if kind is None:
                self._write(lambda fmt: _SHELLS.get(fmt.name, _SHELL).end)
        finally:
            self._files.__exit__(kind, error, trace)
        if kind is None:
            for fmt, other in self._alike.items():
                for end in (".gz", ".zst"):
                    shutil.copyfile(f"{self._paths[other]}{end}", f"{self._paths[fmt]}{end}")

    def _write(self, content: Callable[[Format], bytes]) -> None:
        for fmt, output in self._outputs.items():
            if data := content(fmt):
                output.add(deflated(data))

    def add(self, piece: Mapping[str, bytes]) -> None:
        """Write the next piece, as ``packed`` gives it."""
        for fmt, other in [*self._alike.items()]:
            if piece[fmt.suffix] != piece[other.suffix]:
                del self._alike[fmt]
                self._outputs[fmt] = self._files.enter_context(self._outputs[other].copy(self._paths[fmt]))
        for fmt, output in self._outputs.items():
            if part := piece[fmt.suffix]:
                between = _SHELLS.get(fmt.name, _SHELL).between
                if between and fmt in self._begun:
                    output.add(deflated(between))
                self._begun.add(fmt)
                output.add(part)
