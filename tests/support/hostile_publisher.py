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
    """A publisher with arbitrary responses: ``send`` writes the response for the dump, including its headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.release = "1"
        self.sums = ""
        self.patch = b""
        self.sent = 0
        self.serve(NAME, gzip.compress(GOOD))

    def serve(self, name: str, content: bytes) -> None:
        """Serve this content as the dump, with its correct checksum."""
        self.sums = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        self.send: Callable[[Handler], None] = lambda handler: handler.give(content)

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class Handler(BaseHTTPRequestHandler):
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
        """Write until the client disconnects, for at most a minute."""
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
    """Return the total size of the files of a copy, in bytes."""
    return sum(file.stat().st_size for file in into.iterdir())
