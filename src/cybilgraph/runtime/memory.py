"""What a process has of memory, as far as the system tells."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

#: Of mallopt(3): the number of arenas, which glibc otherwise lets grow to eight for each processor.
_M_ARENA_MAX, _ARENAS = -8, 2


def limit_arenas() -> None:
    """Have all threads that begin from now on share two arenas, where the C library is glibc.

    In an arena of its own, each thread would keep what its largest work took.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def release_free_memory() -> None:
    """Give memory that is free back to the system (malloc_trim(3)), where the C library is glibc."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def mapped_later() -> Callable[[], int]:
    """Return a function that measures, once, this process's bytes of address space, which a limit on memory counts.

    It works in a process that cannot open files any more, and returns 0 where the system does not tell.
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
    """Bytes that are in memory, shared ones included; 0 where it has ended or the system does not tell."""
    try:
        return _pages(Path(f"/proc/{process}/statm").read_text(encoding="ascii"), 1)
    except OSError:
        return 0


def private_bytes(process: int) -> int:
    """Bytes that it has for itself, also those that are swapped out; 0 as above. It takes some 10 ms for each
    GB that is in memory.
    """
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_", "SwapPss:")))


def _pages(statm: str, which: int) -> int:
    """Return bytes from one of the counts of pages in ``statm``, which is empty for a process that is just ending."""
    counts = statm.split()
    return int(counts[which]) * resource.getpagesize() if counts else 0
