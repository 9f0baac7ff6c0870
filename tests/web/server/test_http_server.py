"""The HTTP server rejects requests that are too large or ambiguous, and an address in use."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import run
from tests.support.http_client import q, send
from tests.support.protocol_cases import DIRECT, raw

pytestmark = pytest.mark.slow


def test_overlong_url_gets_a_clear_4xx(server: str) -> None:
    """The HTTP server reads at most 64 kB of a URL and responds by itself; longer queries belong in the body."""
    for size in (66_000, 100_000, 200_000):
        reply = send(server, "GET", f"/sparql?query={'x' * size}")
        assert reply.status in (414, 431)
    assert send(server, "GET", f"/sparql?{urlencode(q('ASK {}'))}").status == 200


def test_page_with_long_arguments_gets_414(server: str) -> None:
    assert send(server, "GET", f"/search?q={'x' * 15_000}").status == 200
    reply = send(server, "GET", f"/search?q={'x' * 16_000}")
    assert reply.status == 414
    assert b"16,000 characters" in reply.body


def test_oversized_headers_get_a_clear_4xx(server: str) -> None:
    place = urlsplit(server)
    with socket.create_connection((place.hostname, place.port), timeout=10) as stream:
        stream.sendall(
            b"GET /sparql HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2_000)) + b"\r\n"
        )
        assert re.match(rb"HTTP/1.1 4\d\d ", stream.recv(1000))
    assert send(server, "GET", f"/sparql?{urlencode(q('ASK {}'))}").status == 200


def test_host_is_required_by_http_1_1_only(server: str) -> None:
    assert raw(server, "GET / HTTP/1.1\nConnection: close\n\n").startswith(b"HTTP/1.1 400 ")
    assert raw(server, "GET / HTTP/1.0\n\n").startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize("length", [0, 5, 60])
@pytest.mark.parametrize("first", [True, False])
def test_conflicting_content_lengths_do_not_smuggle_a_request(server: str, length: int, *, first: bool) -> None:
    """The chunked encoding takes precedence, and the connection is closed (RFC 9112, section 6.3)."""
    lines = [f"Content-Length: {length}", "Transfer-Encoding: chunked"][:: 1 if first else -1]
    head = "\n".join(["POST /sparql HTTP/1.1", "Host: x", f"Content-Type: {DIRECT}", *lines])
    answer = raw(server, f"{head}\n\n6\nASK {{}}\n0\n\nGET /healthz HTTP/1.1\nHost: x\n\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\nconnection: close" in answer
    assert answer.endswith(b'"boolean":true}')


def test_address_in_use_is_reported(releases: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("serve", releases, "--port", port)
    assert result.returncode == 2
    assert f"Cannot listen at 127.0.0.1:{port}: Address already in use" in result.stderr.decode()
    assert "--port" in result.stderr.decode()
