"""The pieces of a graph: what a release makes of each is worked out once, in any process, and put together in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cybilgraph.model.vocabulary import SKOS
from cybilgraph.rdf.dumps import Rows, Statistics, packed, rows_of_tables, statistics
from cybilgraph.rdf.ntriples import texts, things
from cybilgraph.rdf.serialisation import is_of_version
from cybilgraph.release.graph_file import read_graph
from cybilgraph.release.search import Name, Told, told
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.parallel import Team

#: So many new pieces are worked on at once; of those that are remembered, so many are looked up.
_BATCH, _MOST = 40, 400
_BROADER = f" <{SKOS.broader}> ".encode()


@dataclass(slots=True)
class ChunkOutput:
    """What is made of a piece: how many quads it has, and counts; the rows of each table, projects and names for the
    search; and its part of each dump, by the end of its name.
    """

    quads: int
    counts: Statistics
    rows: Rows
    told: tuple[list[Told], list[Name]]
    dumps: dict[str, bytes]


#: What is remembered of pieces is made of these.
CLASSES = (ChunkOutput, Statistics, Told, Counter)


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece, by its size in bytes in the file and what it is known by."""

    size: int
    known: bytes


def made_of(
    graph: Path, remembered: BuildCache, team: Team, *, dumps: bool, cuts: list[Cut] | None = None
) -> Iterator[ChunkOutput]:
    """What is made of each piece of a graph, in order; with ``dumps`` or without. The pieces are added to ``cuts``.
    Raises OSError.
    """
    broader = b"".join(_broader(piece) for _, piece in read_graph(graph))

    def asked() -> Iterator[tuple[bytes, bytes]]:
        for size, piece in read_graph(graph):
            known = remembered.key(piece)
            if cuts is not None:
                cuts.append(Cut(size, known))
            yield remembered.key(bytes([dumps]), broader, known), piece

    yield from remembered.each(
        asked(),
        partial(_made, broader, dumps),
        lambda batch: team.submit(_made, broader, dumps, batch),
        batch=_BATCH,
        most=_MOST,
        ahead=team.size + 1,
    )


def _broader(piece: bytes) -> bytes:
    """The lines about what is broader than what."""
    if _BROADER not in piece:
        return b""
    return b"".join(line for line in piece.splitlines(keepends=True) if _BROADER in line)


def _made(broader: bytes, dumps: bool, batch: list[bytes]) -> list[ChunkOutput]:
    """What is made of pieces; ``broader`` are the statements of the whole graph about what is broader than what."""
    known = {narrower: texts(own, SKOS.broader) for narrower, own in things(broader.splitlines(keepends=True)).items()}
    return [_made_of_one(piece, known, dumps) for piece in batch]


def _made_of_one(piece: bytes, broader: dict[str, list[str]], dumps: bool) -> ChunkOutput:
    lines = piece.splitlines(keepends=True)
    count = len(lines)
    lines = [line for line in lines if not is_of_version(line)]
    graph = things(lines)
    return ChunkOutput(
        count,
        statistics(graph),
        rows_of_tables(graph) if dumps else {},
        told(graph, broader),
        packed(piece, lines) if dumps else {},
    )
