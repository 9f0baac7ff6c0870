"""A publisher whose responses have no limits."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from cybilgraph.sync.fetch import Limits, Site
from cybilgraph.sync.harvester import harvest

GOOD = b"<http://x/a> <http://x/b> <http://x/c> .\n"
NAME = "cybilgraph.nq.gz"


class Hostile(ThreadingHTTPServer):
    """A publisher that sends what it is told to: ``send`` writes the dump, headers and all."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.release = "1"
        self.sums = ""
        self.patch = b""
        self.sent = 0
        self.serve(NAME, gzip.compress(GOOD))

    def serve(self, name: str, content: bytes) -> None:
        """Let this be the dump, with its true checksum."""
        self.sums = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        self.send: Callable[[_Handler], None] = lambda handler: handler.give(content)

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        if self.path.endswith("SHA256SUMS"):
            self.give(self.server.sums.encode(), **{"Cybilgraph-Release": self.server.release})
        elif self.path.startswith("/changes"):
            self.give(self.server.patch)
        else:
            self.server.send(self)

    def give(self, content: bytes, **headers: str) -> None:
        self.begin(**{"Content-Length": str(len(content)), **headers})
        self.wfile.write(content)

    def begin(self, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def endless(self, block: bytes, pause: float = 0) -> None:
        """Write until the client goes away, a minute at most."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.wfile.write(block)
            self.server.sent += len(block)
            time.sleep(pause)

    def log_message(self, *_: object) -> None:
        pass


class Held(NamedTuple):
    site: Hostile
    into: Path


def take(server: Hostile, into: Path, limits: Limits | None = None) -> None:
    with Site(server.url, timeout=5, attempts=1, limits=limits) as site:
        harvest(site, into)


def left(into: Path) -> int:
    """The bytes in the folder of a copy."""
    return sum(file.stat().st_size for file in into.iterdir())
