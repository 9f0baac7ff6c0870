"""The memory and the lifetime of processes, as far as the system lets us control them."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: The mallopt(3) parameter for the number of arenas, and its value; the default of glibc is eight per processor.
_M_ARENA_MAX, _ARENAS = -8, 2
#: The parameter for the size in bytes of blocks that are mapped on their own; glibc would raise it with each freed one.
_M_MMAP_THRESHOLD, _MAPPED_BYTES = -3, 256_000
_POLL_SECONDS = 1.0
#: From prctl(2).
_PR_SET_PDEATHSIG = 1


def limit_kept_memory() -> None:
    """Return memory to the system when it is freed, as far as possible, if the C library is glibc.

    Large blocks are mapped on their own. Threads that start from now on share two arenas: with an arena of its own,
    each thread would keep the memory of its largest task.
    """
    with suppress(AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, _ARENAS)
        library.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def release_free_memory() -> None:
    """Return free memory to the system (malloc_trim(3)), if the C library is glibc."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def address_space_meter() -> Callable[[], int]:
    """Return a function that measures, once, this process's address space, as ``address_space_bytes``.

    The function also works after the process has lost the right to open files.
    """
    try:
        statm = Path("/proc/self/statm").open(encoding="ascii")  # noqa: SIM115
    except OSError:
        return lambda: 0

    def measure() -> int:
        with statm:
            return _pages(statm.read(), 0)

    return measure


def resident_bytes(process: int) -> int:
    """Return a process's bytes in memory, including shared ones; 0 if it has ended or the system does not report it."""
    return _measured(process, 1)


def address_space_bytes(process: int) -> int:
    """Return the size of a process's address space, which RLIMIT_AS limits; 0 as in ``resident_bytes``."""
    return _measured(process, 0)


def _measured(process: int, which: int) -> int:
    try:
        return _pages(Path(f"/proc/{process}/statm").read_text(encoding="ascii"), which)
    except OSError:
        return 0


def _pages(statm: str, which: int) -> int:
    """Return one of the page counts in ``statm`` in bytes; it is empty for a process that is just ending."""
    counts = statm.split()
    return int(counts[which]) * resource.getpagesize() if counts else 0


def exit_with_parent() -> None:
    """End this process soon after its parent has ended, whatever it is doing.

    Polls, because the kernel's own signal for this fires when the thread that started the process ends, and
    threads of a server come and go.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def kill_with_parent(parent: int) -> None:
    """Have the kernel kill this process with its ``parent``, even while it is paused (Linux only).

    The parent must have forked this process itself and must have no threads.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
