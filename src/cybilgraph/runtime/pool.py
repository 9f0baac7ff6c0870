"""A pool of worker processes, each killed and replaced when it exceeds its limits (the client's side).

Work starts in a *short* slot. Work that takes longer than one time slice frees that slot and continues at a
lower priority in one of the few *long* slots, or pauses until one is free, so that short work never waits for
long work. After each further slice, long work pauses if a waiting caller has fewer slots, so that nobody waits
for the whole of somebody else's work. While paused, work keeps its deadline and its memory counts. If all
paused work together would hold too much memory, the next one to pause is stopped and its caller gets ``Busy``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from cybilgraph.runtime.fork_server import ForkServer, ForkServerState
from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler
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

#: Default seconds that work waits for a worker before the pool reports ``Busy``.
_MAX_WAIT_SECONDS = 5.0
#: Nearly every worker uses this many bytes, so a paused one counts only if it has more.
_MIN_COUNTED_BYTES = 128_000_000


class _ForkServerLost(Exception):
    """The worker ended together with its fork server: its work is not to blame and can be repeated."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The slots, queues and time limits of a pool.

    ``max_waiting`` calls may wait for one of the ``short_slots``, each for at most ``max_wait_seconds``; one caller
    gets at most ``max_per_caller`` of them. After ``slice_seconds``, work counts as long and needs one of the
    ``long_slots`` (0: work stays in its short slot). At most ``max_paused`` calls wait for a long slot, and together
    they hold at most ``max_paused_bytes``. With ``free_startup``, the time in which the first workers start does not
    count towards the deadline of their work.
    """

    short_slots: int
    max_waiting: int = sys.maxsize
    long_slots: int = 0
    max_paused: int = 16
    max_paused_bytes: int = 2_000_000_000
    slice_seconds: float = 0.1
    free_startup: bool = True
    max_wait_seconds: float = _MAX_WAIT_SECONDS
    max_per_caller: int = sys.maxsize


class Pool:
    """Workers of one kind, which run ``module`` with ``arguments`` (see ``worker``). Thread-safe."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        pool_limits: PoolLimits,
        on_exit: Callable[[ProcessExit], object] = lambda _: None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the workers, with the given ``environment`` or our own.

        ``on_exit`` is called with every process that ends unexpectedly.
        """
        self._limits = pool_limits
        self._fork_server = ForkServer(module, arguments, os.environ if environment is None else environment, on_exit)
        self._short = Scheduler(pool_limits.short_slots, pool_limits.max_waiting, pool_limits.max_per_caller)
        self._long = Scheduler(pool_limits.long_slots, pool_limits.max_paused)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._paused_bytes = 0
        #: Number of workers that ended unexpectedly and were replaced.
        self.restarts = 0
        for _ in range(pool_limits.short_slots):
            self._start()

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers that are alive and ready."""
        with self._lock:
            for worker in self._idle:
                worker.has_ended()  # as a side effect, reads the process id of a worker that is ready
            return [worker.process for worker in self._all if worker.process]

    @property
    def state(self) -> ForkServerState:
        """The state of the fork server; reading it replaces a fork server that has ended or hangs."""
        return self._fork_server.state

    @property
    def has_bad_data(self) -> bool:
        """Whether the data that workers share is damaged: the workers have ended, and no new ones start."""
        return self._fork_server.has_bad_data

    @property
    def load(self) -> dict[str, int]:
        """The number of calls in short slots (``quick``), waiting for one, in long slots, and paused."""
        quick, waiting = self._short.used
        long, paused = self._long.used
        return {"quick": quick, "waiting": waiting, "long": long, "paused": paused}

    def ask(
        self,
        head: dict[str, Any],
        content: bytes = b"",
        *,
        seconds: float,
        caller: Caller | None = None,
        on_part: Callable[[bytes], object] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Return a worker's answer to a request, within ``seconds`` including the wait for a worker.

        ``on_part`` receives all but the last part of a large answer.

        Raises Busy, WorkerStartFailed, WorkerDied, or TimeoutError if the worker was stopped at the deadline.
        """
        task = self._make_task(head, content, seconds, on_part)
        caller = caller or Caller()
        with suppress(_ForkServerLost):
            return _log_denied(self._attempt(task, caller))
        try:
            return _log_denied(self._attempt(task, caller))
        except _ForkServerLost:
            raise WorkerDied from None

    async def ask_async(
        self,
        head: dict[str, Any],
        *,
        seconds: float,
        caller: Caller,
        on_part: Callable[[bytes], object],
        threads: Executor,
    ) -> Reply:
        """Do the same as ``ask`` on an event loop; only long work waits in one of the ``threads``."""
        task = self._make_task(head, b"", seconds, on_part)
        with suppress(_ForkServerLost):
            return _log_denied(await self._attempt_async(task, caller, threads))
        try:
            return _log_denied(await self._attempt_async(task, caller, threads))
        except _ForkServerLost:
            raise WorkerDied from None

    def _attempt(self, task: Task, caller: Caller) -> Reply:
        """Return a worker's answer. Raises the errors of ``ask``, and _ForkServerLost."""
        self._short.enter(caller, min(task.deadline, time.monotonic() + self._limits.max_wait_seconds))
        with self._worker_for(caller, task) as (worker, task):
            return worker.ask(task)

    async def _attempt_async(self, task: Task, caller: Caller, threads: Executor) -> Reply:
        await self._short.enter_async(caller, min(task.deadline, time.monotonic() + self._limits.max_wait_seconds))
        with self._worker_for(caller, task) as (worker, task):
            return await worker.ask_async(task, threads)

    def _make_task(
        self, head: dict[str, Any], content: bytes, seconds: float, on_part: Callable[[bytes], object] | None
    ) -> Task:
        message = json.dumps(head | {"size": len(content)}).encode() + b"\n" + content
        slice_seconds = self._limits.slice_seconds if self._limits.long_slots else seconds
        return Task(message, time.monotonic() + seconds, slice_seconds, on_part)

    @contextmanager
    def _worker_for(self, caller: Caller, task: Task) -> Iterator[tuple[Worker, Task]]:
        """Yield a worker for a caller that has a short slot, and the task with callbacks that manage the slots.

        Raises WorkerStartFailed, and _ForkServerLost if the worker ended with its fork server.
        """
        slot: Scheduler | None = self._short
        is_reusable = has_answered = lost = False
        try:
            worker = self._take_idle()
        except WorkerStartFailed:
            self._short.leave(caller)
            raise

        def on_part(data: bytes) -> None:
            nonlocal has_answered
            assert task.on_part
            has_answered = True
            task.on_part(data)

        def on_slice_end() -> None:
            nonlocal slot
            was_long = slot is self._long
            if not self._limits.long_slots or (was_long and not self._long.should_yield(caller)):
                return
            worker.signal(signal.SIGSTOP)
            with self._count_paused_memory(worker):
                if not was_long:
                    self._start()
                assert slot
                slot.leave(caller)
                slot = None
                self._wait_for_long_slot(caller, task.deadline, resumes=was_long)
                slot = self._long
            caller.set_cancel(worker.abandon)
            worker.lower_priority()
            worker.signal(signal.SIGCONT)

        caller.set_cancel(worker.abandon)
        try:
            yield worker, replace(task, on_part=on_part, on_slice_end=on_slice_end)
            is_reusable = True
        except WorkerStarting:
            is_reusable = True
            raise
        except (WorkerDied, WorkerStartFailed):
            lost = not caller.gone
            if worker.is_orphaned and not has_answered and not caller.gone:
                raise _ForkServerLost from None
            raise
        finally:
            caller.set_cancel(None)
            if is_reusable and slot is self._short:
                with self._lock:
                    self._put_back(worker)
            else:  # also after long work, because a process cannot raise its own priority again
                self._discard(worker, lost=lost)
                if slot is self._short:
                    self._start()
            if slot:
                slot.leave(caller)

    @contextmanager
    def _count_paused_memory(self, worker: Worker) -> Iterator[None]:
        """Count the memory of a paused worker in this block, unless it is little.

        Raises Busy if all paused workers together would exceed the limit.
        """
        size = worker.memory_bytes
        size *= size > _MIN_COUNTED_BYTES
        with self._lock:
            if size and self._paused_bytes + size > self._limits.max_paused_bytes:
                raise Busy
            self._paused_bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._paused_bytes -= size

    def _wait_for_long_slot(self, caller: Caller, deadline: float, *, resumes: bool) -> None:
        """Wait for a long slot. Raises Busy, or TimeoutError for work that has had a long slot before."""
        try:
            self._long.enter(caller, deadline, resumes=resumes)
        except Busy:
            if resumes:
                raise TimeoutError from None
            raise

    def _take_idle(self) -> Worker:
        """Take an idle worker that is alive. Raises WorkerStartFailed if the pool is closed or its data damaged."""
        while True:
            with self._lock:
                if self._closed or self.has_bad_data:
                    raise WorkerStartFailed
                worker = self._idle.pop()
            if not worker.has_ended():
                return worker
            self._discard(worker, lost=True)
            self._start()

    def _discard(self, worker: Worker, *, lost: bool) -> None:
        with self._lock:
            self._all.discard(worker)
            self.restarts += lost
        if lost:
            worker.close()
        else:
            worker.kill()

    def maintain(self) -> None:
        """Replace processes that have ended while idle."""
        self._fork_server.maintain()
        if self.has_bad_data:
            return
        with self._lock:
            for worker in [worker for worker in self._idle if worker.has_ended()]:
                self._idle.remove(worker)
                self._all.discard(worker)
                self.restarts += 1
                worker.close()
                self._start_locked()

    def _start(self) -> None:
        with self._lock:
            self._start_locked()

    def _start_locked(self) -> None:
        if not self._closed:
            worker = Worker(self._fork_server, free_startup=self._limits.free_startup)
            self._all.add(worker)
            self._put_back(worker)

    def _put_back(self, worker: Worker) -> None:
        """Add an idle worker; one that is still starting is taken last."""
        self._idle.insert(len(self._idle) if worker.process else 0, worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.kill()
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
