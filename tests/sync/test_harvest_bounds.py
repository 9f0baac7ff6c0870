"""A hostile publisher can neither fill disk or memory nor block a harvest; the previous copy stays."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from cybilgraph.errors import CybilgraphError, FetchError, HarvestError
from cybilgraph.sync import harvester as harvesting
from cybilgraph.sync.fetch import Limits, Site
from cybilgraph.sync.harvester import harvest
from tests.conftest import run

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


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A publisher that was good once, and the copy of that time."""
    with Hostile() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        into = tmp_path / "copy"
        take(server, into)
        server.patch = b"no patch"
        server.release = "2"
        yield Held(server, into)
        assert (into / "graph.nq").read_bytes() == GOOD
        assert '"release": 1' in (into / "state.json").read_text()
        server.shutdown()


def take(server: Hostile, into: Path, limits: Limits | None = None) -> None:
    with Site(server.url, timeout=5, attempts=1, limits=limits) as site:
        harvest(site, into)


def left(into: Path) -> int:
    """The bytes in the folder of a copy."""
    return sum(file.stat().st_size for file in into.iterdir())


def test_declared_size_over_the_limit_is_refused_before_download(held: Held) -> None:
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": "5000000"}), handler.endless(b"x" * 9_999))[0]
    with pytest.raises(FetchError, match=r"/release/2/cybilgraph.nq.gz has 5,000,000 bytes, over the limit of 4,000,0"):
        take(held.site, held.into, Limits(bytes=4_000_000))
    assert left(held.into) < 1_000


def test_endless_response_is_stopped_at_the_limit(held: Held) -> None:
    held.site.send = lambda handler: (handler.begin(), handler.endless(b"x" * 100_000))[0]
    with pytest.raises(FetchError, match=r"has more than 4,000,000 bytes, over the limit"):
        take(held.site, held.into, Limits(bytes=4_000_000))
    assert left(held.into) < 1_000


def test_download_larger_than_the_free_disk_space_is_refused(held: Held) -> None:
    size = shutil.disk_usage(held.into).total * 2
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": str(size)}), handler.endless(b"x" * 9_999))[0]
    with pytest.raises(FetchError, match=rf"needs {size:,} more bytes, but .* has .* free"):
        take(held.site, held.into, Limits(bytes=size))
    assert left(held.into) < 1_000


@pytest.mark.parametrize("limits", [Limits(grace=0.5), Limits(seconds=0.5)], ids=["progress", "in all"])
def test_slow_response_is_stopped(held: Held, limits: Limits) -> None:
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": "100000"}), handler.endless(b"x", 0.01))[0]
    with pytest.raises(FetchError, match="is too slow"):
        take(held.site, held.into, limits)
    assert held.site.sent < 100_000


@pytest.mark.parametrize("drip", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"], ids=["interim responses", "byte by byte"])
def test_response_head_without_end_is_abandoned(held: Held, drip: bytes) -> None:
    held.site.send = lambda handler: handler.endless(drip, 0.01)
    with pytest.raises(FetchError, match="no response in time"):
        take(held.site, held.into, Limits(grace=0.5))
    assert held.site.sent < 100_000


def test_headers_without_end_are_abandoned(held: Held) -> None:
    def send(handler: _Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        handler.endless(b"x", 0.01)

    held.site.send = send
    with pytest.raises(FetchError, match="no response in time"):
        take(held.site, held.into, Limits(grace=0.5))


def bomb(suffix: str, size: int) -> bytes:
    """Lines that compress as well as can be."""
    content = GOOD * (size // len(GOOD))
    return gzip.compress(content) if suffix == "gz" else zstandard.compress(content)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_decompression_bomb_is_refused(held: Held, suffix: str) -> None:
    content = bomb(suffix, 100_000_000)
    assert len(content) < 400_000
    held.site.serve(f"cybilgraph.nq.{suffix}", content)
    with pytest.raises(HarvestError, match=rf"nq\.{suffix} decompresses to more than .* for a file of its size"):
        take(held.site, held.into)
    assert left(held.into) < 1_000


def test_graph_over_the_limit_is_not_decompressed(held: Held) -> None:
    held.site.serve(NAME, gzip.compress(b"".join(b"<http://x/%d> <a:b> <a:b> .\n" % n for n in range(50_000))))
    with pytest.raises(HarvestError, match=r"decompresses to more than 500,000 bytes"):
        take(held.site, held.into, Limits(bytes=500_000))
    assert left(held.into) < 1_000


def test_endless_line_is_not_read_into_memory(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harvesting, "_MAX_LINE_BYTES", 3_000_000)
    held.site.serve(NAME, gzip.compress(GOOD + b"<http://x/" + b"a" * 4_000_000 + b"> <a:b> <a:b> .\n", 1))
    with pytest.raises(HarvestError, match=r"has a line of more than 3,000,000 bytes"):
        take(held.site, held.into)
    held.site.patch = b"H " + b"x" * 4_000_000 + b"\n"
    with pytest.raises(HarvestError, match=r"has a line of more than 3,000,000 bytes"):
        take(held.site, held.into)


@pytest.mark.parametrize(
    "sums",
    ["".join(f"{n:064x}  file-{n}\n" for n in range(2_000)), f"{0:064x}  {'a' * 300}\n"],
    ids=["many files", "a long name"],
)
def test_checksum_list_with_too_many_files_or_long_names_is_refused(held: Held, sums: str) -> None:
    held.site.sums += sums
    with pytest.raises(HarvestError, match=r"lists .* files, the longest name has .* the limits are 1,000 and 200"):
        take(held.site, held.into)


@pytest.mark.parametrize("release", ["²", "9" * 5_000, "-1", "1/../../x", ""])
def test_release_must_be_a_number(held: Held, release: str) -> None:
    held.site.release = release
    with pytest.raises(HarvestError, match="lists no supported dump"):
        take(held.site, held.into)


def test_unrequested_encoding_does_not_fill_memory(held: Held) -> None:
    packed = gzip.compress(b"\n" * 300_000_000, 1)
    serve = _Handler.give

    def coded(handler: _Handler, content: bytes, **headers: str) -> None:
        if handler.path.endswith("SHA256SUMS"):
            content, headers = packed, headers | {"Content-Encoding": "gzip"}
        serve(handler, content, **headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Handler, "give", coded)
        with pytest.raises(CybilgraphError, match=r"has more than 20,000,000 bytes"):
            take(held.site, held.into)


def test_size_limit_is_an_option(held: Held) -> None:
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": "5000000"}), handler.endless(b"x" * 9_999))[0]
    done = run("harvest", held.site.url, "--into", held.into, "--attempts", 1, "--max-gigabytes", 0.004)
    assert done.returncode == 2
    assert b"over the limit of 4,000,000" in done.stderr
