"""Answers SPARQL, from a release on this machine or from an endpoint anywhere.

What the rest of the product knows of engines is here: a query and a format go in, an
``Answer`` comes out, or a ``QueryError``. An answer is complete or there is none.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO, NamedTuple, Protocol

from cybilgraph.formats import Format
from cybilgraph.workers.turns import Caller

_BLOCK = 1 << 18


class Content:
    """The bytes of a complete answer: a small one in memory, a large one on disk, without a name, as long
    as anybody has it.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._last = b""
        self.size = 0

    def add(self, part: bytes) -> None:
        """Take a part that is not the last. Raises OSError where the disk is full."""
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        self._file.write(part)
        self.size += len(part)

    def end(self, last: bytes) -> Content:
        """Take the last part."""
        if self._file:
            self._file.write(last)
            self._file.flush()
        else:
            self._last = last
        self.size += len(last)
        return self

    def blocks(self) -> Iterator[bytes]:
        """All of it, some at a time."""
        if self._file is None:
            yield self._last
            return
        self._file.seek(0)
        yield from iter(partial(self._file.read, _BLOCK), b"")


class Graphs(NamedTuple):
    """The dataset of a query (SPARQL 1.1 Protocol, section 2.1.4): IRIs of graphs; without any, the query says."""

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


ALL = Graphs()


class Advice(NamedTuple):
    """Why a query may be ``empty``, ``slow`` or ``partial``: a sentence or two, and the line that it is
    about (0: none).
    """

    why: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: ``body`` is ``format``'s serialisation of it, ``rows`` the number of rows of a table,
    ``advice`` what is told of an answer that is empty, that took long, or that may lack rows.
    """

    format: Format
    body: Content
    rows: int | None = None
    advice: tuple[Advice, ...] = ()

    @property
    def content(self) -> bytes:
        """All of it at once."""
        return b"".join(self.body.blocks())


class Engine(Protocol):
    """What plugs in as an engine."""

    @property
    def services(self) -> frozenset[str]:
        """The endpoints that a query may call with SERVICE."""
        ...

    def answer(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None = None,
        *,
        graphs: Graphs = ALL,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a query in the first of ``formats`` that fits what the query returns.

        ``timeout`` in seconds may only shorten the engine's own deadline; ``caller`` is whom to be fair
        to, and may leave. Raises QueryError.
        """
        ...

    def at_once(self, query: str, formats: tuple[Format, ...], *, graphs: Graphs = ALL) -> Answer | None:
        """The same answer where it can be had in a moment, and nothing is to be said of it. For an event loop: it
        waits for nobody. What it answers needs no guard.
        """
        ...

    def explain(self, query: str) -> tuple[Advice, ...]:
        """Why a query may be empty or slow, without running it. Raises QueryError."""
        ...

    def close(self) -> None:
        """Let go of workers and files."""
        ...
