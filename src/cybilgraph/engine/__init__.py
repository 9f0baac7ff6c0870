"""Answers SPARQL, from a release on this machine or from an endpoint anywhere.

What the rest of the product knows of engines is here: a query and a format go in, an
``Answer`` comes out, or a ``QueryError``. An answer is complete or there is none.
"""

from __future__ import annotations

import errno
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO, NamedTuple, Protocol

from cybilgraph.formats import Format
from cybilgraph.workers.turns import Caller

_BLOCK = 1 << 16


class AnswerBudget:
    """The bytes of large answers that are held until they have been sent: of all clients, and of one. Thread-safe."""

    def __init__(self, total: int = sys.maxsize, each: int = sys.maxsize) -> None:
        self._total, self._each = total, each
        self._held: Counter[str] = Counter()
        self._lock = threading.RLock()  # what is collected as garbage meanwhile gives back, too

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        with self._lock:
            return self._held.total()

    def take(self, client: str, size: int) -> None:
        """Count bytes that are held for a client. Raises OSError (EDQUOT) where they would be too many."""
        with self._lock:
            if self._held[client] + size > self._each:
                raise OSError(errno.EDQUOT, "your other answers, which you have not read yet, take up your share")
            if self._held.total() + size > self._total:
                raise OSError(errno.EDQUOT, "too many answers are being sent at this moment")
            self._held[client] += size

    def give_back(self, client: str, size: int) -> None:
        """Count bytes that are held no more."""
        with self._lock:
            self._held[client] -= size
            if not self._held[client]:
                del self._held[client]

    @contextmanager
    def held(self, client: str, size: int) -> Iterator[None]:
        """A block in which bytes are held for a client. Raises OSError as ``take`` does."""
        self.take(client, size)
        try:
            yield
        finally:
            self.give_back(client, size)


class _Spool:
    """A file without a name, whose bytes count against the budget of a client until it is closed."""

    def __init__(self, budget: AnswerBudget, client: str) -> None:
        self._budget, self._client, self._size = budget, client, 0
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115

    def write(self, data: bytes) -> None:
        self._budget.take(self._client, len(data))
        self._size += len(data)
        self.file.write(data)

    def close(self) -> None:
        size, self._size = self._size, 0
        self._budget.give_back(self._client, size)
        self.file.close()


class Content:
    """The bytes of a complete answer: a small one in memory, a large one on disk, without a name, until it is closed
    or nobody has it any more. A context manager: it is closed where its block fails.
    """

    def __init__(self, budget: AnswerBudget | None = None, client: str = "") -> None:
        """What is on disk counts against the ``budget`` of the ``client``."""
        self._budget, self._client = budget or AnswerBudget(), client
        self._spool: _Spool | None = None
        self._last = b""
        self.size = 0

    def __enter__(self) -> Content:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self.close()

    @property
    def in_memory(self) -> int:
        """Bytes of memory that it takes, which no budget counts."""
        return len(self._last)

    def add(self, part: bytes) -> None:
        """Take a part that is not the last. Raises OSError where the disk is full, or the budget is used up."""
        if self._spool is None:
            self._spool = _Spool(self._budget, self._client)
            weakref.finalize(self, self._spool.close)
        self._spool.write(part)
        self.size += len(part)

    def end(self, last: bytes) -> Content:
        """Take the last part. Raises OSError as ``add`` does."""
        if self._spool:
            self._spool.write(last)
            self._spool.file.flush()
        else:
            self._last = last
        self.size += len(last)
        return self

    def blocks(self) -> Iterator[bytes]:
        """All of it, some at a time."""
        if self._spool is None:
            yield self._last
            return
        self._spool.file.seek(0)
        yield from iter(partial(self._spool.file.read, _BLOCK), b"")

    def close(self) -> None:
        """Let go of what is on disk."""
        if self._spool:
            self._spool.close()


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

    def explain(self, query: str, *, caller: Caller | None = None) -> tuple[Advice, ...]:
        """Why a query may be empty or slow, without running it. Raises QueryError."""
        ...

    def close(self) -> None:
        """Let go of workers and files."""
        ...
