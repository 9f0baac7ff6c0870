"""Every response has security headers, and no URL path reaches a non-public file."""

from __future__ import annotations

import asyncio
import http.client
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cybilgraph.release import Releases
from cybilgraph.sparql.embedded import QueryLimits
from cybilgraph.web import create_app
from cybilgraph.web.checker import Checker
from cybilgraph.web.server.access_log import AccessLog
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.settings import Settings
from tests.conftest import running_server

HTML = "text/html"
RESPONSES = [
    ("GET", "/", HTML, 200),
    ("GET", "/id/project/G0020", HTML, 200),
    ("GET", "/id/project/G0020", "text/turtle", 200),
    ("GET", "/id/project/G0020", "application/rdf+xml", 200),
    ("GET", "/sparql", HTML, 200),
    ("GET", "/sparql?query=ASK%7B%7D", "application/sparql-results+xml", 200),
    ("GET", "/sparql?query=ASK%7B%7D", HTML, 200),
    ("GET", "/sparql?query=x", "*/*", 400),
    ("GET", "/sparql?query=x", HTML, 400),
    ("GET", "/sparql?query=CLEAR+ALL", "text/plain", 403),
    ("OPTIONS", "/sparql", "*/*", 204),
    ("DELETE", "/sparql", "*/*", 405),
    ("TRACE", "/", "*/*", 405),
    ("GET", "/nowhere", HTML, 404),
    ("GET", "/nowhere", "*/*", 404),
    ("GET", "/check", HTML, 200),
    ("GET", "/latest/SHA256SUMS", "*/*", 200),
    ("HEAD", "/latest/cybilgraph.ttl.gz", "*/*", 200),
    ("GET", "/latest/nowhere", "*/*", 404),
    ("GET", "/release/999/manifest.json", "*/*", 404),
    ("GET", "/sitemap.xml", "*/*", 200),
    ("GET", "/healthz", "*/*", 200),
    ("GET", "/readyz", "*/*", 200),
    ("GET", "/metrics", "*/*", 200),
    ("POST", "/metrics", "*/*", 404),
]


def ask(server: str, method: str, path: str, accept: str = "*/*", host: str = "localhost") -> tuple[int, Any, bytes]:
    """Return the response to this exact path, without normalisation by a client."""
    place = urlsplit(server)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.request(method, path, headers={"Accept": accept, "Host": host})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def require_secure(headers: Any) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(("method", "path", "accept", "status"), RESPONSES)
def test_every_response_has_security_headers(server: str, method: str, path: str, accept: str, status: int) -> None:
    came, headers, _ = ask(server, method, path, accept)
    assert came == status
    require_secure(headers)


@pytest.mark.parametrize("accept", [HTML, "*/*", "text/plain"])
@pytest.mark.parametrize(
    "path", ["/<script>alert(1)</script>", "/latest/<script>alert(1)</script>", "/sparql?query=<script>"]
)
def test_error_page_escapes_what_it_echoes(server: str, path: str, accept: str) -> None:
    status, headers, body = ask(server, "GET", path.replace("<", "%3C").replace(">", "%3E"), accept)
    assert status in (400, 404)
    require_secure(headers)
    assert not headers["Content-Type"].startswith(HTML) or b"<script>" not in body.replace(b"<script src", b"")


def test_malformed_host_is_rejected_without_echo(server: str) -> None:
    status, headers, body = ask(server, "GET", "/", HTML, host='x"><script>')
    assert status == 400
    require_secure(headers)
    assert b'"><script>' not in body


@pytest.mark.parametrize("path", ["/sparql", "/check"])
def test_internal_error_has_security_headers(releases: Path, path: str) -> None:
    headers = [(b"host", b"localhost"), (b"content-length", b"3")]
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers,
        "client": ("192.0.2.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
        "root_path": "", "raw_path": path.encode(),
    }  # fmt: skip
    sent: list[MutableMapping[str, Any]] = []
    ends = iter(({"type": "lifespan.shutdown"},))

    async def receive() -> MutableMapping[str, Any]:
        raise RuntimeError("the secret of a fault")

    async def stopped() -> MutableMapping[str, Any]:
        return next(ends)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def answered() -> None:
        access_log = AccessLog("text", queries=False)
        live = LiveReleases(Releases(releases), QueryLimits(), 10_000, access_log.log_event)
        checker = Checker()
        app = create_app(live, checker, Settings(), access_log)
        try:
            with pytest.raises(RuntimeError):
                await app(scope, receive, send)
        finally:
            answer = list(sent)
            await app({"type": "lifespan"}, stopped, send)
            checker.close()
            sent[:] = answer

    asyncio.run(answered())
    start, body = sent
    assert start["status"] == 500
    require_secure({name.decode().title(): value.decode() for name, value in start["headers"]})
    assert b"bug in the server" in body["body"]
    assert b"secret" not in body["body"]


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "%2e%2e",
        "../../../../../../etc/passwd",
        "..%2F..%2F..%2F..%2Fetc%2Fpasswd",
        "..%5C..%5Cetc%5Cpasswd",
        "%2Fetc%2Fpasswd",
        "//etc/passwd",
        "SHA256SUMS%00",
        "SHA256SUMS/../sources.sqlite",
        "sources.sqlite",
        "graph.nq.zst",
        "store",
        ".lock",
        "%c0%ae%c0%ae%c0%afetc",
    ],
)
@pytest.mark.parametrize("place", ["/latest", "/release/1", "/static"])
def test_no_path_escapes_the_public_files(server: str, place: str, name: str) -> None:
    status, headers, body = ask(server, "GET", f"{place}/{name}")
    assert status in (308, 400, 404)
    assert status != 308 or ask(server, "GET", headers["Location"])[0] == 404
    require_secure(headers)
    assert b"root:" not in body


def test_symbolic_link_in_place_of_a_public_file_is_not_followed(releases: Path, tmp_path: Path) -> None:
    own = tmp_path / "releases"
    shutil.copytree(releases, own, symlinks=True)
    with running_server(own) as server:
        assert ask(server, "GET", "/latest/projects.csv.gz")[0] == 200
        file = own / "0001" / "public" / "projects.csv.gz"
        file.unlink()
        file.symlink_to("/etc/passwd")
        status, headers, body = ask(server, "GET", "/latest/projects.csv.gz")
    assert status == 503
    require_secure(headers)
    assert b"root:" not in body
