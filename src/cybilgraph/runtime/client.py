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
from cybilgraph.runtime.memory import private
from cybilgraph.runtime.scheduler import Busy, settle
from cybilgraph.runtime.wire import LAST_WORDS

#: A worker has this many seconds to start, what it shares with others included; so often it is looked whether it may.
_START, _LOOK = 120.0, 0.25
#: Where starting took this part of the time for its work, more time might have been enough for that.
_SHARE = 0.1
#: Work is quick for so many times its seconds at most, however little of a processor it had.
_PATIENT = 3
#: How much less of a processor long work gets (``nice``).
_LESS = 10


class NotStarted(Exception):
    """The worker ended, or said nothing, before it was ready for any work."""


class NotReady(Busy):
    """The worker still starts, as what all share is lost and has to be loaded again: it can be asked later."""


class Late(Busy):
    """The worker had to start first, and the time that was left for its work was too short: it can be asked again."""


class Died(Exception):
    """The worker ended in the middle of its work, for whatever reason."""


class Crashed(Died):
    """The worker ended by its own work: there was not enough memory or stack for it."""


#: Head and content of an answer.
Told = tuple[dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Task:
    """Work for a worker: its ``line`` with its content, and the moment until which it may take. ``part`` takes
    what is not the last of its answer; ``turn`` is done after ``each`` so many seconds, and may pause it.
    """

    line: bytes
    until: float
    each: float
    part: Callable[[bytes], object] | None = None
    turn: Callable[[], None] | None = None


#: For what a worker says by itself.
_AT_ONCE = Task(b"", 0.0, math.inf)


class Worker:
    """The parent's hold on one worker process."""

    def __init__(self, nursery: ForkServer, *, patient: bool = True) -> None:
        """``patient``: what it takes to start for the first time is no part of the time for its work."""
        self._nursery = nursery
        self._patient = patient
        self._connection, self._parent = nursery.fork()
        self._buffer = bytearray()
        self._ended = False
        self._began = self._before = 0.0
        self._over = math.inf
        self._left = False
        self.process = 0

    @property
    def orphaned(self) -> bool:
        """Whether the process that forked it has ended."""
        return self._parent.poll() is not None

    def has_gone(self) -> bool:
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
                self._ready(self._line(_AT_ONCE))
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer or self.orphaned)

    def _ready(self, line: bytes) -> None:
        self.process = json.loads(line)["pid"]

    def ask(self, question: Task) -> Told:
        """Head and content of the answer. Raises TimeoutError at its moment, NotStarted, NotReady, Late, Died.

        What a ``patient`` worker takes to start for the first time does not count.
        """
        if self.process:
            return self._done(question)
        began = time.monotonic()
        self._start(question.until)
        took = time.monotonic() - began
        if self._may_take:
            question = replace(question, until=question.until + took)
        try:
            return self._done(question)
        except TimeoutError:
            if self._may_take or took < _SHARE * (question.until - began):
                raise
            raise Late from None

    @property
    def _may_take(self) -> bool:
        """Whether the first start may take as long as it takes."""
        return self._patient and not self._nursery.was_lost

    def _done(self, question: Task) -> Told:
        self._send(question)
        return self._rest(question)

    def _start(self, until: float) -> None:
        """Wait until it is ready; up to a moment where what it shares is lost. Raises NotStarted, NotReady."""
        last = time.monotonic() + _START
        while not self.process:
            state, now = self._nursery.state, time.monotonic()
            is_lost = state in (ForkServerState.AGAIN, ForkServerState.SILENT)
            if self._left or (now >= until and (is_lost or not self._may_take)):
                raise NotReady
            if now >= last:
                raise NotStarted
            try:
                self._ready(self._line(replace(_AT_ONCE, until=now + _LOOK)))
            except TimeoutError:
                continue
            except Died as error:
                with suppress(subprocess.TimeoutExpired):  # what is ending closes its sockets first
                    self._parent.wait(_LOOK)
                raise NotStarted from error
        if self._left:
            raise NotReady

    async def ask_soon(self, question: Task, threads: Executor) -> Told:
        """As ``ask``, on an event loop; what takes long, or has a long answer, waits in a thread."""
        loop = asyncio.get_running_loop()
        if not self.process:
            return await loop.run_in_executor(threads, self.ask, question)
        self._send(question)
        came = loop.create_future()
        handle = self._connection.fileno()

        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if self._is_quick(question):
                timer = loop.call_later(min(question.each, question.until - time.monotonic()), look)
            else:
                settle(came)

        timer = loop.call_later(min(question.each, question.until - time.monotonic()), look)
        loop.add_reader(handle, self._take, came)
        try:
            await came
        finally:
            loop.remove_reader(handle)
            timer.cancel()
        if self._ended:
            raise self._fate()
        if answer := self._whole():
            return answer
        return await loop.run_in_executor(threads, self._rest, question)

    def _is_quick(self, question: Task) -> bool:
        """Whether the work has not taken long yet: by what it had of a processor, since a busy machine makes
        nothing heavy; but not for ever.
        """
        now = time.monotonic()
        if now >= min(question.until, self._began + _PATIENT * question.each):
            return False
        return now < self._began + question.each or self._used() - self._before < question.each

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

    def _whole(self) -> Told | None:
        """The answer, if it has come and has one part only."""
        found = self._part()
        if not found or found[0].get("more"):
            return None
        head, begin = found
        content = bytes(self._buffer[begin : begin + head["size"]])
        del self._buffer[: begin + head["size"]]
        return head, content

    def _send(self, question: Task) -> None:
        self._began, self._before = time.monotonic(), self._used()
        self._over = self._began + question.each
        try:
            self._connection.settimeout(max(question.until - time.monotonic(), 0.001))
            self._connection.sendall(question.line)
        except BrokenPipeError as error:
            raise Died from error

    def _rest(self, question: Task) -> Told:
        """What has not come yet."""
        while (answer := json.loads(self._line(question))).get("more"):
            assert question.part
            question.part(self._content(answer["size"], question))
        return answer, self._content(answer["size"], question)

    def _line(self, question: Task) -> bytes:
        while (end := self._head()) < 0:
            self._more(question)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _content(self, size: int, question: Task) -> bytes:
        while len(self._buffer) < size:
            self._more(question)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self, question: Task) -> None:
        """Take what comes, if anything does before its turn is over."""
        now = time.monotonic()
        if now >= question.until:
            raise TimeoutError
        if now >= self._over:
            if question.turn and not self._is_quick(question):
                question.turn()
            self._over = time.monotonic() + question.each
            return
        self._connection.settimeout(min(question.until, self._over) - now)
        try:
            data = self._connection.recv(1 << 20)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise self._fate()
        self._buffer += data

    def _head(self) -> int:
        """Where the head that comes next ends; -1 where it has not come, nor will where the worker breaks down."""
        return self._buffer.find(b"\n") if self._buffer.startswith(b"{") else -1

    def _fate(self) -> Died:
        """Why there is nothing more: what breaks down by itself says so last."""
        return Crashed() if LAST_WORDS in self._buffer else Died()

    @property
    def held(self) -> int:
        """Bytes that it shares with no other; 0 where the system does not tell."""
        return private(self.process)

    def signal(self, wanted: signal.Signals) -> None:
        """Pause the process, let it go on, or end it."""
        if self.process:
            self._nursery.send(self.process, wanted)

    def less(self) -> None:
        """Let all others have the processors first."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, _LESS)

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
