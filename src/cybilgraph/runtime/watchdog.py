"""A process that ends when its parent does: whoever was killed leaves nobody behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

#: Seconds between looks at the parent.
_POLL_SECONDS = 1.0
#: prctl(2).
_PR_SET_PDEATHSIG = 1


def exit_with_parent() -> None:
    """From now on, end this process soon after its parent has ended, whatever it is doing.

    The kernel's own signal for this is tied to the thread that started the process, and
    threads of a server come and go.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def kill_with_parent(parent: int) -> None:
    """Have this process killed with its ``parent``, even while it is paused, where the kernel can do that.

    The parent must have no threads, and this process be forked by no other than it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
