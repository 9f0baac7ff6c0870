"""Ports for servers that tests start."""

from __future__ import annotations

import contextlib
import random
import socket

#: Below the ports that Linux assigns to clients, which might take one before its server starts.
_PORTS = range(10_000, 32_768)


def free_port() -> int:
    """Return a port that no program listens on."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
