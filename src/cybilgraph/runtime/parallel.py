"""Functions, done in worker processes of our own: what takes long uses all processors.

    with Crew() as crew:
        answer = crew.submit(function, *arguments).result()

Function and arguments go there, and the value or the exception comes back, as pickles between processes
of one program. Run as ``python -m cybilgraph.runtime.parallel``, it is the side of the processes.
"""

from __future__ import annotations

import gc
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from cybilgraph.errors import CybilgraphError
from cybilgraph.runtime.pool import Pool, PoolLimits, WorkerDied, WorkerStartFailed
from cybilgraph.runtime.worker import run_fork_server

#: Work of a crew has as much time as it needs: a week.
_MAX_SECONDS = 7 * 86_400.0
#: The collector of a process looks for garbage when it has so many more objects: some megabytes.
_COLLECTOR_THRESHOLD = 50_000

_Value = TypeVar("_Value")


def processor_count() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SizedExecutor(Executor, ABC):
    """An executor that tells its size."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many functions it does at once."""


class ProcessPool(SizedExecutor):
    """As many processes as there are processors; they are started when the first function is submitted.

    A function whose process is lost is done again in this one, which also tells of a fault of our own.
    A context manager: when the block fails, what is under way is not waited for.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(processor_count())
        self._pool: Pool | None = None
        self._lock = Lock()
        self._closed = False

    @property
    def size(self) -> int:
        """As many as there are processors."""
        return processor_count()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """The value of a function, to come: one that is at the top of its module."""
        return self._threads.submit(self._ask, function, arguments, named)

    def _ask(self, function: Callable[..., _Value], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Value:
        try:
            head, content = self._workers().ask({}, pickle.dumps((function, arguments, named)), seconds=_MAX_SECONDS)
        except (WorkerDied, WorkerStartFailed):
            if self._closed:
                raise
            return function(*arguments, **named)
        value = pickle.loads(content)  # noqa: S301 - from a process of our own
        if head["failed"]:
            raise value
        answer: _Value = value
        return answer

    def _workers(self) -> Pool:
        """The processes. Raises WorkerStartFailed after the end."""
        with self._lock:
            if self._closed:
                raise WorkerStartFailed
            self._pool = self._pool or Pool("cybilgraph.runtime.parallel", (), PoolLimits(processor_count()))
            return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, when they have done all that was submitted; without ``wait``, now."""
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
    except (CybilgraphError, OSError) as error:  # raised where the function was submitted; what else is raised ends us
        return {"failed": True}, pickle.dumps(error)


@cache
def _freeze_loaded() -> None:
    """Names and patterns that the first function has loaded are never garbage: the collector need not look through
    them again and again. And it looks less often: what is made of a batch is nearly all still needed then.
    """
    gc.freeze()
    gc.set_threshold(_COLLECTOR_THRESHOLD)


if __name__ == "__main__":
    run_fork_server(lambda: _call, 0, None)  # our own functions, on the operator's files
