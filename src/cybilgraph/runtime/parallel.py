"""Runs functions in worker processes, to use all processors.

    with ProcessPool() as pool:
        result = pool.submit(function, *arguments).result()

Functions, arguments, results and exceptions are pickled between processes of one program. Run as
``python -m cybilgraph.runtime.parallel``, this module is the fork server of these processes.
"""

from __future__ import annotations

import gc
import os
import pickle
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from cybilgraph.errors import CybilgraphError
from cybilgraph.runtime.pool import Pool, PoolLimits, WorkerDied, WorkerStartFailed
from cybilgraph.runtime.worker import run_fork_server

#: No time limit in practice: a week.
_MAX_SECONDS = 7 * 86_400.0
#: New objects (some megabytes) after which a worker collects garbage.
_COLLECTOR_THRESHOLD = 50_000

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def processor_count() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SizedExecutor(Executor, ABC):
    """An executor with a known size."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of functions that run at once."""

    def map_ahead(
        self, function: Callable[..., _Value], items: Iterable[_Item], *arguments: Any
    ) -> Iterator[tuple[_Item, _Value]]:
        """Yield each item with the result of ``function(item, *arguments)``, in order; a few are processed ahead."""
        pending: deque[tuple[_Item, Future[_Value]]] = deque()
        for item in items:
            pending.append((item, self.submit(function, item, *arguments)))
            if len(pending) > self.size + 1:
                first, future = pending.popleft()
                yield first, future.result()
        while pending:
            first, future = pending.popleft()
            yield first, future.result()


class ProcessPool(SizedExecutor):
    """An executor with one process per processor, started when the first function is submitted.

    If a process is lost, its function runs again in this process, where a bug of ours shows up as an exception.
    As a context manager, it does not wait for running functions if the block fails.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(processor_count())
        self._pool: Pool | None = None
        self._lock = Lock()
        self._closed = False

    @property
    def size(self) -> int:
        """Number of processors."""
        return processor_count()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """Run a function in a process, and return a future of its result. It must be at the top of its module."""
        return self._threads.submit(self._ask, function, arguments, named)

    def _ask(self, function: Callable[..., _Value], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Value:
        try:
            head, content = self._workers().ask({}, pickle.dumps((function, arguments, named)), seconds=_MAX_SECONDS)
        except (WorkerDied, WorkerStartFailed):
            if self._closed:
                raise
            return function(*arguments, **named)
        value = pickle.loads(content)  # noqa: S301 - from our own process
        if head["failed"]:
            raise value
        answer: _Value = value
        return answer

    def _workers(self) -> Pool:
        """Return the pool of processes. Raises WorkerStartFailed after shutdown."""
        with self._lock:
            if self._closed:
                raise WorkerStartFailed
            self._pool = self._pool or Pool("cybilgraph.runtime.parallel", (), PoolLimits(processor_count()))
            return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, with ``wait`` after they have finished everything that was submitted."""
        if wait:
            self._threads.shutdown(cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
        if self._pool:
            self._pool.close()
        self._threads.shutdown(cancel_futures=cancel_futures)


def _call(_head: dict[str, Any], content: bytes, _send: object) -> tuple[dict[str, Any], bytes]:
    function, arguments, named = pickle.loads(content)  # noqa: S301 - from the process that started this one
    try:
        value = function(*arguments, **named)
        _freeze_loaded()
        return {"failed": False}, pickle.dumps(value)
    except (CybilgraphError, OSError) as error:  # raised again by the caller; other errors end this process
        return {"failed": True}, pickle.dumps(error)


@cache
def _freeze_loaded() -> None:
    """Exclude objects loaded by the first function from garbage collection, and collect less often.

    The reference data and patterns loaded are never garbage, and the results of a batch nearly all stay in use.
    """
    gc.freeze()
    gc.set_threshold(_COLLECTOR_THRESHOLD)


if __name__ == "__main__":
    run_fork_server(lambda: _call, 0, None)  # no sandbox: these are our own functions on the operator's files
