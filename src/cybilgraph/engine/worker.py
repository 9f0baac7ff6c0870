"""One query worker: a process of its own that evaluates one query at a time over a release.

Run as ``python -m cybilgraph.engine.worker STORE MEMORY_BYTES ANSWER_BYTES``. A request on
standard input, and an answer on standard output, are each a line of JSON; an answer's line
is followed by as many bytes as its ``size`` says. The parent kills the process at a deadline:
that is the only way to stop a query of this engine.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import IO, Any

import pyoxigraph as ox

from cybilgraph.engine.orphan import leave_with_parent
from cybilgraph.engine.store import RDF_FORMATS, RESULT_FORMATS
from cybilgraph.vocab import PREFIXES


class _TooLarge(Exception):
    """The answer is over the limit."""


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow over a limit, which stops the query that writes it."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self._limit:
            raise _TooLarge
        return super().write(data)


def evaluate(store: ox.Store, query: str, formats: list[str], limit: int) -> tuple[dict[str, Any], bytes]:
    """The head and content of an answer, or the head of a failure and nothing."""
    try:
        result = store.query(query, prefixes=PREFIXES)
        table: dict[str, Any] = RDF_FORMATS if isinstance(result, ox.QueryTriples) else RESULT_FORMATS
        name = next((name for name in formats if name in table), None)
        if name is None:
            return {"error": "format", "message": "graph" if table is RDF_FORMATS else "results"}, b""
        output = _Bounded(limit)
        if isinstance(result, ox.QueryTriples):
            ox.serialize(result, output, format=RDF_FORMATS[name], prefixes=PREFIXES)
        else:
            result.serialize(output, format=RESULT_FORMATS[name])
    except SyntaxError as error:
        return {"error": "syntax", "message": str(error)}, b""
    except _TooLarge:
        return {"error": "size", "message": str(limit)}, b""
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        return {"error": "evaluation", "message": str(error) or type(error).__name__}, b""
    return {"format": name}, output.getvalue()


def serve(store: ox.Store, requests: IO[bytes], answers: IO[bytes], limit: int) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        head, content = evaluate(store, request["query"], request["formats"], limit)
        answers.write(json.dumps(head | {"size": len(content)}).encode() + b"\n")
        answers.write(content)
        answers.flush()


def _close_the_door() -> None:
    """Take from this process the ability to open any file or socket: whatever a query says,
    nothing is fetched. Numbers that are free below the limit are filled, since it is a limit on
    numbers and not on how many are open.
    """
    lowest_free = os.dup(0)
    os.close(lowest_free)
    highest = max(int(name) for name in os.listdir("/dev/fd"))  # noqa: PTH208
    limit = max(highest + 1, lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with suppress(OSError):
        while True:
            os.dup(0)


def main(folder: str, memory: int, limit: int) -> None:
    """Open the store, give up what a query must never have, and serve."""
    # Ctrl-C reaches the whole group of processes; it is the parent that ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_with_parent()
    store = ox.Store.read_only(folder)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _close_the_door()
    with suppress(BrokenPipeError):  # the parent has gone
        sys.stdout.buffer.write(b"ready\n")
        sys.stdout.buffer.flush()
        serve(store, sys.stdin.buffer, sys.stdout.buffer, limit)
    os._exit(0)  # no farewell over a broken pipe


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
