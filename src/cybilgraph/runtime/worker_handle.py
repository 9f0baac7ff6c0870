"""The client's handle on one worker process: sends requests, receives answers, and notices when it ends."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from cybilgraph.runtime.fork_server import ForkServer, ForkServerState
from cybilgraph.runtime.memory import private_bytes
from cybilgraph.runtime.scheduler import Busy, settle
from cybilgraph.runtime.wire import CRASH_PREFIX

#: Seconds for a worker to start, including its fork server; and between checks whether it still should.
_MAX_START_SECONDS, _POLL_SECONDS = 120.0, 0.25
#: If starting took at least this share of the time for the work, the work might have succeeded with more time.
_LONG_START_SHARE = 0.1
#: Work counts as short for at most this many slices of wall-clock time, however little CPU time it got.
_MAX_SHORT_SLICES = 3
#: How much the priority of long work is lowered (nice(2)).
_NICE_INCREMENT = 10


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

    ``on_part`` receives all but the last part of the answer. ``on_slice_end`` is called after every
    ``slice_seconds`` of work, and may pause the worker.
    """

    message: bytes
    deadline: float
    slice_seconds: float
    on_part: Callable[[bytes], object] | None = None
    on_slice_end: Callable[[], None] | None = None


#: Stands for a message that the worker sends without a request.
_ANNOUNCEMENT = Task(b"", 0.0, math.inf)


