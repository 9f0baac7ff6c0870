"""What a process has of memory, as far as the system tells."""

from __future__ import annotations

import resource
from pathlib import Path


def mapped(process: int) -> int:
    """Bytes of address space, which a limit on memory counts; 0 where the system does not tell."""
    return _pages(process, 0)


def resident(process: int) -> int:
    """Bytes that are in memory, shared ones included; 0 where it has ended or the system does not tell."""
    return _pages(process, 1)


def private(process: int) -> int:
    """Bytes that it has for itself, also those that are swapped out; 0 as above. It takes some 10 ms for each
    GB that is in memory.
    """
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_", "SwapPss:")))


def _pages(process: int, which: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[which]) * resource.getpagesize()
    except (OSError, IndexError):  # of one that is just ending it is empty
        return 0
