"""A graph in pieces: what a release makes of each is worked out once, in any process, and put together in order.

A piece has all of some projects, or of some other things. What stands in it decides where it ends, so that a
change is a change of its own piece, and at most of the next one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from cybilgraph.dumps import Rows, Statistics, packed, rows_of_tables, statistics
from cybilgraph.engine.store import is_of_version
from cybilgraph.ntriples import texts, things
from cybilgraph.remembered import Remembered
from cybilgraph.search import Name, Told, told
from cybilgraph.vocab import BASE, SKOS
from cybilgraph.workers.crew import Team

#: A piece has about so many bytes. In smaller ones less is made anew after a change, larger ones are packed better.
_BYTES = 100_000
#: So many new pieces are worked on at once; of those that are remembered, so many are looked up.
_BATCH, _MOST = 40, 400
#: So many bytes of a file are looked through at once.
_AT_ONCE = 1 << 20
_PROJECT = re.compile(rf"<{re.escape(BASE)}(?:id/project|record)/([^/>]+)".encode())
_BROADER = f" <{SKOS.broader}> ".encode()


@dataclass(slots=True)
class Made:
    """What is made of a piece: how many quads it has, and counts; the rows of each table, projects and names for the
    search; and its part of each dump, by the end of its name.
    """

    quads: int
    counts: Statistics
    rows: Rows
    told: tuple[list[Told], list[Name]]
    dumps: dict[str, bytes]


#: What is remembered of pieces is made of these.
CLASSES = (Made, Statistics, Told, Counter)


def pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a graph in pieces."""
    piece: list[bytes] = []
    for name, thing in _things(lines):
        piece.append(thing)
        # By chance, but always the same: the more of a piece a thing is, the likelier it ends it.
        if crc32(name) * _BYTES < len(thing) << 32:
            yield b"".join(piece)
            piece = []
    if piece:
        yield b"".join(piece)


def _things(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """All lines of one thing after another, with its name; what belongs to a project is of that."""
    name, own = b"", tuple[bytes, ...]()
    held: list[bytes] = []
    for line in lines:
        if not line.startswith(own):
            if held:
                yield name, b"".join(held)
            held = []
            project = _PROJECT.match(line)
            name = project[1] if project else line.split(b" ", 1)[0]
            own = _beginnings(name) if project else (name + b" ",)
        held.append(line)
    if held:
        yield name, b"".join(held)


def _beginnings(key: bytes) -> tuple[bytes, ...]:
    """How the lines of a project of this key begin."""
    base = BASE.encode()
    return tuple(b"<%b%b/%b%b" % (base, kind, key, end) for kind in (b"id/project", b"record") for end in (b">", b"/"))


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece, by its size in bytes and what it is known by."""

    size: int
    known: bytes


def made_of(
    graph: Path, remembered: Remembered, team: Team, *, dumps: bool, cuts: list[Cut] | None = None
) -> Iterator[Made]:
    """What is made of each piece of an N-Quads file of ours, in order; with ``dumps`` or without. The pieces are
    added to ``cuts``. Raises OSError.
    """
    with graph.open("rb") as lines:
        broader = b"".join(_lines_with(_BROADER, lines))
        lines.seek(0)

        def asked() -> Iterator[tuple[bytes, bytes]]:
            for piece in pieces(lines):
                known = remembered.key(piece)
                if cuts is not None:
                    cuts.append(Cut(len(piece), known))
                yield remembered.key(bytes([dumps]), broader, known), piece

        yield from remembered.each(
            asked(),
            partial(_made, broader, dumps),
            lambda batch: team.submit(_made, broader, dumps, batch),
            batch=_BATCH,
            most=_MOST,
            ahead=team.size + 1,
        )


def _lines_with(words: bytes, file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file that have these words. Not mapped: what was looked at would count as memory."""
    while block := file.read(_AT_ONCE):
        block += file.readline()
        if words in block:
            yield from (line for line in block.splitlines(keepends=True) if words in line)


def _made(broader: bytes, dumps: bool, batch: list[bytes]) -> list[Made]:
    """What is made of pieces; ``broader`` are the statements of the whole graph about what is broader than what."""
    known = {narrower: texts(own, SKOS.broader) for narrower, own in things(broader.splitlines(keepends=True)).items()}
    return [_made_of_one(piece, known, dumps) for piece in batch]


def _made_of_one(piece: bytes, broader: dict[str, list[str]], dumps: bool) -> Made:
    lines = piece.splitlines(keepends=True)
    count = len(lines)
    lines = [line for line in lines if not is_of_version(line)]
    graph = things(lines)
    return Made(
        count,
        statistics(graph),
        rows_of_tables(graph) if dumps else {},
        told(graph, broader),
        packed(piece, lines) if dumps else {},
    )
