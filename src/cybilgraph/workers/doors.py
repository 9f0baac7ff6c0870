"""What a process can give up for good, so that nothing leaves the machine, whatever its work tries."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from contextlib import suppress
from enum import StrEnum


class Door(StrEnum):
    """What a worker may still open: nothing, files, or sockets as well."""

    SHUT = ""
    FILES = "files"
    OPEN = "open"


def close(door: Door, handle: int) -> None:
    """Take from this process what the ``door`` does not let through. ``handle`` is a file or socket that is open.

    Raises OSError where the system cannot do that.
    """
    if door is Door.SHUT:
        _open_nothing(handle)
    elif door is Door.FILES:
        _open_no_socket()


def _open_nothing(handle: int) -> None:
    """Numbers that are free below the limit are filled: it is a limit on numbers, not on how many are open."""
    lowest_free = os.dup(handle)
    os.close(lowest_free)
    highest = max(int(name) for name in os.listdir("/dev/fd"))  # noqa: PTH208
    limit = max(highest + 1, lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with suppress(OSError):
        while True:
            os.dup(handle)


#: By machine: its name to the kernel, and the numbers of the calls socket and seccomp.
_MACHINES = {"x86_64": (0xC000003E, 41, 317), "aarch64": (0xC00000B7, 198, 277)}
_IO_URING_SETUP = 425  # it makes sockets, too
_X32 = 0x40000000  # calls of x86-64 by other numbers
_NO_NEW_PRIVILEGES = 38  # prctl(2): without it only root may set a filter
_FILTER, _ALL_THREADS = 1, 1  # seccomp(2)
_LOAD, _EQUAL, _NOT_BELOW, _RETURN = 0x20, 0x15, 0x35, 0x06  # instructions of classic BPF
_UNABLE = "sockets cannot be refused to a process here: that takes seccomp, of Linux on x86-64 or ARM"
_ALLOWED, _DENIED = 0x7FFF0000, 0x00050000 | 13  # EACCES


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _open_no_socket() -> None:
    """Have the kernel refuse it (seccomp)."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise OSError(_UNABLE)
    machine, socket, seccomp = _MACHINES[platform.machine()]
    denied = 6  # the place of that instruction; jumps count from the one behind their own
    program = [
        (_LOAD, 0, 0, 4),  # the machine
        (_EQUAL, 0, denied - 2, machine),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, denied - 4, 0, socket),
        (_EQUAL, denied - 5, 0, _IO_URING_SETUP),
        (_NOT_BELOW, 0, 1, _X32),
        (_RETURN, 0, 0, _DENIED),
        (_RETURN, 0, 0, _ALLOWED),
    ]
    filtering = _Program(len(program), b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or library.syscall(
        seccomp, _FILTER, _ALL_THREADS, ctypes.byref(filtering)
    ):
        raise OSError(ctypes.get_errno(), _UNABLE)
