"""A pool of worker processes, each killed and replaced when it exceeds its limits (the client's side).

Work starts in one of the slots, which callers get in turns. Work that takes more processor time than ``long_after`` is
*long*: it leaves its slot, so that short work never waits for it, and continues at a lower priority. If there is too
much long work, the newest of the caller with the most long work is stopped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cybilgraph.runtime.fork_server import ForkServer, ForkServerState, ProcessExit
from cybilgraph.runtime.processes import address_space_bytes
from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler, run_blocking, settle
from cybilgraph.runtime.worker import CRASH_PREFIX

__all__ = ["Busy", "Caller", "ForkServerState", "Pool", "PoolLimits", "ProcessExit"]

#: How often work is repeated whose worker was killed from outside.
_MAX_RETRIES = 3
#: The niceness (nice(2)) of a caller's first long work, the increase for each further one, and the maximum.
_BASE_NICENESS, _NICENESS_STEP, _MAX_NICENESS = 5, 2, 19
_MEMORY_CHECK_SECONDS = 0.05
#: The shortest time between checks of how long work has taken.
_MIN_CHECK_SECONDS = 0.005
#: Seconds for a worker to start, including its fork server; and between checks whether it still should.
_MAX_START_SECONDS, _POLL_SECONDS = 120.0, 0.25
#: If starting took at least this share of the time for the work, the work might have succeeded with more time.
_LONG_START_SHARE = 0.1
#: The longest time that work waits for a slot, in seconds and as a share of its time: what begins later would be
#: stopped at its deadline because of others.
_MAX_WAIT_SECONDS, _MAX_WAIT_SHARE = 5.0, 0.5
#: The limit of wall-clock time for short work, as a multiple of that of processor time.
_MAX_SHORT_FACTOR = 3
_READ_BYTES = 1 << 20

#: Head and content of an answer.
Reply = tuple[dict[str, Any], bytes]
#: Receives all but the last part of an answer.
OnPart = Callable[[bytes], Awaitable[object]]


class WorkerStartFailed(Exception):
    """The worker ended, or stayed silent, before it was ready."""


class WorkerStarting(Busy):
    """The worker is still starting because its fork server was lost and reloads: try again later."""


class StartedTooLate(Busy):
    """The worker had to start first, which left too little time for the work: try again."""


class WorkerDied(Exception):
    """The worker ended in the middle of its work, for whatever reason."""


class WorkerCrashed(WorkerDied):
    """The worker ended because of its own work, which ran out of memory or stack."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The slots, queues and time limits of a pool.

    ``max_waiting`` calls may wait for one of the ``slots``; one caller gets at most ``max_per_caller`` of them. Work
    that takes more than ``long_after`` seconds leaves its slot and is long. At most ``max_long`` calls are long (0:
    work stays in its slot). If they use more than ``max_long_bytes`` of memory together, the largest are stopped within
    a twentieth of a second. With ``free_startup``, the time in which the first workers start does not count towards the
    deadline of their work.
    """

    slots: int
    max_waiting: int = sys.maxsize
    max_long: int = 0
    max_long_bytes: int = sys.maxsize
    long_after: float = 0.1
    free_startup: bool = True
    max_per_caller: int = sys.maxsize


class _Worker:
    """The client's handle on one worker process: sends requests, receives answers, and notices when it ends."""

    def __init__(self, fork_server: ForkServer, limits: PoolLimits) -> None:
        self._fork_server = fork_server
        self._limits = limits
        self._connection, self._parent = fork_server.fork()
        self._connection.setblocking(False)
        self._buffer = bytearray()
        self._is_abandoned = False
        self._initial_bytes = 0
        self.process = 0
        self.caller = Caller()
        #: Whether the work in progress may become long; and whether it is and has left its slot.
        self.is_short, self.is_long = True, False
        #: Why the pool has stopped the work in progress.
        self.stopped_by: Exception | None = None

    @property
    def is_orphaned(self) -> bool:
        """Whether the fork server that forked the worker has ended."""
        return self._parent.poll() is not None

    def has_ended(self) -> bool:
        """Return whether the worker ended after it was ready, or lost its fork server.

        A worker that never became ready does not count, because a replacement would fail as well. As a side effect,
        sets ``process`` if the worker has become ready.
        """
        self._is_abandoned = False
        try:
            while data := self._connection.recv(_READ_BYTES):
                self._buffer += data
        except BlockingIOError:
            if not self.process and (head := self._take_head()):
                self._set_ready(head)
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer or self.is_orphaned)

    def _set_ready(self, head: dict[str, Any]) -> None:
        self.process = head["pid"]
        self._initial_bytes = address_space_bytes(self.process)

    async def ask(
        self, message: bytes, deadline: float, on_part: OnPart, on_long: Callable[[_Worker], object]
    ) -> Reply:
        """Send an encoded ``message``, and return head and content of the answer.

        ``on_part`` receives all but the last part of the answer. ``on_long`` is called once if the work becomes long.

        Raises TimeoutError at the deadline (of ``time.monotonic``), WorkerStartFailed, WorkerStarting, StartedTooLate
        or WorkerDied. A first start does not count towards the deadline if startup is free.
        """
        if self.process:
            return await self._exchange(message, deadline, on_part, on_long)
        began = time.monotonic()
        await self._wait_until_ready(deadline)
        took = time.monotonic() - began
        is_free = self._is_start_free
        try:
            return await self._exchange(message, deadline + took if is_free else deadline, on_part, on_long)
        except TimeoutError:
            if is_free or took < _LONG_START_SHARE * (deadline - began):
                raise
            raise StartedTooLate from None

    @property
    def _is_start_free(self) -> bool:
        return self._limits.free_startup and not self._fork_server.was_lost

    async def _wait_until_ready(self, deadline: float) -> None:
        """Wait until the worker is ready; only up to the deadline while the fork server reloads."""
        last = time.monotonic() + _MAX_START_SECONDS
        while not self.process:
            state, now = self._fork_server.state, time.monotonic()
            is_lost = state in (ForkServerState.RELOADING, ForkServerState.UNRESPONSIVE)
            if self._is_abandoned or (now >= deadline and (is_lost or not self._is_start_free)):
                raise WorkerStarting
            if now >= last:
                raise WorkerStartFailed
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    self._set_ready(await self._read_head())
            except TimeoutError:
                continue
            except WorkerDied as error:
                until = time.monotonic() + _POLL_SECONDS
                while not self.is_orphaned and time.monotonic() < until:  # a process closes its sockets before it ends
                    await asyncio.sleep(0.01)
                raise WorkerStartFailed from error
        if self._is_abandoned:
            raise WorkerStarting

    async def _exchange(
        self, message: bytes, deadline: float, on_part: OnPart, on_long: Callable[[_Worker], object]
    ) -> Reply:
        loop = asyncio.get_running_loop()
        seconds, began, cpu_at_start = self._limits.long_after, time.monotonic(), self._cpu_seconds()

        def check_duration() -> None:
            # Processor time counts, because work is not heavier on a busy machine; but only for a limited time.
            used = self._cpu_seconds() - cpu_at_start
            if used < seconds and time.monotonic() < began + _MAX_SHORT_FACTOR * seconds:
                self._timer = loop.call_later(max(seconds - used, _MIN_CHECK_SECONDS), check_duration)
            else:
                on_long(self)

        self._timer = loop.call_later(seconds, check_duration)
        try:
            async with asyncio.timeout_at(deadline):
                try:
                    await loop.sock_sendall(self._connection, message)
                except (BrokenPipeError, ConnectionResetError) as error:
                    raise WorkerDied from error
                while (head := await self._read_head()).get("more"):
                    await on_part(await self._read_content(head["size"]))
                return head, await self._read_content(head["size"])
        finally:
            self._timer.cancel()

    def _cpu_seconds(self) -> float:
        """Return the CPU seconds that the process has used in user mode, or infinity if the system does not say.

        A new process also spends time in the kernel to copy the pages of the store that its first query touches.
        """
        try:
            return time.clock_gettime((~self.process << 3) | 1)  # Linux: CPUCLOCK_VIRT of another process
        except OSError:
            return math.inf

    async def _read_head(self) -> dict[str, Any]:
        while (head := self._take_head()) is None:
            await self._fill_buffer()
        return head

    def _take_head(self) -> dict[str, Any] | None:
        """Take the next head out of the buffer; None if it is incomplete. A crash message is not a head."""
        end = self._buffer.find(b"\n") if self._buffer.startswith(b"{") else -1
        return json.loads(self._take(end + 1)) if end >= 0 else None

    async def _read_content(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._fill_buffer()
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _fill_buffer(self) -> None:
        """Wait for data and read it. Raises WorkerDied or WorkerCrashed if the worker has ended."""
        while True:
            try:
                data = self._connection.recv(_READ_BYTES)
            except BlockingIOError:
                await self._wait_for_data()
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                raise WorkerCrashed if CRASH_PREFIX in self._buffer else WorkerDied
            self._buffer += data
            return

    async def _wait_for_data(self) -> None:
        """Wait until there is data to read. Unlike ``sock_recv``, loses none if the wait is cancelled."""
        loop = asyncio.get_running_loop()
        is_readable = loop.create_future()
        loop.add_reader(self._connection, settle, is_readable)
        try:
            await is_readable
        finally:
            loop.remove_reader(self._connection)

    @property
    def memory_bytes(self) -> int:
        """Bytes by which the address space has grown since the worker was ready; 0 if the system does not say."""
        return max(address_space_bytes(self.process) - self._initial_bytes, 0)

    def lower_priority(self, increment: int) -> None:
        """Give other processes precedence on the processors (nice(2))."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, increment)

    def stop(self, error: Exception) -> None:
        """Make the work in progress fail with an error."""
        self.stopped_by = error
        self.abandon()

    def abandon(self) -> None:
        """Make a waiting ``ask`` fail as if the worker had ended; a worker that is starting stays for others."""
        self._is_abandoned = True
        with suppress(OSError):
            if self.process:
                self._connection.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Abandon the work, whose caller has left, unless it is short: that ends sooner than a new worker starts."""
        if not (self.process and self.is_short):
            self.abandon()

    def kill(self) -> None:
        """End the process, whatever it is doing; a waiting ``ask`` fails."""
        if self.process:
            self._fork_server.send(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Close the connection; a worker that has not started yet then ends. Nobody may be waiting for an answer."""
        self._connection.close()


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
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        #: The busy workers whose work is long, oldest first.
        self._long: list[_Worker] = []
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

    def ask(self, head: dict[str, Any], content: bytes = b"", *, seconds: float, caller: Caller | None = None) -> Reply:
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
        began = time.monotonic()
        deadline, latest_start = began + seconds, began + _MAX_WAIT_SHARE * seconds
        caller = caller or Caller()
        has_answered = False

        async def receive(part: bytes) -> None:
            nonlocal has_answered
            assert on_part
            has_answered = True
            await on_part(part)

        retries_left = _MAX_RETRIES
        while True:
            try:
                return await self._attempt(message, latest_start, deadline, caller, receive)
            except WorkerDied as error:
                if isinstance(error, WorkerCrashed) or caller.has_left or has_answered or not retries_left:
                    raise
                retries_left -= 1
                latest_start = deadline

    async def _attempt(
        self, message: bytes, latest_start: float, deadline: float, caller: Caller, on_part: OnPart
    ) -> Reply:
        await self._slots.enter(caller, min(latest_start, time.monotonic() + _MAX_WAIT_SECONDS))
        try:
            worker = self._take_idle(caller)
        except WorkerStartFailed:
            self._slots.leave(caller)
            raise
        is_reusable = is_lost = False
        caller.set_cancel(worker.leave)
        try:
            head, content = await worker.ask(message, deadline, on_part, self._demote)
            is_reusable = True
        except WorkerStarting:
            is_reusable = True
            raise
        except (WorkerDied, WorkerStartFailed) as error:
            if worker.stopped_by:
                raise worker.stopped_by from None
            is_lost = not caller.has_left
            if worker.is_orphaned and not isinstance(error, WorkerCrashed):
                raise WorkerDied from error  # another fork server may start workers
            raise
        finally:
            caller.set_cancel(None)
            self._finish(worker, is_reusable=is_reusable, is_lost=is_lost)
        if denied := head.pop("denied", ""):
            logging.getLogger("cybilgraph").error(
                "The sandbox of a worker denied an operation: %s. This is a bug in cybilgraph; please report it", denied
            )
        return head, content

    def _demote(self, worker: _Worker) -> None:
        """Let work continue without a slot, and stop some if there is too much of it."""
        worker.is_short = False
        if worker.caller.has_left:
            worker.abandon()
            return
        if not self._limits.max_long:
            return
        with self._lock:
            self._start_locked()  # before the slot is free: its next holder takes an idle worker
            worker.is_long = True
            self._long.append(worker)
            if not self._is_watching:
                self._is_watching = True
                threading.Thread(target=self._watch_memory, daemon=True, name="memory").start()
            counts = Counter(one.caller.name for one in self._long)
            excess = len(self._long) > self._limits.max_long
            largest = max(counts.values())
            newest = next(one for one in reversed(self._long) if counts[one.caller.name] == largest)
        own = counts[worker.caller.name] - 1
        worker.lower_priority(min(_BASE_NICENESS + _NICENESS_STEP * own, _MAX_NICENESS))
        self._slots.leave(worker.caller)
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
                sizes = {worker: worker.memory_bytes for worker in self._long if not worker.stopped_by}
            excess = sum(sizes.values()) - self._limits.max_long_bytes
            for worker in sorted(sizes, key=lambda worker: sizes[worker], reverse=True):
                if excess <= 0:
                    break
                excess -= sizes[worker]
                worker.stop(WorkerCrashed())

    def _finish(self, worker: _Worker, *, is_reusable: bool, is_lost: bool) -> None:
        """Put back or replace the worker, and free the slot."""
        with self._lock:
            self._busy.discard(worker)
            self.restarts += is_lost
            if worker.is_long:  # a process cannot raise its own priority again
                self._long.remove(worker)
            elif is_reusable and not self._closed:
                self._put_back(worker)
            else:
                self._start_locked()
        if worker.is_long or not is_reusable or self._closed:
            if not is_lost:  # the fork server reports how a lost one has ended
                worker.kill()
            worker.close()
        if not worker.is_long:
            self._slots.leave(worker.caller)

    def _take_idle(self, caller: Caller) -> _Worker:
        """Take an idle worker that is alive. Raises WorkerStartFailed if the pool is closed or its data damaged."""
        while True:
            with self._lock:
                if self._closed or self.is_data_damaged:
                    raise WorkerStartFailed
                worker = self._idle.pop()
                if not worker.has_ended():
                    worker.caller, worker.is_short = caller, True
                    self._busy.add(worker)
                    return worker
                self._replace_locked(worker)

    def maintain(self) -> None:
        """Replace processes that have ended while idle."""
        if self.state is ForkServerState.BAD_DATA:
            return
        with self._lock:
            for worker in [worker for worker in self._idle if worker.has_ended()]:
                self._idle.remove(worker)
                self._replace_locked(worker)

    def _replace_locked(self, worker: _Worker) -> None:
        """Replace an idle worker that has ended."""
        self.restarts += 1
        worker.close()
        self._start_locked()

    def _start_locked(self) -> None:
        if not self._closed:
            self._put_back(_Worker(self._fork_server, self._limits))

    def _put_back(self, worker: _Worker) -> None:
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
