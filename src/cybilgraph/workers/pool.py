"""The parent's side: a pool of worker processes, each killed and replaced when it is over its limits."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

#: A worker has this many seconds to start.
_START = 30.0
#: Work waits this many seconds for a worker before it is told that all are busy.
_PATIENCE = 5.0


class Busy(Exception):
    """No worker is free, or too many wait for one already."""


class NotStarted(Exception):
    """The worker ended, or said nothing, before it was ready for any work."""


class Died(Exception):
    """The worker ended in the middle of its work."""


class _Worker:
    """The parent's hold on one worker process."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        # Ctrl-C reaches the whole group of processes, also one that has not begun: it is left to the parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        assert self.process.stdin
        assert self.process.stdout
        self._input = self.process.stdin
        self._output = self.process.stdout
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._buffer = bytearray()
        self._ready = False

    def ask(self, head: dict[str, Any], content: bytes, deadline: float) -> tuple[dict[str, Any], bytes]:
        """Head and content of the answer. Raises TimeoutError at the deadline, NotStarted, Died.

        What the worker still takes to start does not count.
        """
        if not self._ready:
            began = time.monotonic()
            try:
                self._line(began + _START)
            except (Died, TimeoutError) as error:
                raise NotStarted from error
            self._ready = True
            deadline += time.monotonic() - began
        try:
            self._input.write(json.dumps(head | {"size": len(content)}).encode() + b"\n" + content)
            self._input.flush()
        except OSError as error:
            raise Died from error
        answer: dict[str, Any] = json.loads(self._line(deadline))
        size = answer["size"]
        while len(self._buffer) < size:
            self._more(deadline)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return answer, data

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._more(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _more(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TimeoutError
        data = os.read(self._output.fileno(), 1 << 20)
        if not data:
            raise Died
        self._buffer += data

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):  # a request that the process no longer read
            self._input.close()
        self._output.close()


class Pool:
    """``size`` workers of one kind, and at most ``waiting`` pieces of work that wait for one.

    Safe for use by several threads. ``module`` is run with ``arguments``; see ``inside``.
    """

    def __init__(self, module: str, arguments: Sequence[str], size: int, waiting: int = sys.maxsize) -> None:
        self._command = (module, arguments)
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._all: set[_Worker] = set()
        self._places = size + waiting
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(size):
            self._start()

    @property
    def processes(self) -> list[int]:
        """The numbers of the processes that live now."""
        with self._lock:
            return [worker.process.pid for worker in self._all]

    def ask(self, head: dict[str, Any], content: bytes = b"", *, seconds: float) -> tuple[dict[str, Any], bytes]:
        """What a worker answers within so many seconds, the wait for it included.

        Raises Busy, NotStarted, Died, or TimeoutError where the worker was stopped.
        """
        deadline = time.monotonic() + seconds
        worker = self._take(min(seconds, _PATIENCE))
        sound = False
        try:
            answer = worker.ask(head, content, deadline)
            sound = True
        finally:
            with self._lock:
                self._places += 1
            if sound:
                self._idle.put(worker)
            else:
                self._replace(worker)
        return answer

    def _take(self, patience: float) -> _Worker:
        with self._lock:
            if not self._places:
                raise Busy
            self._places -= 1
        try:
            return self._idle.get(timeout=patience)
        except queue.Empty:
            with self._lock:
                self._places += 1
            raise Busy from None

    def _start(self) -> None:
        with self._lock:
            if not self._closed:
                worker = _Worker(*self._command)
                self._all.add(worker)
                self._idle.put(worker)

    def _replace(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()
        self._start()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()
