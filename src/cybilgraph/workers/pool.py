"""The parent's side: a pool of worker processes, each killed and replaced when it is over its limits.

Work begins in a *quick* place. What is not done after a moment gives its place back, and goes on
with lower priority in one of few *long* places, or is paused until one is free: what is quick
never waits for what is long, whoever sent it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from cybilgraph.workers.orders import FORK, LAST_WORDS, ORDER
from cybilgraph.workers.turns import Busy, Caller, Turns, settle

__all__ = ["Busy", "Caller", "Crashed", "Died", "Lanes", "NotStarted", "Pool"]

#: A worker has this many seconds to start, what it shares with others included.
_START = 120.0
#: Work waits this many seconds for a worker before it is told that all are busy.
_PATIENCE = 5.0
#: Work is quick for so many times its seconds at most, however little of a processor it had.
_PATIENT = 3
#: How much less of a processor long work gets (``nice``).
_LESS = 10


class NotStarted(Exception):
    """The worker ended, or said nothing, before it was ready for any work."""


class Died(Exception):
    """The worker ended in the middle of its work, for whatever reason."""


class Crashed(Died):
    """The worker ended by its own work: there was not enough memory or stack for it."""


class _Lost(Exception):
    """The worker ended with the process that had forked it: its work is not to blame, and can be done again."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """``quick`` places and how many may wait for one; ``long`` places (0: all work is done in its quick
    place), how many may be paused, and the seconds after which work is long.
    """

    quick: int
    waiting: int = sys.maxsize
    long: int = 0
    paused: int = 16
    after: float = 0.1


#: Head and content of an answer.
Told = tuple[dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """Work for a worker: its ``line`` with its content; the moment until which it may take, and the seconds
    ``after`` which it is long; ``part`` takes what is not the last of its answer.
    """

    line: bytes
    until: float
    after: float
    part: Callable[[bytes], object] | None


class _Nursery:
    """The parent's hold on the process that forks workers; begun anew should it end."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        # -P: what lies in the folder where we were started is no module of ours.
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._control, theirs = socket.socketpair()
        # Ctrl-C reaches the whole group of processes, also one that has not begun: it is left to the parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with theirs:
                self._process = subprocess.Popen(self._command, stdin=theirs.fileno())  # noqa: S603
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def fork(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        """The connection to a new worker, and the process that it is a child of."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                socket.send_fds(self._control, [ORDER.pack(FORK, 0)], [theirs.fileno()])
            except OSError:
                self._end()
                self._begin()
                socket.send_fds(self._control, [ORDER.pack(FORK, 0)], [theirs.fileno()])
            return ours, self._process

    def send(self, process: int, wanted: signal.Signals) -> None:
        """Send a signal to a worker, if it lives."""
        with self._lock, suppress(OSError):
            self._control.sendall(ORDER.pack(process, wanted))

    def _end(self) -> None:
        self._control.close()  # it sees that, ends its workers, and waits for them, so that none stays a zombie
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and its workers."""
        with self._lock:
            self._end()


class _Worker:
    """The parent's hold on one worker process."""

    def __init__(self, nursery: _Nursery) -> None:
        self._nursery = nursery
        self._connection, self._parent = nursery.fork()
        self._buffer = bytearray()
        self._ended = False
        self._began = self._before = 0.0
        self.process = 0

    @property
    def orphaned(self) -> bool:
        """Whether the process that forked it has ended."""
        return self._parent.poll() is not None

    def has_gone(self) -> bool:
        """Whether it ended after it was ready: one that never was is no reason to begin another."""
        self._connection.settimeout(0)
        try:
            while data := self._connection.recv(4096):
                self._buffer += data
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        return bool(self.process or self._buffer)

    def ask(self, question: Question, now_long: Callable[[], None]) -> Told:
        """Head and content of the answer. Raises TimeoutError at its moment, NotStarted, Died.

        What the worker still takes to start does not count. ``now_long`` is done once when the work takes long.
        """
        if not self.process:
            began = time.monotonic()
            try:
                self.process = json.loads(self._line(began + _START))["pid"]
            except (Died, TimeoutError) as error:
                raise NotStarted from error
            question = replace(question, until=question.until + time.monotonic() - began)
        self._send(question)
        while b"\n" not in self._buffer and self._is_quick(question):
            with suppress(TimeoutError):
                self._more(min(time.monotonic() + question.after, question.until))
        return self._rest(question, now_long)

    async def ask_soon(self, question: Question, now_long: Callable[[], None], threads: Executor) -> Told:
        """As ``ask``, on an event loop; what takes long, or has a long answer, waits in a thread."""
        loop = asyncio.get_running_loop()
        if not self.process:
            return await loop.run_in_executor(threads, self.ask, question, now_long)
        self._send(question)
        came = loop.create_future()
        handle = self._connection.fileno()

        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if self._is_quick(question):
                timer = loop.call_later(min(question.after, question.until - time.monotonic()), look)
            else:
                settle(came)

        timer = loop.call_later(min(question.after, question.until - time.monotonic()), look)
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
        return await loop.run_in_executor(threads, self._rest, question, now_long)

    def _is_quick(self, question: Question) -> bool:
        """Whether the work has not taken long yet: by what it had of a processor, since a busy machine makes
        nothing heavy; but not for ever.
        """
        now = time.monotonic()
        if now >= min(question.until, self._began + _PATIENT * question.after):
            return False
        return now < self._began + question.after or self._used() - self._before < question.after

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

    def _send(self, question: Question) -> None:
        self._began, self._before = time.monotonic(), self._used()
        try:
            self._connection.settimeout(max(question.until - time.monotonic(), 0.001))
            self._connection.sendall(question.line)
        except BrokenPipeError as error:
            raise Died from error

    def _rest(self, question: Question, now_long: Callable[[], None]) -> Told:
        """What has not come yet."""
        if b"\n" not in self._buffer:
            now_long()
        while (answer := json.loads(self._line(question.until))).get("more"):
            assert question.part
            question.part(self._content(answer["size"], question.until))
        return answer, self._content(answer["size"], question.until)

    def _line(self, until: float) -> bytes:
        while (end := self._head()) < 0:
            self._more(until)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _content(self, size: int, until: float) -> bytes:
        while len(self._buffer) < size:
            self._more(until)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            data = self._connection.recv(1 << 20)
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

    def signal(self, wanted: signal.Signals) -> None:
        """Pause the process, let it go on, or end it."""
        if self.process:
            self._nursery.send(self.process, wanted)

    def less(self) -> None:
        """Let all others have the processors first."""
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, _LESS)

    def abandon(self) -> None:
        """Have whoever waits for this worker learn that it has ended."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.signal(signal.SIGKILL)
        self._connection.close()  # who has not begun finds nobody there


class Pool:
    """Workers of one kind: ``module`` is run with ``arguments``; see ``inside``. Safe for several threads."""

    def __init__(self, module: str, arguments: Sequence[str], lanes: Lanes) -> None:
        self._lanes = lanes
        self._nursery = _Nursery(module, arguments)
        self._quick = Turns(lanes.quick, lanes.waiting)
        self._long = Turns(lanes.long, lanes.paused)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        #: How many workers ended in the middle or were killed, and were replaced.
        self.restarts = 0
        for _ in range(lanes.quick):
            self._start()

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now and have worked already."""
        with self._lock:
            return [worker.process for worker in self._all if worker.process]

    @property
    def load(self) -> dict[str, int]:
        """How much work is quick, waits, is long, is paused."""
        quick, waiting = self._quick.used
        long, paused = self._long.used
        return {"quick": quick, "waiting": waiting, "long": long, "paused": paused}

    def ask(
        self,
        head: dict[str, Any],
        content: bytes = b"",
        *,
        seconds: float,
        caller: Caller | None = None,
        part: Callable[[bytes], object] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """What a worker answers within so many seconds, the wait for it included.

        Raises Busy, NotStarted, Died, or TimeoutError where the worker was stopped. Where the
        answer is large, ``part`` takes all but the last of it.
        """
        question = self._question(head, content, seconds, part)
        caller = caller or Caller()
        with suppress(_Lost):
            return self._once(question, caller)
        try:
            return self._once(question, caller)
        except _Lost:
            raise Died from None

    async def ask_soon(
        self,
        head: dict[str, Any],
        *,
        seconds: float,
        caller: Caller,
        part: Callable[[bytes], object],
        threads: Executor,
    ) -> Told:
        """As ``ask``, on an event loop: only what takes long waits in one of the ``threads``."""
        question = self._question(head, b"", seconds, part)
        with suppress(_Lost):
            return await self._once_soon(question, caller, threads)
        try:
            return await self._once_soon(question, caller, threads)
        except _Lost:
            raise Died from None

    def _once(self, question: Question, caller: Caller) -> Told:
        """What a worker answers. Raises as ``ask`` does, and _Lost."""
        self._quick.enter(caller, min(question.until, time.monotonic() + _PATIENCE))
        with self._work(caller, question) as (worker, question, now_long):
            return worker.ask(question, now_long)

    async def _once_soon(self, question: Question, caller: Caller, threads: Executor) -> Told:
        await self._quick.enter_soon(caller, min(question.until, time.monotonic() + _PATIENCE))
        with self._work(caller, question) as (worker, question, now_long):
            return await worker.ask_soon(question, now_long, threads)

    def _question(
        self, head: dict[str, Any], content: bytes, seconds: float, part: Callable[[bytes], object] | None
    ) -> Question:
        line = json.dumps(head | {"size": len(content)}).encode() + b"\n" + content
        after = self._lanes.after if self._lanes.long else seconds
        return Question(line, time.monotonic() + seconds, after, part)

    @contextmanager
    def _work(self, caller: Caller, question: Question) -> Iterator[tuple[_Worker, Question, Callable[[], None]]]:
        """A block in which a caller, who has a quick place, has a worker; and what makes it a long place.
        Raises NotStarted, and _Lost where that befell the worker.
        """
        place: Turns | None = self._quick
        sound = begun = False
        try:
            worker = self._take()
        except NotStarted:
            self._quick.leave(caller)
            raise

        def taken(data: bytes) -> None:
            nonlocal begun
            assert question.part
            begun = True
            question.part(data)

        def now_long() -> None:
            nonlocal place
            if not self._lanes.long:
                return
            worker.signal(signal.SIGSTOP)
            self._start()
            self._quick.leave(caller)
            place = None
            self._long.enter(caller, question.until)
            place = self._long
            caller.waits_for(worker.abandon)
            worker.less()
            worker.signal(signal.SIGCONT)

        caller.waits_for(worker.abandon)
        try:
            yield worker, replace(question, part=taken), now_long
            sound = True
        except (Died, NotStarted):
            if worker.orphaned and not begun and not caller.gone:
                raise _Lost from None
            raise
        finally:
            caller.waits_for(None)
            if sound and place is self._quick:
                with self._lock:
                    self._idle.append(worker)
            else:  # also after long work: a process cannot take back that it lets others go first
                self._end(worker, sound=sound)
                if place is self._quick:
                    self._start()
            if place:
                place.leave(caller)

    def _take(self) -> _Worker:
        """An idle worker that lives. Raises NotStarted after the end."""
        while True:
            with self._lock:
                if self._closed:
                    raise NotStarted
                worker = self._idle.pop()
            if not worker.has_gone():
                return worker
            self._end(worker, sound=False)
            self._start()

    def _end(self, worker: _Worker, *, sound: bool) -> None:
        with self._lock:
            self._all.discard(worker)
            self.restarts += not sound
        worker.kill()

    def _start(self) -> None:
        with self._lock:
            if not self._closed:
                worker = _Worker(self._nursery)
                self._all.add(worker)
                self._idle.append(worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()
        self._nursery.close()
