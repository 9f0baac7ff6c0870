"""Every response has security headers, and no URL path reaches a non-public file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import running_server
from tests.support.security_headers import HTML, ask, require_secure

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize(("method", "path", "accept", "status"), RESPONSES)
def test_every_response_has_security_headers(server: str, method: str, path: str, accept: str, status: int) -> None:
    came, headers, _ = ask(server, method, path, accept)
    assert came == status
    require_secure(headers)


def test_malformed_host_is_rejected_without_echo(server: str) -> None:
    status, headers, body = ask(server, "GET", "/", HTML, host='x"><script>')
    assert status == 400
    require_secure(headers)
    assert b'"><script>' not in body


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
    assert status in (400, 404)
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
