"""Work for a pool of processes, and its processes as the operating system shows them."""

from __future__ import annotations

import os
import pickle
import signal
import time

import psutil

from tests.support.operations import until

WORK = pickle.dumps((os.getpid, (), {}))
SLEEP = pickle.dumps((time.sleep, (60,), {}))


def child_processes() -> set[int]:
    """Return the process ids of our children that are alive; workers are children of their fork server."""
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def parent_process(process: int) -> int:
    """Return the process id of the parent of a process: for a worker, its fork server."""
    return psutil.Process(process).ppid()


class NewForkServer:
    """The fork server of the pool that is created after this object; it may be replaced."""

    def __init__(self) -> None:
        self._others = child_processes()

    @property
    def process(self) -> int:
        """The process id; waits for the replacement of a fork server that has ended."""
        until(lambda: len(child_processes() - self._others) == 1)
        [process] = child_processes() - self._others
        return process

    def kill(self) -> None:
        os.kill(self.process, signal.SIGKILL)

    def suspend(self) -> int:
        """Suspend the process, and return its process id."""
        process = self.process
        os.kill(process, signal.SIGSTOP)
        return process
