"""The parent's hold on the process that forks workers."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from cybilgraph.workers.orders import FORK, ORDER


class Nursery:
    """The process that forks workers; begun anew should it end."""

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
