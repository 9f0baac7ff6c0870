"""The protocol between a client, its fork server and the workers.

A client commands the fork server to fork a worker or to signal one; the fork server reports.
"""

from __future__ import annotations

import struct
from signal import Signals
from typing import NamedTuple

#: A command: a process id and a signal number, or FORK and 0 with the connection of the new worker attached.
COMMAND = struct.Struct("!qq")
FORK = 0
#: A report: COMMAND_DONE, or the process id and exit status (as in ``subprocess``) of a worker that ended unexpectedly.
REPORT = struct.Struct("!qq")
COMMAND_DONE = (0, 0)
#: Exit code of a fork server whose shared data is damaged, so that a restart would not help (EX_DATAERR, sysexits.h).
BAD_DATA = 65
#: Sent by a worker that crashes, on its connection (Python's faulthandler).
CRASH_PREFIX = b"Fatal Python error: "


class ProcessExit(NamedTuple):
    """A process that ended unexpectedly.

    ``what`` names it, ``code`` is its status as in ``subprocess`` (a negative signal number or an exit code), and
    ``done`` says what was done about it.
    """

    what: str
    process: int
    code: int
    done: str

    @property
    def how(self) -> str:
        """The exit status in words."""
        try:
            return f"signal {Signals(-self.code).name}" if self.code < 0 else f"exit code {self.code}"
        except ValueError:  # a signal without a name
            return f"signal {-self.code}"

    def __str__(self) -> str:
        return f"{self.what} (process {self.process}) ended by {self.how}: {self.done}"
