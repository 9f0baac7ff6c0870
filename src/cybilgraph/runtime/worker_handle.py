"""The client's handle on one worker process: sends requests, receives answers, and notices when it ends."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cybilgraph.runtime.fork_server import ForkServer, ForkServerState
from cybilgraph.runtime.memory import address_space_bytes
from cybilgraph.runtime.scheduler import Busy, settle
from cybilgraph.runtime.wire import CRASH_PREFIX

#: Seconds for a worker to start, including its fork server; and between checks whether it still should.
_MAX_START_SECONDS, _POLL_SECONDS = 120.0, 0.25
#: If starting took at least this share of the time for the work, the work might have succeeded with more time.
_LONG_START_SHARE = 0.1
#: The limit of wall-clock time for short work, as a multiple of that of processor time.
_MAX_SHORT_FACTOR = 3
_READ_BYTES = 1 << 20


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


#: Head and content of an answer.
Reply = tuple[dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Task:
    """A request to a worker: the encoded ``message`` and the ``deadline`` (``time.monotonic``).

    ``on_part`` receives all but the last part of the answer. ``on_long`` is called once if the work takes longer than
    ``long_after`` seconds.
    """

    message: bytes
    deadline: float
    on_part: Callable[[bytes], Awaitable[object]]
    long_after: float
    on_long: Callable[[], None]


class Worker:
    """The client's handle on one worker process."""

    def __init__(self, fork_server: ForkServer, *, free_startup: bool = True) -> None:
        """Fork a worker. With ``free_startup``, its first start does not count towards the deadline of its work."""
        self._fork_server = fork_server
        self._free_startup = free_startup
        self._connection, self._parent = fork_server.fork()
        self._connection.setblocking(False)
        self._buffer = bytearray()
        self._is_abandoned = False
        self._initial_bytes = 0
        self.process = 0

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
            if not self.process and self._header_end() >= 0:
                self._set_ready(self._take_line())
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer or self.is_orphaned)

    def _set_ready(self, line: bytes) -> None:
        self.process = json.loads(line)["pid"]
        self._initial_bytes = address_space_bytes(self.process)

    async def ask(self, task: Task) -> Reply:
        """Return head and content of the answer.

        Raises TimeoutError at the deadline, WorkerStartFailed, WorkerStarting, StartedTooLate or WorkerDied. A first
        start does not count towards the deadline if the worker has ``free_startup``.
        """
        if self.process:
            return await self._exchange(task, task.deadline)
        began = time.monotonic()
        await self._wait_until_ready(task.deadline)
        took = time.monotonic() - began
        is_free = self._is_start_free
        try:
            return await self._exchange(task, task.deadline + took if is_free else task.deadline)
        except TimeoutError:
            if is_free or took < _LONG_START_SHARE * (task.deadline - began):
                raise
            raise StartedTooLate from None

    @property
    def _is_start_free(self) -> bool:
        return self._free_startup and not self._fork_server.was_lost

    async def _wait_until_ready(self, deadline: float) -> None:
        """Wait until the worker is ready; only up to the deadline while the fork server reloads.

        Raises WorkerStartFailed, WorkerStarting.
        """
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
                    self._set_ready(await self._read_line())
            except TimeoutError:
                continue
            except WorkerDied as error:
                until = time.monotonic() + _POLL_SECONDS
                while not self.is_orphaned and time.monotonic() < until:  # a process closes its sockets before it ends
                    await asyncio.sleep(0.01)
                raise WorkerStartFailed from error
        if self._is_abandoned:
            raise WorkerStarting

    async def _exchange(self, task: Task, deadline: float) -> Reply:
        """Send the request and receive the answer. Raises TimeoutError, WorkerDied."""
        loop = asyncio.get_running_loop()
        self._watch_duration(loop, task, time.monotonic(), self._cpu_seconds())
        try:
            async with asyncio.timeout_at(deadline):
                try:
                    await loop.sock_sendall(self._connection, task.message)
                except (BrokenPipeError, ConnectionResetError) as error:
                    raise WorkerDied from error
                while (head := json.loads(await self._read_line())).get("more"):
                    await task.on_part(await self._read_content(head["size"]))
                return head, await self._read_content(head["size"])
        finally:
            self._duration_timer.cancel()

    def _watch_duration(self, loop: asyncio.AbstractEventLoop, task: Task, began: float, cpu_at_start: float) -> None:
        """Check repeatedly whether the work is long, and then call ``on_long``."""

        def check() -> None:
            if self._is_short(task.long_after, began, cpu_at_start):
                self._watch_duration(loop, task, began, cpu_at_start)
            else:
                task.on_long()

        self._duration_timer = loop.call_later(task.long_after, check)

    def _is_short(self, seconds: float, began: float, cpu_at_start: float) -> bool:
        """Return whether the work has taken fewer ``seconds`` of processor time.

        Processor time counts, because work is not heavier on a busy machine; but only for a limited wall-clock time.
        """
        return time.monotonic() < began + _MAX_SHORT_FACTOR * seconds and self._cpu_seconds() - cpu_at_start < seconds

    def _cpu_seconds(self) -> float:
        """Return the CPU seconds that the process has used, or infinity if the system does not say."""
        try:
            return time.clock_gettime((~self.process << 3) | 2)  # Linux: the CPU clock of another process
        except OSError:
            return math.inf

    async def _read_line(self) -> bytes:
        while self._header_end() < 0:
            await self._fill_buffer()
        return self._take_line()

    def _take_line(self) -> bytes:
        end = self._header_end()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def _read_content(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._fill_buffer()
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
                raise self._failure()
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

    def _header_end(self) -> int:
        """Return the end of the next header in the buffer, or -1; a crash message is not a header."""
        return self._buffer.find(b"\n") if self._buffer.startswith(b"{") else -1

    def _failure(self) -> WorkerDied:
        """Return the error for a closed connection; a crashing worker sends a message before it ends."""
        return WorkerCrashed() if CRASH_PREFIX in self._buffer else WorkerDied()

    @property
    def memory_bytes(self) -> int:
        """Bytes by which the address space has grown since the worker was ready; 0 if the system does not say."""
        return max(address_space_bytes(self.process) - self._initial_bytes, 0)

    def lower_priority(self, increment: int) -> None:
        """Give other processes precedence on the processors (nice(2))."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, increment)

    def abandon(self) -> None:
        """Make a waiting ``ask`` fail as if the worker had ended; a worker that is starting stays for others."""
        self._is_abandoned = True
        with suppress(OSError):
            if self.process:
                self._connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the process, whatever it is doing; a waiting ``ask`` fails."""
        if self.process:
            self._fork_server.send(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Close the connection; a worker that has not started yet then ends. Nobody may be waiting for an answer."""
        self._connection.close()
