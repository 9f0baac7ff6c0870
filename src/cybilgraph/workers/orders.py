"""What a parent tells a nursery: to fork a worker, or to send a signal to one; and what a worker says last."""

from __future__ import annotations

import struct

#: An order: the number of a process and a signal, or FORK and nothing, with the connection of the new worker beside it.
ORDER = struct.Struct("!qq")
FORK = 0
#: What a worker says last, on its connection, where it breaks down over its work (Python's faulthandler).
LAST_WORDS = b"Fatal Python error: "
