"""Ends a process with its parent, so that a killed server leaves no processes behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_POLL_SECONDS = 1.0
#: From prctl(2).
_PR_SET_PDEATHSIG = 1


def exit_with_parent() -> None:
    """End this process soon after its parent has ended, whatever it is doing.

    Polls, because the kernel's own signal for this fires when the thread that started the process ends, and
    threads of a server come and go.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def kill_with_parent(parent: int) -> None:
    """Have the kernel kill this process with its ``parent``, even while it is paused (Linux only).

    The parent must have forked this process itself and must have no threads.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
