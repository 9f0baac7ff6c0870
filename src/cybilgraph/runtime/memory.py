"""The memory that a process uses, as far as the system reports it."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

#: The mallopt(3) parameter for the number of arenas, and its value; the default of glibc is eight per processor.
_M_ARENA_MAX, _ARENAS = -8, 2
#: The parameter for the size in bytes of blocks that are mapped on their own; glibc would raise it with each freed one.
_M_MMAP_THRESHOLD, _MAPPED_BYTES = -3, 256_000


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
    """Return a function that measures, once, this process's address space in bytes (the size RLIMIT_AS limits).

    The function also works after the process has lost the right to open files. It returns 0 if the system does not
    report the size.
    """
    try:
        statm: IO[str] = Path("/proc/self/statm").open(encoding="ascii")  # noqa: SIM115
    except OSError:
        return lambda: 0

    def measure() -> int:
        with statm:
            return _pages(statm.read(), 0)

    return measure


def resident_bytes(process: int) -> int:
    """Return a process's bytes in memory, including shared ones; 0 if it has ended or the system does not report it."""
    try:
        return _pages(Path(f"/proc/{process}/statm").read_text(encoding="ascii"), 1)
    except OSError:
        return 0


def address_space_bytes(process: int) -> int:
    """Return the size of a process's address space, which RLIMIT_AS limits; 0 as in ``resident_bytes``."""
    try:
        return _pages(Path(f"/proc/{process}/statm").read_text(encoding="ascii"), 0)
    except OSError:
        return 0


def _pages(statm: str, which: int) -> int:
    """Return one of the page counts in ``statm`` in bytes; it is empty for a process that is just ending."""
    counts = statm.split()
    return int(counts[which]) * resource.getpagesize() if counts else 0
