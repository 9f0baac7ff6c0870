"""The engine over a release on this machine: queries run in worker processes that can be killed."""

from __future__ import annotations

import json
import os
import queue
import re
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cybilgraph.engine import Answer
from cybilgraph.errors import (
    AnswerTooLarge,
    EngineUnavailable,
    FormatMismatch,
    QueryError,
    QuerySyntaxError,
    QueryTimeout,
)
from cybilgraph.formats import BY_NAME, FORMATS, Format
from cybilgraph.queries import unknown_prefixes

_POSITION = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.DOTALL)
#: A worker has this many seconds to start and open the store.
_START = 30.0
#: A request waits this many seconds for a worker before it is told that all are busy.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use: seconds, bytes of answer, bytes of a worker's address space."""

    timeout: float = 30.0
    answer: int = 256_000_000
    memory: int = 2_000_000_000
    workers: int = 2


class _Died(Exception):
    """The worker ended in the middle of a query."""


class _Worker:
    """The parent's hold on one worker process."""

    def __init__(self, store: Path, limits: Limits) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "cybilgraph.engine.worker", str(store), str(limits.memory), str(limits.answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._input = self._process.stdin
        self._output = self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._buffer = bytearray()
        self._ready = False

    def ask(self, query: str, formats: list[str], deadline: float) -> tuple[dict[str, Any], bytes]:
        """Head and content of the answer.

        Raises TimeoutError at the deadline, EngineUnavailable where the worker could not even
        open its store, _Died where it ended in the middle.
        """
        if not self._ready:
            try:
                self._line(time.monotonic() + _START)
            except (_Died, TimeoutError) as error:
                raise EngineUnavailable(
                    "The store of the release cannot be opened", "Build the release again, or serve another."
                ) from error
            self._ready = True
        try:
            self._input.write(json.dumps({"query": query, "formats": formats}).encode() + b"\n")
            self._input.flush()
        except OSError as error:
            raise _Died from error
        head: dict[str, Any] = json.loads(self._line(deadline))
        size = head["size"]
        while len(self._buffer) < size:
            self._more(deadline)
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return head, content

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._more(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TimeoutError
        data = os.read(self._output.fileno(), 1 << 20)
        if not data:
            raise _Died
        self._buffer += data

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # a request that the process no longer read
            self._input.close()
        self._output.close()


class EmbeddedEngine:
    """A pool of workers over one store. Safe for use by several threads."""

    def __init__(self, store: Path, limits: Limits | None = None) -> None:
        self._store = store
        self._limits = limits or Limits()
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(self._limits.workers):
            self._start()

    def _start(self) -> None:
        with self._lock:
            if not self._closed:
                worker = _Worker(self._store, self._limits)
                self._all.add(worker)
                self._idle.put(worker)

    def answer(self, query: str, formats: tuple[Format, ...], timeout: float | None = None) -> Answer:
        """Answer a query; see Engine.answer.

        Raises QuerySyntaxError, FormatMismatch, QueryTimeout, AnswerTooLarge,
        EngineUnavailable, or QueryError where the query fails or brings its worker down.
        """
        seconds = min(timeout or self._limits.timeout, self._limits.timeout)
        deadline = time.monotonic() + seconds
        try:
            worker = self._idle.get(timeout=min(seconds, _PATIENCE))
        except queue.Empty:
            raise EngineUnavailable("All query workers are busy", "Try again in a few seconds.") from None
        sound = False
        try:
            head, content = worker.ask(query, [fmt.name for fmt in formats], deadline)
            sound = True
        except TimeoutError:
            raise QueryTimeout(
                f"The query was stopped after {seconds:g} seconds",
                "Narrow it: name a country, an actor or a project, put FILTERs near their patterns, or add a LIMIT.",
            ) from None
        except _Died:
            raise QueryError(
                "The query used up the memory or the depth that one query may have",
                "Ask for less at a time, with fewer nested brackets, UNIONs or sorted rows.",
            ) from None
        finally:
            if sound:
                self._idle.put(worker)
            else:
                self._replace(worker)
        return _answer(query, head, content)

    def _replace(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()
        self._start()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()


def _answer(query: str, head: dict[str, Any], content: bytes) -> Answer:
    message = str(head.get("message", ""))
    match head.get("error"):
        case None:
            return Answer(BY_NAME[head["format"]], content)
        case "syntax":
            found = _POSITION.search(message)
            unknown = ", ".join(f"{prefix}:" for prefix in unknown_prefixes(query))
            raise QuerySyntaxError(
                found["message"] if found else message,
                f"No PREFIX declares {unknown}" if unknown else "",
                line=int(found["line"]) if found else 0,
                column=int(found["column"]) if found else 0,
            )
        case "format":
            kinds = "RDF (CONSTRUCT, DESCRIBE)" if message == "graph" else "a table (SELECT, ASK)"
            raise FormatMismatch(
                f"The query gives {kinds}, which none of the formats asked for can hold",
                "Ask for one of: "
                + ", ".join(fmt.name for fmt in FORMATS if fmt.carries_graph == (message == "graph")),
            )
        case "size":
            raise AnswerTooLarge(
                f"The answer is larger than {int(message):,} bytes", "Add a LIMIT, or harvest the dump of the release."
            )
        case _:
            raise QueryError(f"The query failed: {message}")
