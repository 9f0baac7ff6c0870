"""Connections that cost more than a client may: those that take what is sent too slowly, and too many of one client.

The HTTP server says nothing of its connections, so they are looked at from outside: as open files of this process
(proc(5)), with what the kernel knows of each (tcp(7), TCP_INFO). Where the system is not Linux, none is closed.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from cybilgraph.web.clients import network

#: A client that lets data wait must take so many bytes in the seconds that a connection has for that.
_LEAST = 64_000
#: The kernel takes no more bytes from the server than the client may have on the way, and these.
_UNSENT = 128_000
_OPEN = "/proc/self/fd"
#: In struct tcp_info (linux/tcp.h): where bytes_acked (u64) and notsent_bytes (u32) are.
_ACKED, _NOT_SENT, _INFO_BYTES = 120, 144, 148


@dataclass(slots=True)
class _Known:
    """What is known of a connection: the moment when its client had last taken enough, and its bytes until then."""

    first: float
    last: float
    taken: int


class Connections:
    """The connections of this process at a port, looked at each time that ``tend`` is called."""

    def __init__(
        self,
        port: int,
        *,
        seconds: float,
        most: int,
        is_proxy: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A client that takes less than 64 kB in so many ``seconds``, while more waits for it, loses its connection.
        One client, unless its address ``is_proxy``, has at most so many connections.
        """
        self._port, self._seconds, self._most = port, seconds, most
        self._is_proxy, self._clock = is_proxy, clock
        self._known: dict[int, _Known] = {}

    def tend(self) -> None:
        """Close what takes too little, and the newest of what is too many."""
        if sys.platform != "linux":
            return
        now, before, self._known = self._clock(), self._known, {}
        clients: Counter[str] = Counter()
        found = [(before.get(number) or _Known(now, now, 0), number, one) for number, one in self._sockets()]
        for known, number, connection in sorted(found, key=lambda one: one[0].first):
            with connection, suppress(OSError):  # it may have ended meanwhile
                address = connection.getpeername()[0]
                taken, waits = _state(connection)
                if not waits or taken >= known.taken + _LEAST:
                    known.last, known.taken = now, taken
                client = network(address)
                clients[client] += not self._is_proxy(address)
                if now - known.last > self._seconds or clients[client] > self._most:
                    _reset(connection)
                else:
                    self._known[number] = known

    def _sockets(self) -> Iterator[tuple[int, socket.socket]]:
        """Each connection at the port, by the number of its socket; a handle of our own, so that it stays the same."""
        for name in os.listdir(_OPEN):  # noqa: PTH208
            with suppress(OSError, ValueError):
                handle = os.dup(int(name))
                try:
                    one = socket.socket(fileno=handle)
                except OSError:  # no socket
                    os.close(handle)
                    continue
                if one.family not in (socket.AF_INET, socket.AF_INET6) or one.getsockname()[1] != self._port:
                    one.close()
                elif one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    _limit(one)
                    one.close()
                else:
                    yield os.fstat(handle).st_ino, one


def _limit(listening: socket.socket) -> None:
    """Have the kernel hold little for each connection that is taken from now on: it inherits the option."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
    if listening.getsockopt(socket.IPPROTO_TCP, option) != _UNSENT:
        listening.setsockopt(socket.IPPROTO_TCP, option, _UNSENT)


def _state(connection: socket.socket) -> tuple[int, bool]:
    """How many bytes the client has taken, and whether more waits in the kernel."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    if len(info) < _INFO_BYTES:  # of a kernel before Linux 4.6
        return 0, False
    (taken,) = struct.unpack_from("Q", info, _ACKED)
    (waiting,) = struct.unpack_from("I", info, _NOT_SENT)
    return taken, waiting > 0


def _reset(connection: socket.socket) -> None:
    """Close a connection without sending what waits: the HTTP server sees that, and drops it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
