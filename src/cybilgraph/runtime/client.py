"""The parent's hold on one worker process: what is asked goes in, what is answered comes out, or it ended."""

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

#: A worker has this many seconds to start, what it shares with others included; so often it is looked whether it may.
_MAX_START_SECONDS, _POLL_SECONDS = 120.0, 0.25
#: Where starting took this part of the time for its work, more time might have been enough for that.
_LONG_START_SHARE = 0.1
#: Work is quick for so many times its seconds at most, however little of a processor it had.
_MAX_QUICK_FACTOR = 3
#: How much less of a processor long work gets (``nice``).
_NICE_INCREMENT = 10


class WorkerStartFailed(Exception):
    """The worker ended, or said nothing, before it was ready for any work."""


class WorkerStarting(Busy):
    """The worker still starts, as what all share is lost and has to be loaded again: it can be asked later."""


class StartedTooLate(Busy):
    """The worker had to start first, and the time that was left for its work was too short: it can be asked again."""


class WorkerDied(Exception):
    """The worker ended in the middle of its work, for whatever reason."""


class WorkerCrashed(WorkerDied):
    """The worker ended by its own work: there was not enough memory or stack for it."""


#: Head and content of an answer.
Reply = tuple[dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Task:
    """Work for a worker: its ``line`` with its content, and the moment until which it may take. ``part`` takes
    what is not the last of its answer; ``turn`` is done after ``slice_seconds`` so many seconds, and may pause it.
    """

    line: bytes
    deadline: float
    slice_seconds: float
    part: Callable[[bytes], object] | None = None
    turn: Callable[[], None] | None = None


#: For what a worker says by itself.
_ANNOUNCEMENT = Task(b"", 0.0, math.inf)


class Worker:
    """The parent's hold on one worker process."""

    def __init__(self, fork_server: ForkServer, *, patient: bool = True) -> None:
        """``patient``: what it takes to start for the first time is no part of the time for its work."""
        self._fork_server = fork_server
        self._patient = patient
        self._connection, self._parent = fork_server.fork()
        self._buffer = bytearray()
        self._ended = False
        self._began = self._before = 0.0
        self._over = math.inf
        self._left = False
        self.process = 0

    @property
    def is_orphaned(self) -> bool:
        """Whether the process that forked it has ended."""
        return self._parent.poll() is not None

    def has_ended(self) -> bool:
        """Whether it ended after it was ready: one that never was is no reason to begin another.

        Its number is known afterwards, if it is ready.
        """
        self._left = False
        self._connection.settimeout(0)
        try:
            while data := self._connection.recv(4096):
                self._buffer += data
        except BlockingIOError:
            if not self.process and self._head() >= 0:
                self._ready(self._line(_ANNOUNCEMENT))
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer or self.is_orphaned)

    def _ready(self, line: bytes) -> None:
        self.process = json.loads(line)["pid"]

    def ask(self, task: Task) -> Reply:
        """Return head and content of the answer. Raises TimeoutError at the deadline, WorkerStartFailed,
        WorkerStarting, StartedTooLate, WorkerDied.

        What a ``patient`` worker takes to start for the first time does not count.
        """
        if self.process:
            return self._done(task)
        began = time.monotonic()
        self._start(task.deadline)
        took = time.monotonic() - began
        if self._is_start_free:
            task = replace(task, deadline=task.deadline + took)
        try:
            return self._done(task)
        except TimeoutError:
            if self._is_start_free or took < _LONG_START_SHARE * (task.deadline - began):
                raise
            raise StartedTooLate from None

    @property
    def _is_start_free(self) -> bool:
        """Whether the first start may take as long as it takes."""
        return self._patient and not self._fork_server.was_lost

    def _done(self, task: Task) -> Reply:
        self._send(task)
        return self._rest(task)

    def _start(self, deadline: float) -> None:
        """Wait until the worker is ready; only up to the deadline while the fork server reloads.

        Raises WorkerStartFailed, WorkerStarting.
        """
        last = time.monotonic() + _MAX_START_SECONDS
        while not self.process:
            state, now = self._fork_server.state, time.monotonic()
            is_lost = state in (ForkServerState.RELOADING, ForkServerState.UNRESPONSIVE)
            if self._left or (now >= deadline and (is_lost or not self._is_start_free)):
                raise WorkerStarting
            if now >= last:
                raise WorkerStartFailed
            try:
                self._ready(self._line(replace(_ANNOUNCEMENT, deadline=now + _POLL_SECONDS)))
            except TimeoutError:
                continue
            except WorkerDied as error:
                with suppress(subprocess.TimeoutExpired):  # what is ending closes its sockets first
                    self._parent.wait(_POLL_SECONDS)
                raise WorkerStartFailed from error
        if self._left:
            raise WorkerStarting

    async def ask_async(self, task: Task, threads: Executor) -> Reply:
        """As ``ask``, on an event loop; what takes long, or has a long answer, waits in a thread."""
        loop = asyncio.get_running_loop()
        if not self.process:
            return await loop.run_in_executor(threads, self.ask, task)
        self._send(task)
        came = loop.create_future()
        handle = self._connection.fileno()

        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if self._is_quick(task):
                timer = loop.call_later(min(task.slice_seconds, task.deadline - time.monotonic()), look)
            else:
                settle(came)

        timer = loop.call_later(min(task.slice_seconds, task.deadline - time.monotonic()), look)
        loop.add_reader(handle, self._take, came)
        try:
            await came
        finally:
            loop.remove_reader(handle)
            timer.cancel()
        if self._ended:
            raise self._failure()
        if answer := self._whole():
            return answer
        return await loop.run_in_executor(threads, self._rest, task)

    def _is_quick(self, task: Task) -> bool:
        """Whether the work has not taken long yet: by what it had of a processor, since a busy machine makes
        nothing heavy; but not for ever.
        """
        now = time.monotonic()
        if now >= min(task.deadline, self._began + _MAX_QUICK_FACTOR * task.slice_seconds):
            return False
        return now < self._began + task.slice_seconds or self._used() - self._before < task.slice_seconds

    def _used(self) -> float:
        """Seconds that the process has had of a processor; without end where the system does not tell."""
        try:
            return time.clock_gettime((~self.process << 3) | 2)  # the clock of another process, in Linux
        except OSError:
            return math.inf

    def _take(self, came: asyncio.Future[None]) -> None:
        """Take what has come; that is all that an event loop has to do for most answers."""
        try:
            data = self._connection.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        self._ended = not data
        self._buffer += data
        if self._ended or self._part():
            settle(came)

    def _part(self) -> tuple[dict[str, Any], int] | None:
        """The head of a whole part of an answer, and where its content begins."""
        if (end := self._head()) < 0:
            return None
        head = json.loads(self._buffer[:end])
        return (head, end + 1) if len(self._buffer) > end + head["size"] else None

    def _whole(self) -> Reply | None:
        """The answer, if it has come and has one part only."""
        found = self._part()
        if not found or found[0].get("more"):
            return None
        head, begin = found
        content = bytes(self._buffer[begin : begin + head["size"]])
        del self._buffer[: begin + head["size"]]
        return head, content

    def _send(self, task: Task) -> None:
        self._began, self._before = time.monotonic(), self._used()
        self._over = self._began + task.slice_seconds
        try:
            self._connection.settimeout(max(task.deadline - time.monotonic(), 0.001))
            self._connection.sendall(task.line)
        except BrokenPipeError as error:
            raise WorkerDied from error

    def _rest(self, task: Task) -> Reply:
        """What has not come yet."""
        while (answer := json.loads(self._line(task))).get("more"):
            assert task.part
            task.part(self._content(answer["size"], task))
        return answer, self._content(answer["size"], task)

    def _line(self, task: Task) -> bytes:
        while (end := self._head()) < 0:
            self._more(task)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _content(self, size: int, task: Task) -> bytes:
        while len(self._buffer) < size:
            self._more(task)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self, task: Task) -> None:
        """Take what comes, if anything does before its turn is over."""
        now = time.monotonic()
        if now >= task.deadline:
            raise TimeoutError
        if now >= self._over:
            if task.turn and not self._is_quick(task):
                task.turn()
            self._over = time.monotonic() + task.slice_seconds
            return
        self._connection.settimeout(min(task.deadline, self._over) - now)
        try:
            data = self._connection.recv(1 << 20)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise self._failure()
        self._buffer += data

    def _head(self) -> int:
        """Where the head that comes next ends; -1 where it has not come, nor will where the worker breaks down."""
        return self._buffer.find(b"\n") if self._buffer.startswith(b"{") else -1

    def _failure(self) -> WorkerDied:
        """Why there is nothing more: what breaks down by itself says so last."""
        return WorkerCrashed() if CRASH_PREFIX in self._buffer else WorkerDied()

    @property
    def held(self) -> int:
        """Bytes that it shares with no other; 0 where the system does not tell."""
        return private_bytes(self.process)

    def signal(self, wanted: signal.Signals) -> None:
        """Pause the process, let it go on, or end it."""
        if self.process:
            self._fork_server.send(self.process, wanted)

    def less(self) -> None:
        """Let all others have the processors first."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, _NICE_INCREMENT)

    def abandon(self) -> None:
        """Have whoever waits for this worker learn that it has ended; one that still starts is left for others."""
        self._left = True
        with suppress(OSError):
            if self.process:
                self._connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """Let go of it: one that is about to end tells the process above by what, if it is not killed meanwhile."""
        self._connection.close()  # who has not begun finds nobody there
