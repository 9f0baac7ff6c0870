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


def _pages(process: int, which: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[which]) * resource.getpagesize()
    except (OSError, IndexError):  # of one that is just ending it is empty
        return 0
