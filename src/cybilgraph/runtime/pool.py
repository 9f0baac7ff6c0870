"""A pool of worker processes, each killed and replaced when it exceeds its limits (the client's side).

Work starts in one of the slots, which callers get in turns. Work that takes more processor time than ``long_after`` is
*long*: it leaves its slot, so that short work never waits for it, and continues at a lower priority. If there is too
much long work, the newest of the caller with the most long work is stopped.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cybilgraph.runtime.fork_server import ForkServer, ForkServerState
from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler, run_blocking
from cybilgraph.runtime.wire import ProcessExit
from cybilgraph.runtime.worker_handle import (
    Reply,
    StartedTooLate,
    Task,
    Worker,
    WorkerCrashed,
    WorkerDied,
    WorkerStartFailed,
    WorkerStarting,
)

__all__ = [
    "Busy",
    "Caller",
    "ForkServerState",
    "Pool",
    "PoolLimits",
    "ProcessExit",
    "StartedTooLate",
    "WorkerCrashed",
    "WorkerDied",
    "WorkerStartFailed",
]

#: Default seconds that work waits for a slot before the pool reports ``Busy``.
_MAX_WAIT_SECONDS = 5.0
#: How often work is repeated whose worker was killed from outside.
_MAX_RETRIES = 3
#: The niceness (nice(2)) of a caller's first long work, the increase for each further one, and the maximum.
_BASE_NICENESS, _NICENESS_STEP, _MAX_NICENESS = 5, 2, 19

_MEMORY_CHECK_SECONDS = 0.05

#: Receives all but the last part of an answer.
OnPart = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The slots, queues and time limits of a pool.

    ``max_waiting`` calls may wait for one of the ``slots``, each for at most ``max_wait_seconds``; one caller gets at
    most ``max_per_caller`` of them. Work that takes more than ``long_after`` seconds leaves its slot and is long. At
    most ``max_long`` calls are long (0: work stays in its slot). If they use more than ``max_long_bytes`` of memory
    together, the largest are stopped within a twentieth of a second. With ``free_startup``, the time in which the
    first workers start does not count towards the deadline of their work.
    """

    slots: int
    max_waiting: int = sys.maxsize
    max_long: int = 0
    max_long_bytes: int = sys.maxsize
    long_after: float = 0.1
    free_startup: bool = True
    max_wait_seconds: float = _MAX_WAIT_SECONDS
    max_per_caller: int = sys.maxsize


@dataclass(eq=False, slots=True)
class _Work:
    """Work in progress; ``error`` is why the pool has stopped it."""

    caller: Caller
    worker: Worker
    is_long: bool = False
    error: Exception | None = None

    def stop(self, error: Exception) -> None:
        self.error = error
        self.worker.abandon()


