"""The HTTP client limits what servers can do: bodies, challenges, headers and proxies."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from cybilgraph.runtime.http_client import USER_AGENT, ConnectionFailed, HttpClient


class Server(ThreadingHTTPServer):
    """A server that answers with ``send``, and keeps the headers of requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.send: Callable[[Handler], None] = lambda handler: handler.give(b"hello")
        self.requests: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, dict(self.headers)))
        self.server.send(self)

    do_PUT = do_GET  # noqa: N815

    def give(self, body: bytes, status: int = 200, length: int = -1, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length >= 0

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[HttpClient]:
    with HttpClient(server.url, timeout=10, head_seconds=10) as client:
        yield client


def body(client: HttpClient, server: Server, until: float = float("inf")) -> bytes:
    with client.send("GET", f"{server.url}/a", {}, until=until) as response:
        return b"".join(response.blocks(decode=True))


def test_request_has_our_headers_and_asks_for_no_compression(server: Server, client: HttpClient) -> None:
    assert body(client, server) == b"hello"
    client.send("GET", f"{server.url}/b?x=%2F+y", {"accept": "text/csv"}).close()
    (_, first), (path, second) = server.requests
    assert (first["User-Agent"], first["Accept-Encoding"], first["Accept"]) == (USER_AGENT, "identity", "*/*")
    assert path == "/b?x=%2F+y"
    assert [value for name, value in second.items() if name.lower() == "accept"] == ["text/csv"]


def test_cookies_are_not_kept(server: Server, client: HttpClient) -> None:
    server.send = lambda handler: handler.give(b"", Set_Cookie="a=b")
    for _ in range(2):
        body(client, server)
    assert not any("Cookie" in headers for _, headers in server.requests)


def test_header_with_any_bytes_can_be_sent_back(server: Server, client: HttpClient) -> None:
    server.send = lambda handler: handler.give(b"", ETag='"é"')  # http.server sends Latin-1
    etag = client.send("GET", server.url, {}).headers["ETag"]
    assert etag == '"é"'
    client.send("GET", server.url, {"If-None-Match": etag}).close()
    assert server.requests[-1][1]["If-None-Match"] == etag


def test_unrequested_compression_is_decoded_only_if_its_memory_is_bounded(server: Server, client: HttpClient) -> None:
    server.send = lambda handler: handler.give(gzip.compress(b"x" * 1_000_000), Content_Encoding="gzip")
    assert body(client, server) == b"x" * 1_000_000
    with client.send("GET", server.url, {}) as response:
        assert max(map(len, response.blocks(decode=True))) <= 1 << 16
    server.send = lambda handler: handler.give(zlib.compress(b"x"), Content_Encoding="deflate")
    with pytest.raises(ConnectionFailed, match="encoded as deflate, which was not requested"):
        body(client, server)


def test_what_follows_compressed_data_is_not_kept(server: Server, client: HttpClient) -> None:
    server.send = lambda handler: handler.give(gzip.compress(b"x") + b"y" * 10_000_000, Content_Encoding="gzip")
    assert body(client, server) == b"x"


def test_allowed_hosts_get_no_credentials(server: Server) -> None:
    with running() as other:
        allowed = other.url.removeprefix("http://")
        server.send = lambda handler: handler.give(b"", 302, Location=f"{other.url}/b")
        with HttpClient(server.url, timeout=10, allowed_hosts=[allowed]) as client:
            for headers, auth in (({"Authorization": "Bearer secret"}, None), ({}, httpx.BasicAuth("me", "secret"))):
                assert client.send("GET", f"{server.url}/a", headers, auth=auth).status == 200
                assert "Authorization" in server.requests[-1][1]
                assert "Authorization" not in other.requests[-1][1]


@pytest.mark.parametrize("content", [gzip.compress(b"x" * 1000)[:-9], b"no gzip"], ids=["truncated", "corrupt"])
def test_damaged_compression_is_an_error(server: Server, client: HttpClient, content: bytes) -> None:
    server.send = lambda handler: handler.give(content, Content_Encoding="gzip")
    with pytest.raises(ConnectionFailed, match="cannot be decompressed"):
        body(client, server)


def test_truncated_body_is_an_error(server: Server, client: HttpClient) -> None:
    server.send = lambda handler: handler.give(b"x" * 10, length=20)
    with pytest.raises(ConnectionFailed, match="interrupted"):
        body(client, server)
    with client.send("GET", server.url, {}) as response:
        assert response.length == 20
        with pytest.raises(OSError, match="interrupted"):
            response.stream().read()


@pytest.mark.slow
def test_body_that_never_continues_ends_at_its_deadline(server: Server, client: HttpClient) -> None:
    """Each byte of a chunk's extension arrives within the timeout, but no content does."""

    def drip(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        for _ in range(3_000):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    server.send = drip
    with pytest.raises(ConnectionFailed, match="the response timed out"):
        body(client, server, until=time.monotonic() + 0.5)


def test_endless_redirect_bodies_are_not_read(server: Server, client: HttpClient) -> None:
    def send(handler: Handler) -> None:
        if handler.path == "/b":
            handler.give(b"there")
        else:
            handler.give(b"x" * 100, 302, length=10**12, Location="/b")

    server.send = send
    assert body(client, server) == b"there"


def digest(*parts: str) -> str:
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def test_password_is_sent_as_a_digest_and_an_endless_challenge_is_not_read(server: Server, client: HttpClient) -> None:
    """RFC 7616, section 3.4."""
    challenge = 'Digest realm="r", qop="auth", algorithm=SHA-256, nonce="n"'

    def send(handler: Handler) -> None:
        given = handler.headers.get("Authorization", "")
        fields = dict(re.findall(r'(\w+)="?([^",]*)', given))
        expected = digest(
            digest("me", "r", "secret"),
            *(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")),
            digest("PUT", "/a"),
        )
        if fields.get("response") == expected:
            handler.give(b"done")
        else:
            handler.give(b"x" * 100, 401, length=10**12, WWW_Authenticate=challenge)

    server.send = send
    auth = httpx.DigestAuth("me", "secret")
    assert client.send("PUT", f"{server.url}/a", {}, b"content", auth=auth).status == 200
    assert client.send("PUT", f"{server.url}/a", {}, b"content", auth=httpx.DigestAuth("me", "wrong")).status == 401
    assert "Authorization" not in server.requests[0][1]
    assert not any("secret" in str(headers) for _, headers in server.requests)


def test_unsupported_authentication_is_an_error(server: Server, client: HttpClient) -> None:
    challenge = 'Digest realm="r", algorithm=NEW, nonce="n"'
    server.send = lambda handler: handler.give(b"", 401, WWW_Authenticate=challenge)
    with pytest.raises(ConnectionFailed, match="unsupported authentication"):
        client.send("GET", server.url, {}, auth=httpx.DigestAuth("me", "secret"))


def test_proxy_of_the_environment_is_used_except_for_excluded_hosts(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removeprefix("http://"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HttpClient("http://data.example", timeout=10) as client:
        assert client.send("GET", "http://data.example/a", {}).status == 200
    with HttpClient(server.url, timeout=10) as client:
        client.send("GET", f"{server.url}/b", {}).close()
    assert [path for path, _ in server.requests] == ["http://data.example/a", "/b"]


@pytest.mark.parametrize("url", ["", "no url", "ftp://127.0.0.1/", "http://", "file:///etc/passwd"])
def test_only_http_urls_are_accepted(url: str) -> None:
    with HttpClient(url, timeout=10) as client, pytest.raises(ValueError, match="URL"):
        client.send("GET", url, {})


def test_missing_server_is_reported() -> None:
    with HttpClient("http://127.0.0.1:1", timeout=10) as client, pytest.raises(ConnectionFailed) as error:
        client.send("GET", "http://127.0.0.1:1/", {})
    assert str(error.value) == "no connection (Connection refused)"
    assert not error.value.has_responded
