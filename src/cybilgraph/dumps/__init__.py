"""A release's graph → files to take away: every RDF syntax, and tables for spreadsheets.

The graph comes in pieces that know nothing of each other: what each gives to every file is packed by itself, so
that it can be made by any process, or long before. Memory does not grow with the graph. Equal graphs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cybilgraph.dumps.described import (
    ABOUT,
    DATASET,
    KEYWORDS,
    TITLE,
    File,
    Statistics,
    located,
    paged,
    statistics,
    write_descriptions,
)
from cybilgraph.dumps.packing import NOT_PACKED, PACKERS, unpacked
from cybilgraph.dumps.tables import Rows, rows_of_tables, write_tables
from cybilgraph.engine.store import parsed, written
from cybilgraph.formats import GRAPH_FORMATS, Format, Kind

#: The graph is in files of this name.
NAME = "cybilgraph"
#: Those of the whole graph with all that is known of it, the smaller first.
WHOLE = (f"{NAME}.nq.zst", f"{NAME}.nq.gz")

__all__ = [
    "ABOUT",
    "DATASET",
    "KEYWORDS",
    "NAME",
    "NOT_PACKED",
    "TITLE",
    "WHOLE",
    "Dumps",
    "File",
    "Rows",
    "Statistics",
    "located",
    "packed",
    "paged",
    "rows_of_tables",
    "statistics",
    "unpacked",
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


@cache
def _head(fmt: Format) -> bytes:
    sample = written(parsed(b"<x:s> <x:p> <x:o> .\n"), fmt)
    return sample.partition(_SHELLS.get(fmt.name, _SHELL).begins)[0]


def packed(piece: bytes, quads: list[Any], lines: list[bytes], present: list[Any]) -> dict[str, bytes]:
    """N-Quads of ours in every syntax, packed in both ways, by the end of the dump's name; without what stands at
    the head and the end of a document. What is empty is not packed. Given are the ``quads`` of the piece, too, and
    the ``lines`` and quads of the ``present``.
    """
    done: dict[bytes, dict[str, bytes]] = {b"": dict.fromkeys(PACKERS, b"")}
    files: dict[str, bytes] = {}
    for fmt in GRAPH_FORMATS:
        now = fmt.kind is Kind.GRAPH
        if fmt.name in ("nquads", "ntriples"):
            content = b"".join(lines) if now else piece
        else:
            document = written(present if now else quads, fmt)
            content = document.removeprefix(_head(fmt)).removesuffix(_SHELLS.get(fmt.name, _SHELL).end)
        if content not in done:  # without history, some syntaxes are the same
            done[content] = {packer: pack(content) for packer, pack in PACKERS.items()}
        files |= {f"{fmt.suffix}.{packer}": data for packer, data in done[content].items()}
    return files


class Dumps:
    """The files of every syntax, put together of pieces; a context manager. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._files = ExitStack()
        self._outputs = {
            (fmt, packer): self._files.enter_context((folder / f"{NAME}.{fmt.suffix}.{packer}").open("xb"))
            for fmt in GRAPH_FORMATS
            for packer in PACKERS
        }
        self._begun: set[tuple[Format, str]] = set()

    def __enter__(self) -> Dumps:
        self._write(_head)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._files:
            if kind is None:
                self._write(lambda fmt: _SHELLS.get(fmt.name, _SHELL).end)

    def _write(self, content: Callable[[Format], bytes]) -> None:
        for (fmt, packer), output in self._outputs.items():
            if data := content(fmt):
                output.write(PACKERS[packer](data))

    def add(self, piece: Mapping[str, bytes]) -> None:
        """Write the next piece, as ``packed`` gives it."""
        for (fmt, packer), output in self._outputs.items():
            if data := piece[f"{fmt.suffix}.{packer}"]:
                between = _SHELLS.get(fmt.name, _SHELL).between
                if between and (fmt, packer) in self._begun:
                    output.write(PACKERS[packer](between))
                self._begun.add((fmt, packer))
                output.write(data)