class Pool:
    """Workers of one kind, which run ``module`` with ``arguments`` (see ``worker``). Thread-safe."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        limits: PoolLimits,
        on_exit: Callable[[ProcessExit], object] = lambda _: None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the workers, with the given ``environment`` or our own.

        ``on_exit`` is called with every process that ends unexpectedly.
        """
        self._limits = limits
        self._fork_server = ForkServer(module, arguments, os.environ if environment is None else environment, on_exit)
        self._slots = Scheduler(limits.slots, limits.max_waiting, limits.max_per_caller)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        #: Long work, oldest first.
        self._long: list[_Work] = []
        self._lock = threading.Lock()
        self._closed = False
        #: Number of workers that ended unexpectedly and were replaced.
        self.restarts = 0
        self._is_watching = False
        with self._lock:
            for _ in range(limits.slots):
                self._start_locked()

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers that are alive and ready."""
        with self._lock:
            for worker in self._idle:
                worker.has_ended()  # as a side effect, reads the process id of a worker that is ready
            return [worker.process for worker in (*self._idle, *self._busy) if worker.process]

    @property
    def state(self) -> ForkServerState:
        """The state of the fork server; reading it replaces a fork server that has ended or hangs."""
        return self._fork_server.state

    @property
    def is_data_damaged(self) -> bool:
        """Whether the data that workers share is damaged: the workers have ended, and no new ones start."""
        return self._fork_server.is_data_damaged

    @property
    def load(self) -> dict[str, int]:
        """The number of calls in slots (``quick``), waiting for one, and long."""
        quick, waiting = self._slots.used
        return {"quick": quick, "waiting": waiting, "long": len(self._long)}

    def ask(
        self, head: dict[str, Any], content: bytes = b"", *, seconds: float, caller: Caller | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Like ``ask_async``, for a thread without an event loop, and for an answer of one part."""
        return run_blocking(self.ask_async(head, content, seconds=seconds, caller=caller))

    async def ask_async(
        self,
        head: dict[str, Any],
        content: bytes = b"",
        *,
        seconds: float,
        caller: Caller | None = None,
        on_part: OnPart | None = None,
    ) -> Reply:
        """Return a worker's answer to a request, within ``seconds`` including the wait for a worker.

        ``on_part`` receives all but the last part of a large answer. Work whose worker was killed from outside is
        repeated, unless a part of the answer has been received.

        Raises Busy, WorkerStartFailed, WorkerDied, or TimeoutError if the worker was stopped at the deadline.
        """
        message = json.dumps(head | {"size": len(content)}).encode() + b"\n" + content
        deadline = time.monotonic() + seconds
        caller = caller or Caller()
        has_answered = False

        async def receive(part: bytes) -> None:
            nonlocal has_answered
            assert on_part
            has_answered = True
            await on_part(part)

        for _ in range(_MAX_RETRIES):
            try:
                return await self._attempt(message, deadline, caller, receive)
            except WorkerCrashed:
                raise
            except WorkerDied:
                if caller.has_left or has_answered:
                    raise
        return await self._attempt(message, deadline, caller, receive)

    async def _attempt(self, message: bytes, deadline: float, caller: Caller, on_part: OnPart) -> Reply:
        await self._slots.enter(caller, min(deadline, time.monotonic() + self._limits.max_wait_seconds))
        try:
            work = _Work(caller, self._take_idle())
        except WorkerStartFailed:
            self._slots.leave(caller)
            raise
        is_reusable = is_lost = False
        caller.set_cancel(work.worker.abandon)
        try:
            reply = await work.worker.ask(
                Task(message, deadline, on_part, self._limits.long_after, partial(self._demote, work))
            )
            is_reusable = True
            return _log_denied(reply)
        except WorkerStarting:
            is_reusable = True
            raise
        except (WorkerDied, WorkerStartFailed) as error:
            if work.error:
                raise work.error from None
            is_lost = not caller.has_left
            if work.worker.is_orphaned and not isinstance(error, WorkerCrashed):
                raise WorkerDied from error  # another fork server may start workers
            raise
        finally:
            caller.set_cancel(None)
            self._finish(work, is_reusable=is_reusable, is_lost=is_lost)

    def _demote(self, work: _Work) -> None:
        """Let work continue without a slot, and stop some if there is too much of it."""
        if not self._limits.max_long:
            return
        with self._lock:
            self._start_locked()  # before the slot is free: its next holder takes an idle worker
            work.is_long = True
            self._long.append(work)
            if not self._is_watching:
                self._is_watching = True
                threading.Thread(target=self._watch_memory, daemon=True, name="memory").start()
            counts = Counter(one.caller.name for one in self._long)
            excess = len(self._long) > self._limits.max_long
            largest = max(counts.values())
            newest = next(one for one in reversed(self._long) if counts[one.caller.name] == largest)
        own = counts[work.caller.name] - 1
        work.worker.lower_priority(min(_BASE_NICENESS + _NICENESS_STEP * own, _MAX_NICENESS))
        self._slots.leave(work.caller)
        if excess:
            newest.stop(Busy())

    def _watch_memory(self) -> None:
        """While there is long work, stop the largest if all together uses too much memory."""
        while True:
            time.sleep(_MEMORY_CHECK_SECONDS)
            with self._lock:
                if not self._long:
                    self._is_watching = False
                    return
                sizes = {work: work.worker.memory_bytes for work in self._long if not work.error}
            excess = sum(sizes.values()) - self._limits.max_long_bytes
            for work in sorted(sizes, key=lambda work: sizes[work], reverse=True):
                if excess <= 0:
                    break
                excess -= sizes[work]
                work.stop(WorkerCrashed())

    def _finish(self, work: _Work, *, is_reusable: bool, is_lost: bool) -> None:
        """Put back or replace the worker, and free the slot."""
        worker = work.worker
        with self._lock:
            self._busy.discard(worker)
            self.restarts += is_lost
            if work.is_long:  # a process cannot raise its own priority again
                self._long.remove(work)
            elif is_reusable and not self._closed:
                self._put_back(worker)
            else:
                self._start_locked()
        if work.is_long or not is_reusable or self._closed:
            if not is_lost:  # the fork server reports how a lost one has ended
                worker.kill()
            worker.close()
        if not work.is_long:
            self._slots.leave(work.caller)

    def _take_idle(self) -> Worker:
        """Take an idle worker that is alive. Raises WorkerStartFailed if the pool is closed or its data damaged."""
        while True:
            with self._lock:
                if self._closed or self.is_data_damaged:
                    raise WorkerStartFailed
                worker = self._idle.pop()
                if not worker.has_ended():
                    self._busy.add(worker)
                    return worker
                self._replace_locked(worker)

    def maintain(self) -> None:
        """Replace processes that have ended while idle."""
        self._fork_server.maintain()
        if self.is_data_damaged:
            return
        with self._lock:
            for worker in [worker for worker in self._idle if worker.has_ended()]:
                self._idle.remove(worker)
                self._replace_locked(worker)

    def _replace_locked(self, worker: Worker) -> None:
        """Replace an idle worker that has ended."""
        self.restarts += 1
        worker.close()
        self._start_locked()

    def _start_locked(self) -> None:
        if not self._closed:
            self._put_back(Worker(self._fork_server, free_startup=self._limits.free_startup))

    def _put_back(self, worker: Worker) -> None:
        """Add an idle worker; one that is still starting is taken last."""
        self._idle.insert(len(self._idle) if worker.process else 0, worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = [*self._busy]
        for worker in (*idle, *busy):
            worker.kill()
        for worker in idle:
            worker.close()
        self._fork_server.close()


def _log_denied(answer: Reply) -> Reply:
    """Log the system call that the sandbox denied, if any, and remove it from the answer."""
    head, content = answer
    if denied := head.pop("denied", ""):
        logging.getLogger("cybilgraph").error(
            "The sandbox of a worker denied an operation: %s. This is a bug in cybilgraph; please report it",
            denied,
        )
    return head, content
