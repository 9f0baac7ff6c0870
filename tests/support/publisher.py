"""A publisher's site and a bad way to it: a server of a test's own, that cuts, stalls, shortens and corrupts."""

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
#: What may go wrong with an answer.
FAULTS = ("cut", "stall", "shorten", "corrupt", "busy", "whole", "refuse")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is no news."""


class FaultyProxy:
    """A way to a site at ``origin``; a context manager that gives its address.

    Each answer has a fault with the given chance, chosen by ``seed``. A stall is ``stall`` seconds long.
    It can pretend that another release is the current one (``serve``).
    """

    def __init__(self, origin: str, chance: float = 0, seed: int = 0, stall: float = 1) -> None:
        self.origin, self.chance, self.stall = origin, chance, stall
        self.current = 0
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.next: list[str] = []
        #: What is answered where the site has nothing: type and content by path.
        self.more: dict[str, tuple[str, bytes]] = {}
        #: What is done to the contents of paths that end so.
        self.harmed: dict[str, Callable[[bytes], bytes]] = {}
        #: The headers that are told of paths that end so, in the place of those of the site.
        self.retold: dict[str, dict[str, str]] = {}
        self.lock = threading.Lock()
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10
            disable_nagle_algorithm = True  # else each answer on a connection that stays waits 40 ms

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
        """Let a release be the current one."""
        self.current = number

    def fault(self) -> str:
        """What is to go wrong now; empty where all is well."""
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
            if fault == "whole":  # who asked for a part gets all
                given.pop("Range", None)
            sent = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            status, headers, body = self.fetch(handler.path, given, handler.command, sent)
            asked = handler.path.partition("?")[0]
            for end, harm in self.harmed.items():
                body = harm(body) if asked.endswith(end) else body
            for end, told in self.retold.items():
                headers |= {name.lower(): value for name, value in told.items()} if asked.endswith(end) else {}
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
                status, told, body = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, told, body = error.code, error.headers, error.read()
        if status == 404 and path in self.more:
            return 200, {"Content-Type": self.more[path][0]}, self.more[path][1]
        left = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")
        if method == "HEAD":
            body = bytes(int(told.get("Content-Length", 0)))
        return status, {name.lower(): value for name, value in told.items() if name.lower() not in left}, body


class Publisher:
    """A site of several releases."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def lines(self, number: int) -> bytes:
        return b"".join(sorted(graph_of(self.folder / f"{number:04d}").splitlines(keepends=True)))


@contextmanager
def published(folder: Path) -> Iterator[Publisher]:
    """A site of three releases, for a block: of one record, of two, and with the first changed."""
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
    """The copy that is held."""
    return (into / "graph.nq").read_bytes()


def journey(publisher: Publisher, into: Path, seed: int) -> str:
    """Harvest three releases on a bad way. After each step the copy is the site's or, with a clear error, the one
    of before; which of both is told for each.
    """
    told = ""
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
                told += "e"
            else:
                assert done.state.release == number
                assert held(into) == publisher.lines(number), f"seed {seed}: a silent difference"
                told += done.how[0]
            before = held(into) if (into / "graph.nq").exists() else b""
    return told
