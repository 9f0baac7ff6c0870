"""The parent's hold on the process that forks workers."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto

from cybilgraph.runtime.wire import BAD_DATA, COMMAND, COMMAND_DONE, FORK, REPORT, ProcessExit

#: So many seconds it may take to load what workers share, and then to answer an order: what is silent for longer hangs.
_MAX_LOAD_SECONDS, _MAX_SILENT_SECONDS = 120.0, 5.0
#: What is silent for so long is told of.
_SLOW_SECONDS = 2.0


class ForkServerState(Enum):
    """What a nursery is at this moment: loading for the first time; well; loading what was lost with the one
    before it; silent, and soon replaced; or ended for good, as what its workers share is spoilt.
    """

    STARTING = auto()
    READY = auto()
    RELOADING = auto()
    UNRESPONSIVE = auto()
    BAD_DATA = auto()


class ForkServer:
    """The process that forks workers; begun anew should it end, or hang, unless it ends since what workers share is
    spoilt. Safe for several threads.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        on_exit: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """Run ``module`` with ``arguments`` and this ``environment``. What ends unasked, this process or a worker, is
        ``on_exit``.
        """
        # -P: what lies in the folder where we were started is no module of ours.
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._module, self._environment, self._on_exit = module, dict(environment), on_exit
        self._lock = threading.Lock()
        self._closed = self._was_loaded = self._lost = False
        #: Whether what workers share cannot be had: there will be no worker any more.
        self.has_bad_data = False
        self._begin()

    def _begin(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)  # who hangs takes no orders, and holds nobody up
        self._loaded = False
        self._heard = b""
        self._owed, self._since = 1, time.monotonic()  # what it says first is that it has loaded
        # Ctrl-C reaches the whole group of processes, also one that has not begun: it is left to the parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603
                    self._command, stdin=theirs.fileno(), env=self._environment
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def state(self) -> ForkServerState:
        """What it is now. One that has ended or hangs is replaced by that, and its workers have ended."""
        with self._lock:
            self._hear()
            if self.has_bad_data:
                return ForkServerState.BAD_DATA
            if not self._loaded:
                return ForkServerState.RELOADING if self._was_loaded else ForkServerState.STARTING
            return ForkServerState.UNRESPONSIVE if self._silent > _SLOW_SECONDS else ForkServerState.READY

    def maintain(self) -> None:
        """See to it that it lives, though nobody asks for anything."""
        with self._lock:
            self._hear()

    @property
    def was_lost(self) -> bool:
        """Whether it has taken the place of one that had loaded."""
        return self._lost

    @property
    def _silent(self) -> float:
        """For how many seconds it has owed an answer."""
        return time.monotonic() - self._since if self._owed else 0.0

    def fork(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        """The connection to a new worker, and the process that it is a child of. Where there will be none, nobody is at
        the other end.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            self._hear()
            try:
                self._tell(FORK, 0, theirs.fileno())
            except OSError:
                if not self.has_bad_data:
                    self._replace()
                if not self.has_bad_data:
                    self._tell(FORK, 0, theirs.fileno())
            return ours, self._process

    def send(self, process: int, wanted: signal.Signals) -> None:
        """Send a signal to a worker, if it lives."""
        with self._lock, suppress(OSError):
            self._hear()
            self._tell(process, wanted)

    def _tell(self, number: int, wanted: int, *handles: int) -> None:
        socket.send_fds(self._control, [COMMAND.pack(number, wanted)], handles)
        if not self._owed:
            self._since = time.monotonic()
        self._owed += 1

    def _hear(self) -> None:
        """Take what it has reported: of each order, and of each worker that has ended. One that has ended or hangs is
        replaced.
        """
        if self._closed or self.has_bad_data:
            return
        try:
            heard = self._control.recv(4096)
        except BlockingIOError:
            if self._hangs():
                self._replace()
            return
        except ConnectionResetError:
            heard = b""
        if not heard:
            self._replace()
            return
        self._heard += heard
        whole = len(self._heard) // REPORT.size * REPORT.size
        for process, code in REPORT.iter_unpack(self._heard[:whole]):
            if (process, code) == COMMAND_DONE:
                self._owed -= 1
            else:
                self._on_exit(ProcessExit(f"A worker of {self._module}", process, code, "it is replaced"))
        self._heard = self._heard[whole:]
        self._since = time.monotonic()
        self._loaded = self._was_loaded = True

    def _replace(self) -> None:
        hung = self._hangs()
        self._process.kill()  # and its workers are killed with it, also those that are paused
        self._end()
        self._lost = self._was_loaded
        self.has_bad_data = self._process.returncode == BAD_DATA
        why = f"it had not answered for {self._silent:.0f} s, and " if hung else ""
        what, done = f"The process that forks workers of {self._module}", f"{why}it and its workers are replaced"
        if self.has_bad_data:
            done = "what it should load is not what was built, and it is not begun again"
        self._on_exit(ProcessExit(what, self._process.pid, self._process.returncode, done))
        if not self.has_bad_data:
            self._begin()

    def _hangs(self) -> bool:
        """Whether it lives, and has been silent for too long."""
        return (
            self._silent > (_MAX_SILENT_SECONDS if self._loaded else _MAX_LOAD_SECONDS) and self._process.poll() is None
        )

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
            self._closed = True
            self._end()
