"""The client's handle on the fork server, the process that forks workers."""

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
from typing import NamedTuple

from cybilgraph.runtime.worker import BAD_DATA, COMMAND_DONE, FORK, MESSAGE

#: Seconds that a fork server may take to load the shared data, and to answer a command. A longer silence is a hang.
_MAX_LOAD_SECONDS, _MAX_SILENT_SECONDS = 120.0, 5.0
#: After this many seconds of silence, the state is UNRESPONSIVE.
_SLOW_SECONDS = 2.0


class ProcessExit(NamedTuple):
    """A process that ended unexpectedly.

    ``what`` names it, ``code`` is its status as in ``subprocess`` (a negative signal number or an exit code), and
    ``done`` says what was done about it.
    """

    what: str
    process: int
    code: int
    done: str

    @property
    def how(self) -> str:
        """The exit status in words."""
        try:
            return f"signal {signal.Signals(-self.code).name}" if self.code < 0 else f"exit code {self.code}"
        except ValueError:  # a signal without a name
            return f"signal {-self.code}"

    def __str__(self) -> str:
        return f"{self.what} (process {self.process}) ended by {self.how}: {self.done}"


class ForkServerState(Enum):
    """The state of a fork server.

    STARTING: loads the shared data for the first time. READY. RELOADING: loads it again after its predecessor ended.
    UNRESPONSIVE: silent, and soon replaced. BAD_DATA: ended for good, because the shared data is damaged.
    """

    STARTING = auto()
    READY = auto()
    RELOADING = auto()
    UNRESPONSIVE = auto()
    BAD_DATA = auto()


class ForkServer:
    """A fork server, replaced when it ends or hangs, unless it ends because the shared data is damaged. Thread-safe."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        on_exit: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """Run ``module`` with ``arguments`` in this ``environment``.

        ``on_exit`` is called when the fork server or one of its workers ends unexpectedly.
        """
        # -P keeps modules in the current folder from replacing ours.
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._module, self._environment, self._on_exit = module, dict(environment), on_exit
        self._lock = threading.Lock()
        self._closed = False
        #: Whether this fork server has replaced one that had loaded.
        self.was_lost = False
        #: Whether the shared data is damaged, so that no worker can start any more.
        self.is_data_damaged = False
        self._start()

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)  # a fork server that hangs must not block its clients
        self._is_loaded = False
        self._buffer = b""
        self._pending, self._silent_since = 1, time.monotonic()  # its first report says that it has loaded
        # Ctrl-C reaches the whole process group, even a process that is just starting: leave it to the parent.
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
        """The current state. Reading it replaces a fork server that has ended or hangs, together with its workers."""
        with self._lock:
            self._read_reports()
            if self.is_data_damaged:
                return ForkServerState.BAD_DATA
            if not self._is_loaded:
                return ForkServerState.RELOADING if self.was_lost else ForkServerState.STARTING
            return ForkServerState.UNRESPONSIVE if self._silent_seconds > _SLOW_SECONDS else ForkServerState.READY

    @property
    def _silent_seconds(self) -> float:
        """Seconds for which a report has been due."""
        return time.monotonic() - self._silent_since if self._pending else 0.0

    def fork(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        """Return a connection to a new worker, and its parent process.

        If no worker can start any more, the other end of the connection is closed.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            self._read_reports()
            try:
                self._send_command(FORK, 0, theirs.fileno())
            except OSError:
                if not self.is_data_damaged:
                    self._replace()
                if not self.is_data_damaged:
                    self._send_command(FORK, 0, theirs.fileno())
            return ours, self._process

    def send(self, process: int, signal_number: signal.Signals) -> None:
        """Send a signal to a worker, if it is alive."""
        with self._lock, suppress(OSError):
            self._read_reports()
            self._send_command(process, signal_number)

    def _send_command(self, number: int, signal_number: int, *handles: int) -> None:
        socket.send_fds(self._control, [MESSAGE.pack(number, signal_number)], handles)
        if not self._pending:
            self._silent_since = time.monotonic()
        self._pending += 1

    def _read_reports(self) -> None:
        """Read the reports on finished commands and ended workers. Replace a fork server that has ended or hangs."""
        if self._closed or self.is_data_damaged:
            return
        try:
            data = self._control.recv(4096)
        except BlockingIOError:
            if self._hangs():
                self._replace()
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._replace()
            return
        self._buffer += data
        complete = len(self._buffer) // MESSAGE.size * MESSAGE.size
        for process, code in MESSAGE.iter_unpack(self._buffer[:complete]):
            if (process, code) == COMMAND_DONE:
                self._pending -= 1
            else:
                self._on_exit(ProcessExit(f"A worker of {self._module}", process, code, "it is replaced"))
        self._buffer = self._buffer[complete:]
        self._silent_since = time.monotonic()
        self._is_loaded = True

    def _replace(self) -> None:
        reason = f"it had not responded for {self._silent_seconds:.0f} s; " if self._hangs() else ""
        self._process.kill()  # the kernel kills its workers with it, even paused ones
        self._stop()
        self.was_lost |= self._is_loaded
        self.is_data_damaged = self._process.returncode == BAD_DATA
        outcome = f"{reason}it and its workers are replaced"
        if self.is_data_damaged:
            outcome = "the data it should load is damaged, so it is not restarted"
        name = f"The fork server of {self._module}"
        self._on_exit(ProcessExit(name, self._process.pid, self._process.returncode, outcome))
        if not self.is_data_damaged:
            self._start()

    def _hangs(self) -> bool:
        """Return whether the process is alive but has been silent for too long."""
        limit = _MAX_SILENT_SECONDS if self._is_loaded else _MAX_LOAD_SECONDS
        return self._silent_seconds > limit and self._process.poll() is None

    def _stop(self) -> None:
        self._control.close()  # makes it kill its workers and wait for them, so that no zombie remains
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and its workers."""
        with self._lock:
            self._closed = True
            self._stop()
