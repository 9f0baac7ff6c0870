"""Runs commands of ``cybilgraph``, each in a process forked from one that has already imported the package."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing import reduction
from pathlib import Path

from cybilgraph.cli import main

_FORKING = multiprocessing.get_context("forkserver")
# What commands and servers import when they run.
_FORKING.set_forkserver_preload([__name__, "cybilgraph.pipeline", "cybilgraph.web.server.http_server"])


def forked(arguments: list[str], given: bytes, cwd: Path, seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the environment of this process. Raises TimeoutExpired if it does not end in time."""
    with tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        read.write(given)
        read.seek(0)
        streams = [read.fileno(), output.fileno(), errors.fileno()]
        process = _FORKING.Process(target=_Command(arguments, cwd, streams))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, seconds)
        output.seek(0)
        errors.seek(0)
        done = subprocess.CompletedProcess(arguments, process.exitcode, output.read(), errors.read())
        process.close()
        return done


class ForkedProcess:
    """A command that runs in the background as the leader of a new session, with the interface of ``subprocess.Popen``."""

    def __init__(self, arguments: list[str], output: int) -> None:
        """Run the command with both output streams to this file descriptor, and without input."""
        with Path(os.devnull).open() as nothing:
            command = _Command(arguments, Path.cwd(), [nothing.fileno(), output, output], leads=True)
            self._process = _FORKING.Process(target=command)
            self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("cybilgraph", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Command:
    """Run the command in the forked process, with these files as its standard streams."""

    def __init__(self, arguments: list[str], cwd: Path, streams: list[int], *, leads: bool = False) -> None:
        """``leads`` makes the process the leader of a new session."""
        self._arguments, self._cwd, self._leads = arguments, cwd, leads
        self._environment = dict(os.environ)
        self._streams = streams

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"_streams": [reduction.DupFd(stream) for stream in self._streams]}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._streams = [stream.detach() for stream in state["_streams"]]  # type: ignore[attr-defined]

    def __call__(self) -> None:
        multiprocessing.set_start_method(None, force=True)  # the server forks as it does when it is started by a user
        if self._leads:
            os.setsid()
        for number, stream in enumerate(self._streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
        os.environ.clear()
        os.environ.update(self._environment)
        os.chdir(self._cwd)
        sys.argv = ["cybilgraph", *self._arguments]
        try:
            main()
        finally:
            atexit._run_exitfuncs()  # a process that multiprocessing has forked leaves them out