class Worker:
    """The client's handle on one worker process."""

    def __init__(self, fork_server: ForkServer, *, free_startup: bool = True) -> None:
        """Fork a worker. With ``free_startup``, its first start does not count towards the deadline of its work."""
        self._fork_server = fork_server
        self._free_startup = free_startup
        self._connection, self._parent = fork_server.fork()
        self._buffer = bytearray()
        self._ended = False
        self._started_at = self._cpu_at_start = 0.0
        self._slice_end = math.inf
        self._is_abandoned = False
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
        self._connection.settimeout(0)
        try:
            while data := self._connection.recv(4096):
                self._buffer += data
        except BlockingIOError:
            if not self.process and self._header_end() >= 0:
                self._set_ready(self._read_line(_ANNOUNCEMENT))
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer or self.is_orphaned)

    def _set_ready(self, line: bytes) -> None:
        self.process = json.loads(line)["pid"]

    def ask(self, task: Task) -> Reply:
        """Return head and content of the answer.

        Raises TimeoutError at the deadline, WorkerStartFailed, WorkerStarting, StartedTooLate or WorkerDied. A first
        start does not count towards the deadline if the worker has ``free_startup``.
        """
        if self.process:
            return self._send_and_receive(task)
        began = time.monotonic()
        self._wait_until_ready(task.deadline)
        took = time.monotonic() - began
        if self._is_start_free:
            task = replace(task, deadline=task.deadline + took)
        try:
            return self._send_and_receive(task)
        except TimeoutError:
            if self._is_start_free or took < _LONG_START_SHARE * (task.deadline - began):
                raise
            raise StartedTooLate from None

    @property
    def _is_start_free(self) -> bool:
        return self._free_startup and not self._fork_server.was_lost

    def _send_and_receive(self, task: Task) -> Reply:
        self._send(task)
        return self._receive(task)

    def _wait_until_ready(self, deadline: float) -> None:
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
                self._set_ready(self._read_line(replace(_ANNOUNCEMENT, deadline=now + _POLL_SECONDS)))
            except TimeoutError:
                continue
            except WorkerDied as error:
                with suppress(subprocess.TimeoutExpired):  # a process closes its sockets before it ends
                    self._parent.wait(_POLL_SECONDS)
                raise WorkerStartFailed from error
        if self._is_abandoned:
            raise WorkerStarting

    async def ask_async(self, task: Task, threads: Executor) -> Reply:
        """Do the same as ``ask`` on an event loop; long work and long answers wait in a thread."""
        loop = asyncio.get_running_loop()
        if not self.process:
            return await loop.run_in_executor(threads, self.ask, task)
        self._send(task)
        came = loop.create_future()
        handle = self._connection.fileno()

        timer: asyncio.TimerHandle

        def check_time() -> None:
            nonlocal timer
            if self._is_short(task):
                timer = loop.call_later(min(task.slice_seconds, task.deadline - time.monotonic()), check_time)
            else:
                settle(came)

        timer = loop.call_later(min(task.slice_seconds, task.deadline - time.monotonic()), check_time)
        loop.add_reader(handle, self._read_available, came)
        try:
            await came
        finally:
            loop.remove_reader(handle)
            timer.cancel()
        if self._ended:
            raise self._failure()
        if answer := self._take_single_part():
            return answer
        return await loop.run_in_executor(threads, self._receive, task)

    def _is_short(self, task: Task) -> bool:
        """Return whether the work has used less than one slice.

        CPU time counts, because work is not heavier on a busy machine; but only for a limited wall-clock time.
        """
        now = time.monotonic()
        if now >= min(task.deadline, self._started_at + _MAX_SHORT_SLICES * task.slice_seconds):
            return False
        return now < self._started_at + task.slice_seconds or (
            self._cpu_seconds() - self._cpu_at_start < task.slice_seconds
        )

    def _cpu_seconds(self) -> float:
        """Return the CPU seconds that the process has used, or infinity if the system does not say."""
        try:
            return time.clock_gettime((~self.process << 3) | 2)  # Linux: the CPU clock of another process
        except OSError:
            return math.inf

    def _read_available(self, came: asyncio.Future[None]) -> None:
        """Read the available data. For most answers, this is all the work of the event loop."""
        try:
            data = self._connection.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        self._ended = not data
        self._buffer += data
        if self._ended or self._complete_part():
            settle(came)

    def _complete_part(self) -> tuple[dict[str, Any], int] | None:
        """Return the head of a complete part of an answer and the offset of its content, if one is in the buffer."""
        if (end := self._header_end()) < 0:
            return None
        head = json.loads(self._buffer[:end])
        return (head, end + 1) if len(self._buffer) > end + head["size"] else None

    def _take_single_part(self) -> Reply | None:
        """Take the answer from the buffer if it is complete and has only one part."""
        found = self._complete_part()
        if not found or found[0].get("more"):
            return None
        head, begin = found
        content = bytes(self._buffer[begin : begin + head["size"]])
        del self._buffer[: begin + head["size"]]
        return head, content

    def _send(self, task: Task) -> None:
        self._started_at, self._cpu_at_start = time.monotonic(), self._cpu_seconds()
        self._slice_end = self._started_at + task.slice_seconds
        try:
            self._connection.settimeout(max(task.deadline - time.monotonic(), 0.001))
            self._connection.sendall(task.message)
        except BrokenPipeError as error:
            raise WorkerDied from error

    def _receive(self, task: Task) -> Reply:
        """Receive the rest of an answer."""
        while (answer := json.loads(self._read_line(task))).get("more"):
            assert task.on_part
            task.on_part(self._read_content(answer["size"], task))
        return answer, self._read_content(answer["size"], task)

    def _read_line(self, task: Task) -> bytes:
        while (end := self._header_end()) < 0:
            self._fill_buffer(task)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _read_content(self, size: int, task: Task) -> bytes:
        while len(self._buffer) < size:
            self._fill_buffer(task)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill_buffer(self, task: Task) -> None:
        """Receive some data, or end the time slice if none arrives before."""
        now = time.monotonic()
        if now >= task.deadline:
            raise TimeoutError
        if now >= self._slice_end:
            if task.on_slice_end and not self._is_short(task):
                task.on_slice_end()
            self._slice_end = time.monotonic() + task.slice_seconds
            return
        self._connection.settimeout(min(task.deadline, self._slice_end) - now)
        try:
            data = self._connection.recv(1 << 20)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise self._failure()
        self._buffer += data

    def _header_end(self) -> int:
        """Return the end of the next header in the buffer, or -1; a crash message is not a header."""
        return self._buffer.find(b"\n") if self._buffer.startswith(b"{") else -1

    def _failure(self) -> WorkerDied:
        """Return the error for a closed connection; a crashing worker sends a message before it ends."""
        return WorkerCrashed() if CRASH_PREFIX in self._buffer else WorkerDied()

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that the worker shares with no other process; 0 if the system does not say."""
        return private_bytes(self.process)

    def signal(self, signal_number: signal.Signals) -> None:
        """Send a signal to the process, to pause, resume or end it."""
        if self.process:
            self._fork_server.send(self.process, signal_number)

    def lower_priority(self) -> None:
        """Give other processes precedence on the processors."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, _NICE_INCREMENT)

    def abandon(self) -> None:
        """Make a waiting ``ask`` fail as if the worker had ended; a worker that is starting stays for others."""
        self._is_abandoned = True
        with suppress(OSError):
            if self.process:
                self._connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Close the connection without killing the process, so that the fork server can report how it ends."""
        self._connection.close()  # a worker that has not started yet finds the connection closed
