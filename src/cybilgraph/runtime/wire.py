"""What a parent tells a nursery: to fork a worker, or to send a signal to one; what that reports; and what a worker
says last.
"""

from __future__ import annotations

import struct
from signal import Signals
from typing import NamedTuple

#: An order: the number of a process and a signal, or FORK and nothing, with the connection of the new worker beside it.
COMMAND = struct.Struct("!qq")
FORK = 0
#: A report: that an order is done, or the number of a worker that ended unasked, and how (as ``subprocess`` tells it).
REPORT = struct.Struct("!qq")
COMMAND_DONE = (0, 0)
#: How a nursery ends where what its workers share is not what it should be (EX_DATAERR of sysexits.h): to load it
#: again would not help.
BAD_DATA = 65
#: What a worker says last, on its connection, where it breaks down over its work (Python's faulthandler).
CRASH_PREFIX = b"Fatal Python error: "


class ProcessExit(NamedTuple):
    """A process that ended unasked: what it is, its number, how it ended (as ``subprocess`` tells it: the negative
    number of a signal, or an exit code), and what was done.
    """

    what: str
    process: int
    code: int
    done: str

    @property
    def how(self) -> str:
        """How it ended, in words."""
        try:
            return f"signal {Signals(-self.code).name}" if self.code < 0 else f"exit code {self.code}"
        except ValueError:  # a signal without a name
            return f"signal {-self.code}"

    def __str__(self) -> str:
        return f"{self.what} (process {self.process}) ended by {self.how}: {self.done}"
