"""Runs commands of ``cybilgraph``, each in a process forked from one that has already imported the package."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing import reduction
from pathlib import Path

from cybilgraph.cli import main

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([__name__, "cybilgraph.pipeline"])  # which most commands import when they run


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


class _Command:
    """Run the command in the forked process, with these files as its standard streams."""

    def __init__(self, arguments: list[str], cwd: Path, streams: list[int]) -> None:
        self._arguments, self._cwd = arguments, cwd
        self._environment = dict(os.environ)
        self._streams = streams

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"_streams": [reduction.DupFd(stream) for stream in self._streams]}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._streams = [stream.detach() for stream in state["_streams"]]  # type: ignore[attr-defined]

    def __call__(self) -> None:
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
