"""Responses of another site are limited in size and time."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cybilgraph.errors import CybilgraphError, FetchError
from cybilgraph.sync.fetch import Limits, Site
from tests.support.hostile_publisher import Handler, Held, left, take


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


@pytest.mark.slow
@pytest.mark.parametrize("limits", [Limits(grace=0.5), Limits(seconds=0.5)], ids=["progress", "in all"])
def test_slow_response_is_stopped(held: Held, limits: Limits) -> None:
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": "100000"}), handler.endless(b"x", 0.01))[0]
    with pytest.raises(FetchError, match="is too slow"):
        take(held.site, held.into, limits)
    assert held.site.sent < 100_000


@pytest.mark.slow
@pytest.mark.parametrize("drip", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"], ids=["interim responses", "byte by byte"])
def test_response_head_without_end_is_abandoned(held: Held, drip: bytes) -> None:
    held.site.send = lambda handler: handler.endless(drip, 0.01)
    with pytest.raises(FetchError, match="the response timed out"):
        take(held.site, held.into, Limits(grace=0.5))
    assert held.site.sent < 100_000


@pytest.mark.slow
def test_headers_without_end_are_abandoned(held: Held) -> None:
    def send(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        handler.endless(b"x", 0.01)

    held.site.send = send
    with pytest.raises(FetchError, match="the response timed out"):
        take(held.site, held.into, Limits(grace=0.5))


@pytest.mark.slow
def test_unrequested_encoding_does_not_fill_memory(held: Held) -> None:
    compressed = gzip.compress(b"\n" * 300_000_000, 1)
    serve = Handler.give

    def coded(handler: Handler, content: bytes, **headers: str) -> None:
        if handler.path.endswith("SHA256SUMS"):
            content, headers = compressed, headers | {"Content-Encoding": "gzip"}
        serve(handler, content, **headers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handler, "give", coded)
        with pytest.raises(CybilgraphError, match=r"has more than 20,000,000 bytes"):
            take(held.site, held.into)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        ("in 200 seconds", 20, 200),
        ("soon", 1, 1),
        ("-5", 1, 1),
        ("²", 1, 1),
    ],
)
def test_retry_waits_as_long_as_the_site_asks(held: Held, value: str, least: float, most: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)

    def busy(handler: Handler) -> None:
        handler.send_response(503)
        handler.send_header("Retry-After", date if value == "in 200 seconds" else value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    held.site.send = busy
    waited: list[float] = []
    with Site(held.site.url, attempts=2, pause=1, wait=waited.append) as site, pytest.raises(FetchError, match="503"):
        site.get("/busy")
    [seconds] = waited
    assert least <= seconds <= most


def test_very_long_wait_is_refused(held: Held) -> None:
    def busy(handler: Handler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "9" * 400)
        handler.end_headers()

    held.site.send = busy
    with Site(held.site.url, attempts=2) as site, pytest.raises(FetchError, match="asks to retry in"):
        site.get("/busy")


def test_deeply_nested_json_is_not_valid(held: Held) -> None:
    """It must not overflow the stack of the parser."""

    def send(handler: Handler) -> None:
        handler.send_response(503)
        handler.send_header("Content-Type", "application/problem+json")
        handler.end_headers()
        handler.wfile.write(b"[" * 100_000)

    held.site.send = send
    with Site(held.site.url, attempts=1) as site:
        with pytest.raises(FetchError, match="status 503"):
            site.get("/latest/manifest.json")
        held.site.send = lambda handler: handler.give(b"[" * 100_000)
        with pytest.raises(ValueError, match="nested too deeply"):
            site.get("/latest/manifest.json").json()
