"""Answers SPARQL queries from a local release or a remote endpoint.

Engines take a query and a format and return an ``Answer``, or raise ``QueryError``. Answers are always complete.
"""

from __future__ import annotations

import errno
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from cybilgraph.model.formats import Format

_BLOCK_BYTES = 1 << 16


class AnswerBudget:
    """Limits the bytes of large answers that wait to be sent, in total and per client. Thread-safe."""

    def __init__(self, total: int = sys.maxsize, per_client: int = sys.maxsize) -> None:
        self._total, self._per_client = total, per_client
        self._held: Counter[str] = Counter()
        # Reentrant, because garbage collection can run a finaliser that calls give_back inside these methods.
        self._lock = threading.RLock()

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


_UNLIMITED = AnswerBudget()


class AnswerBody:
    """The bytes of a complete answer: in memory if small, in an unnamed temporary file if large.

    The file exists until the body is closed or garbage-collected. As a context manager, it closes if the block fails.
    """

    def __init__(self, budget: AnswerBudget = _UNLIMITED, client: str = "") -> None:
        """Create an empty body; its bytes on disk count against the ``budget`` of the ``client``."""
        self._budget, self._client = budget, client
        self._file: IO[bytes] | None = None
        self._resources: ExitStack | None = None
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
        if self._file is None or self._resources is None:
            self._resources = ExitStack()
            weakref.finalize(self, self._resources.close)
            self._file = self._resources.enter_context(TemporaryFile())  # noqa: SIM115
        self._budget.take(self._client, len(part))
        self._resources.callback(self._budget.give_back, self._client, len(part))
        self._file.write(part)
        self.size += len(part)

    def end(self, last: bytes) -> AnswerBody:
        """Add the last part. Raises OSError like ``add``."""
        if self._file:
            self.add(last)
            self._file.flush()
        else:
            self._last = last
            self.size += len(last)
        return self

    def blocks(self) -> Iterator[bytes]:
        """Yield the whole answer in blocks."""
        if self._file is None:
            yield self._last
            return
        self._file.seek(0)
        yield from iter(partial(self._file.read, _BLOCK_BYTES), b"")

    def close(self) -> None:
        """Delete the temporary file."""
        if self._resources:
            self._resources.close()


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
