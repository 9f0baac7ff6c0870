"""Answers SPARQL queries from a local release or a remote endpoint.

This module defines the interface of engines: it takes a query and a format and returns an ``Answer``, or raises
``QueryError``. Answers are always complete.
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

from cybilgraph.model.formats import Format
from cybilgraph.runtime.scheduler import Caller

_BLOCK_BYTES = 1 << 16


class AnswerBudget:
    """Limits the bytes of large answers that wait to be sent, in total and per client. Thread-safe."""

    def __init__(self, total: int = sys.maxsize, per_client: int = sys.maxsize) -> None:
        self._total, self._per_client = total, per_client
        self._held: Counter[str] = Counter()
        # Reentrant, because garbage collection can run a finaliser that calls give_back inside these methods.
        self._lock = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes currently in use."""
        with self._lock:
            return self._held.total()

    def take(self, client: str, size: int) -> None:
        """Reserve bytes for a client. Raises OSError (EDQUOT) if a limit would be exceeded."""
        with self._lock:
            if self._held[client] + size > self._per_client:
                raise OSError(errno.EDQUOT, "your other unread responses use up your quota")
            if self._held.total() + size > self._total:
                raise OSError(errno.EDQUOT, "too many responses are being sent at the moment")
            self._held[client] += size

    def give_back(self, client: str, size: int) -> None:
        """Release bytes that a client reserved."""
        with self._lock:
            self._held[client] -= size
            if not self._held[client]:
                del self._held[client]

    @contextmanager
    def held(self, client: str, size: int) -> Iterator[None]:
        """Reserve bytes for a client during a block. Raises OSError like ``take``."""
        self.take(client, size)
        try:
            yield
        finally:
            self.give_back(client, size)


class _Spool:
    """An unnamed temporary file whose size counts against a client's budget until it is closed."""

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


class AnswerBody:
    """The bytes of a complete answer: in memory if small, in an unnamed temporary file if large.

    The file exists until the body is closed or garbage-collected. As a context manager, it closes if the block fails.
    """

    def __init__(self, budget: AnswerBudget | None = None, client: str = "") -> None:
        """Create an empty body; its bytes on disk count against the ``budget`` of the ``client``."""
        self._budget, self._client = budget, client
        self._spool: _Spool | None = None
        self._last = b""
        self.size = 0

    def __enter__(self) -> AnswerBody:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self.close()

    @property
    def in_memory(self) -> int:
        """Bytes held in memory, which no budget counts."""
        return len(self._last)

    def add(self, part: bytes) -> None:
        """Add a part that is not the last. Raises OSError if the disk is full or the budget is used up."""
        if self._spool is None:
            self._spool = _Spool(self._budget or AnswerBudget(), self._client)
            weakref.finalize(self, self._spool.close)
        self._spool.write(part)
        self.size += len(part)

    def end(self, last: bytes) -> AnswerBody:
        """Add the last part. Raises OSError like ``add``."""
        if self._spool:
            self._spool.write(last)
            self._spool.file.flush()
        else:
            self._last = last
        self.size += len(last)
        return self

    def blocks(self) -> Iterator[bytes]:
        """Yield the whole answer in blocks."""
        if self._spool is None:
            yield self._last
            return
        self._spool.file.seek(0)
        yield from iter(partial(self._spool.file.read, _BLOCK_BYTES), b"")

    def close(self) -> None:
        """Delete the temporary file."""
        if self._spool:
            self._spool.close()


class Dataset(NamedTuple):
    """The dataset of a request, as graph IRIs (SPARQL 1.1 Protocol, section 2.1.4); if empty, the query decides."""

    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


QUERY_DATASET = Dataset()


class Hint(NamedTuple):
    """Why a query may be ``empty``, ``slow`` or ``partial``: a sentence or two, and the line concerned (0: none)."""

    kind: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: its serialised ``body``, the number of ``rows`` if it is a table, and ``hints`` if it is
    empty, was slow or may lack rows.
    """

    format: Format
    body: AnswerBody
    rows: int | None = None
    hints: tuple[Hint, ...] = ()

    @property
    def content(self) -> bytes:
        """The whole answer as bytes."""
        return b"".join(self.body.blocks())


class Engine(Protocol):
    """The interface of an engine."""

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
        graphs: Dataset = QUERY_DATASET,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a query in the first of ``formats`` that fits the kind of result.

        ``timeout``, in seconds, can only shorten the engine's own deadline. ``caller`` is used for fair scheduling,
        and may cancel. Raises QueryError.
        """
        ...

    def answer_fast(self, query: str, formats: tuple[Format, ...], *, graphs: Dataset = QUERY_DATASET) -> Answer | None:
        """Return the same answer if it is available at once and needs no hints, else None.

        Never blocks, so an event loop may call it. Queries that it answers need no ``guard``.
        """
        ...

    def explain(self, query: str, *, caller: Caller | None = None) -> tuple[Hint, ...]:
        """Say why a query may be empty or slow, without running it. Raises QueryError."""
        ...

    def close(self) -> None:
        """Stop the workers and close files."""
        ...
