"""A publisher's site, and a proxy in front of it that cuts off, delays, shortens and corrupts responses."""

from __future__ import annotations

import random
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cybilgraph import pipeline
from cybilgraph.errors import CybilgraphError
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.harvester import harvest
from tests.conftest import RECORDS, SEED, graph_of, running_server

_PASSED = ("Host", "Accept", "If-None-Match", "Range", "If-Range", "Content-Type")
#: The faults of responses.
FAULTS = ("cut", "stall", "shorten", "corrupt", "busy", "whole", "refuse")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class FaultyProxy:
    """A proxy for the site at ``origin``; it runs within a ``with`` block.

    Each response has a random fault with probability ``chance``; ``seed`` makes the choice reproducible. A stall takes
    ``stall`` seconds. The proxy can present another release as the current one (``serve``).
    """

    def __init__(self, origin: str, chance: float = 0, seed: int = 0, stall: float = 1) -> None:
        self.origin, self.chance, self.stall = origin, chance, stall
        self.current = 0
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.next: list[str] = []
        #: Media type and content of additional files, by path.
        self.more: dict[str, tuple[str, bytes]] = {}
        #: Functions that change the content of responses, by the end of the path.
        self.harmed: dict[str, Callable[[bytes], bytes]] = {}
        #: Headers that replace those of the site, by the end of the path.
        self.replaced_headers: dict[str, dict[str, str]] = {}
        self.lock = threading.Lock()
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10
            disable_nagle_algorithm = True  # otherwise each response on a persistent connection takes 40 ms

            def do_GET(self) -> None:
                way.answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def serve(self, number: int) -> None:
        """Present this release as the current one."""
        self.current = number

    def fault(self) -> str:
        """Return the fault of the next response; empty for none."""
        with self.lock:
            if self.next:
                chosen = self.next.pop(0)
            else:
                chosen = self.random.choice(FAULTS) if self.random.random() < self.chance else ""
            self.faults[chosen] += 1
            return chosen

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append((handler.path, dict(handler.headers)))
        fault = self.fault()
        if fault == "refuse":
            handler.close_connection = True
            handler.connection.close()
            return
        if fault == "busy":
            status, headers, body = 503, {"Retry-After": "0"}, b"busy"
        else:
            given = {name: handler.headers[name] for name in _PASSED if handler.headers[name]}
            if fault == "whole":  # a request for a range gets the whole file
                given.pop("Range", None)
            sent = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            status, headers, body = self.fetch(handler.path, given, handler.command, sent)
            asked = handler.path.partition("?")[0]
            for end, harm in self.harmed.items():
                body = harm(body) if asked.endswith(end) else body
            for end, replaced in self.replaced_headers.items():
                headers |= {name.lower(): value for name, value in replaced.items()} if asked.endswith(end) else {}
        with self.lock:
            place = self.random.randrange(len(body)) if body else 0
        if body and fault == "corrupt":
            body = body[:place] + bytes([body[place] ^ (1 << place % 8)]) + body[place + 1 :]
        if fault == "shorten":
            body = body[:place]
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault in ("cut", "stall"):
            body = body[:place]
            handler.close_connection = True
        try:
            handler.wfile.write(b"" if handler.command == "HEAD" else body)
            handler.wfile.flush()
        except OSError:
            handler.close_connection = True
        if fault == "stall":
            time.sleep(self.stall)

    def fetch(self, path: str, headers: dict[str, str], method: str, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.current:
            path = path.replace("/latest/", f"/release/{self.current}/")
            path += f"&until={self.current}" if path.startswith("/changes") and "until=" not in path else ""
        request = urllib.request.Request(f"{self.origin}{path}", sent or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                status, received, body = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, received, body = error.code, error.headers, error.read()
        if status == 404 and path in self.more:
            return 200, {"Content-Type": self.more[path][0]}, self.more[path][1]
        connection_headers = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")
        if method == "HEAD":
            body = bytes(int(received.get("Content-Length", 0)))
        return (
            status,
            {name.lower(): value for name, value in received.items() if name.lower() not in connection_headers},
            body,
        )


class Publisher:
    """A site with several releases."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def lines(self, number: int) -> bytes:
        return b"".join(sorted(graph_of(self.folder / f"{number:04d}").splitlines(keepends=True)))


@contextmanager
def published(folder: Path) -> Iterator[Publisher]:
    """Serve a site with three releases: one record, two records, and a change of the first."""
    sources, releases = folder / "sources", folder / "releases"
    sources.mkdir()
    seed = sources / SEED.name
    shutil.copy(SEED, seed)
    pipeline.build([sources], releases)
    shutil.copy(RECORDS / "cmm-review-samoa.txt", sources)
    pipeline.build([sources], releases)
    seed.write_text(seed.read_text(encoding="utf-8").replace("Finished", "Ongoing"), encoding="utf-8")
    pipeline.build([sources], releases)
    with running_server(releases) as url:
        yield Publisher(releases, url)


def held(into: Path) -> bytes:
    """Return the content of the harvested copy."""
    return (into / "graph.nq").read_bytes()


def journey(publisher: Publisher, into: Path, seed: int) -> str:
    """Harvest three releases over an unreliable connection.

    After each step, the copy equals the release or, if the harvest reports an error, is unchanged. Return one letter
    per step: that of the kind of harvest, or ``e`` for an error.
    """
    outcomes = ""
    before = b""
    with FaultyProxy(publisher.url, chance=0.45, seed=seed, stall=0.3) as way:
        for number in (1, 2, 3, 3):
            way.serve(number)
            try:
                with Site(way.url, timeout=0.2, attempts=4, pause=0.001) as site:
                    done = harvest(site, into)
            except CybilgraphError as error:
                assert str(error)
                assert (held(into) if (into / "graph.nq").exists() else b"") == before
                outcomes += "e"
            else:
                assert done.state.release == number
                assert held(into) == publisher.lines(number), f"seed {seed}: a silent difference"
                outcomes += done.how[0]
            before = held(into) if (into / "graph.nq").exists() else b""
    return outcomes
