"""What a parent tells a nursery: to fork a worker, or to send a signal to one."""

from __future__ import annotations

import struct

#: An order: the number of a process and a signal, or FORK and nothing, with the connection of the new worker beside it.
ORDER = struct.Struct("!qq")
FORK = 0
