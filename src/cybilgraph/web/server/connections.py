"""Limits on connections, per client and in total. Connections of clients that read too slowly are closed.

The HTTP server does not report its connections, so a thread finds them among the open files of this process (proc(5)),
with the kernel's data about each (tcp(7), TCP_INFO). It scans several times a second. The HTTP server accepts twice as
many connections as the limit allows, so that this thread can handle a flood before the server is full. On systems
other than Linux, no connection is closed.

The C library is called with the interpreter lock held. Python's own functions release it, and with busy threads each of
thousands of calls would have to wait for it again.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cybilgraph.web.server.quotas import client_network

Asgi = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

#: The pause between two scans. A scan of many connections takes about 10 ms, and the pause is longer then.
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS, _PAUSE_FACTOR = 0.05, 0.25, 10
#: The interval at which the progress of connections is measured.
_PROGRESS_SECONDS = 1.0
#: The least number of bytes that a client must read within the time limit while data are pending.
_MIN_TAKEN_BYTES = 64_000
#: The most bytes that the kernel buffers for a connection, in addition to those in flight.
_MAX_UNSENT_BYTES = 128_000
_OPEN_FILES = "/proc/self/fd"
#: Offsets of bytes_acked (u64) and notsent_bytes (u32) in struct tcp_info (linux/tcp.h), and the bytes to read of it.
_ACKED, _NOT_SENT, _INFO_BYTES = 120, 144, 148
#: Offsets of d_reclen (u16) and d_name in struct linux_dirent64 (getdents(2)), and the bytes to read at once.
_ENTRY_BYTES, _ENTRY_NAME, _BLOCK_BYTES = 16, 19, 1 << 15
#: The sizes of struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)).
_ADDRESS_BYTES = {socket.AF_INET: 16, socket.AF_INET6: 28}
_MAX_ADDRESS_BYTES = 128
#: The most open files that a server needs, and how many of them are not connections.
_MAX_OPEN_FILES, _OTHER_OPEN_FILES = 65_536, 512


def accepted_connections(total: int) -> int:
    """Raise this process's limit on open files, and return how many connections the HTTP server may accept.

    That is twice ``total``, or fewer if the limit on open files is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(min(2 * total, max(limit, soft) - _OTHER_OPEN_FILES), 2)


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection, the monotonic time of its last sufficient progress, and the bytes its client had read by then.

    ``peer`` is the client's address in the kernel's format, unique among the connections at the port.
    """

    descriptor: int
    peer: bytes
    client: str
    port: int
    is_exempt: bool
    opened_at: float
    progress_at: float
    taken: int = 0


class Connections:
    """The connections of this process at a port."""

    def __init__(
        self,
        port: int,
        *,
        send_seconds: float,
        per_client: int,
        total: int,
        is_proxy: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow ``total`` connections, and ``per_client`` for one client unless ``is_proxy`` of its address.

        A client that reads less than 64 kB in ``send_seconds`` while more is pending is disconnected.
        """
        self._port, self._send_seconds = port, send_seconds
        self._per_client, self._total = per_client, total
        self._is_proxy, self._clock = is_proxy, clock
        self._known: dict[bytes, _Connection] = {}
        self._has_limited_unsent = False
        self._in_progress: Counter[tuple[str, int]] = Counter()
        self._measured_at = -_PROGRESS_SECONDS

    def track_requests(self, app: Asgi) -> Asgi:
        """Wrap an ASGI application, so that connections with a request in progress are closed last."""

        async def tracked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            host, port = scope.get("client") or ("", 0)
            key = client_network(host), int(port)  # some servers pass it as text
            self._in_progress[key] += 1
            try:
                await app(scope, receive, send)
            finally:
                self._in_progress[key] -= 1
                if not self._in_progress[key]:
                    del self._in_progress[key]

        return tracked

    def watch(self) -> None:
        """Enforce the limits from now on, in a separate thread."""
        if sys.platform == "linux":
            threading.Thread(target=self._run, name="connections", daemon=True).start()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            self.enforce()
            took = time.monotonic() - began
            time.sleep(min(max(took * _PAUSE_FACTOR, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS))

    def enforce(self) -> None:
        """Close connections beyond a limit, and those whose client reads too slowly."""
        now = self._clock()
        found = list(self._find(now))
        closed = set(self._surplus(found))
        if now >= self._measured_at + _PROGRESS_SECONDS:
            self._measured_at = now
            closed.update(connection for connection in found if self._is_stalled(connection, now))
        for connection in closed:
            _reset(connection)
        self._known = {connection.peer: connection for connection in found if connection not in closed}

    def _find(self, now: float) -> Iterator[_Connection]:
        """Yield each connection at the port."""
        for descriptor in _open_files():
            peer = _address(_library().getpeername, descriptor)
            if not peer:
                if not self._has_limited_unsent:
                    self._has_limited_unsent = _limit_unsent(descriptor, self._port)
            elif known := self._known.get(peer):
                known.descriptor = descriptor
                yield known
            elif _parsed(_address(_library().getsockname, descriptor))[1] == self._port:
                address, port = _parsed(peer)
                client, is_proxy = client_network(address), self._is_proxy(address)
                yield _Connection(descriptor, peer, client, port, is_proxy, now, now)

    def _surplus(self, found: list[_Connection]) -> Iterator[_Connection]:
        """Yield the connections beyond a limit, those of the clients with the most connections first.

        A client keeps those with a request in progress, then its oldest.
        """
        of_client: defaultdict[str, list[_Connection]] = defaultdict(list)
        ranked: list[tuple[int, bool, float, _Connection]] = []
        for connection in found:
            if connection.is_exempt:
                ranked.append((-1, False, 0.0, connection))
            else:
                of_client[connection.client].append(connection)
        if len(found) <= self._total and all(len(own) <= self._per_client for own in of_client.values()):
            return
        for own in of_client.values():
            # Of the new connections, the oldest probably has the lowest descriptor.
            rows = [
                ((one.client, one.port) not in self._in_progress, one.opened_at, one.descriptor, one) for one in own
            ]
            ranked += [(rank, idle, -opened_at, one) for rank, (idle, opened_at, _, one) in enumerate(sorted(rows))]
        ranked.sort(key=lambda row: row[:3])
        for place, (rank, *_, connection) in enumerate(ranked):
            if rank >= self._per_client or (place >= self._total and rank >= 0):
                yield connection

    def _is_stalled(self, connection: _Connection, now: float) -> bool:
        """Return whether the client has read too little of the pending data for too long."""
        taken, waits = _progress(connection.descriptor)
        if not waits or taken >= connection.taken + _MIN_TAKEN_BYTES:
            connection.progress_at, connection.taken = now, taken
        return now - connection.progress_at > self._send_seconds


@cache
def _library() -> ctypes.PyDLL:
    return ctypes.PyDLL(None)


def _open_files() -> Iterator[int]:
    """Yield the open files of this process."""
    folder = os.open(_OPEN_FILES, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    block = ctypes.create_string_buffer(_BLOCK_BYTES)
    try:
        while (size := _library().getdents64(folder, block, _BLOCK_BYTES)) > 0:
            entries, start = block.raw[:size], 0
            while start < size:
                name_at, end = start + _ENTRY_NAME, start + struct.unpack_from("H", entries, start + _ENTRY_BYTES)[0]
                name, start = entries[name_at : entries.index(0, name_at)], end
                if name.isdigit():
                    yield int(name)
    finally:
        os.close(folder)


def _address(call: Any, descriptor: int) -> bytes:
    """Return one end of a TCP connection in the kernel's format; empty for other files."""
    buffer, size = ctypes.create_string_buffer(_MAX_ADDRESS_BYTES), ctypes.c_uint(_MAX_ADDRESS_BYTES)
    if call(descriptor, buffer, ctypes.byref(size)):
        return b""
    (family,) = struct.unpack_from("H", buffer)
    return buffer.raw[: _ADDRESS_BYTES.get(family, 0)]


def _parsed(address: bytes) -> tuple[str, int]:
    """Return the host and the port of an address."""
    if len(address) == _ADDRESS_BYTES[socket.AF_INET]:
        return socket.inet_ntop(socket.AF_INET, address[4:8]), int.from_bytes(address[2:4])
    if len(address) == _ADDRESS_BYTES[socket.AF_INET6]:
        return socket.inet_ntop(socket.AF_INET6, address[8:24]), int.from_bytes(address[2:4])
    return "", 0


def _limit_unsent(descriptor: int, port: int) -> bool:
    """Limit the kernel's send buffer of future connections, which inherit the option from the listening socket.

    Return whether this is the socket listening at the port.
    """
    if _parsed(_address(_library().getsockname, descriptor))[1] != port:
        return False
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        if listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", 25), _MAX_UNSENT_BYTES)
            return True
    return False


def _progress(descriptor: int) -> tuple[int, bool]:
    """Return how many bytes the client has read, and whether the kernel has more for it."""
    info, size = ctypes.create_string_buffer(_INFO_BYTES), ctypes.c_uint(_INFO_BYTES)
    failed = _library().getsockopt(descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, info, ctypes.byref(size))
    if failed or size.value < _INFO_BYTES:  # the connection has just ended, or Linux is older than 4.6
        return 0, False
    (taken,) = struct.unpack_from("Q", info, _ACKED)
    (waiting,) = struct.unpack_from("I", info, _NOT_SENT)
    return taken, waiting > 0


def _reset(connection: _Connection) -> None:
    """Close a connection and discard its pending data; the HTTP server notices and drops it."""
    library = _library()
    handle = library.dup(connection.descriptor)  # our own descriptor, which cannot be reused for another connection
    if handle < 0:
        return
    if _address(library.getpeername, handle) == connection.peer:
        at_once = struct.pack("ii", 1, 0)
        library.setsockopt(handle, socket.SOL_SOCKET, socket.SO_LINGER, at_once, len(at_once))
        library.shutdown(handle, socket.SHUT_RDWR)
    library.close(handle)
