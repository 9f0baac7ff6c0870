"""Absolute links begin with ``--public-url`` or, without it, with a valid host of the request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run, running_server
from tests.support.http_client import BROWSER, send

pytestmark = pytest.mark.slow

PUBLIC = "https://data.example.org"
OTHER = "attacker.example:8080"
#: Every kind of response with absolute links.
WITH_LINKS = (
    "/sparql?format=turtle",
    "/catalog.ttl",
    "/.well-known/void",
    "/sitemap.xml",
    "/sitemap-1.xml",
    "/robots.txt",
    "/changes.atom",
    "/feed.nt",
    "/feed/1/all?format=nt",
)
PAGES = (
    "/",
    "/docs/tutorial",
    "/docs/guides/researchers",
    "/sparql",
    "/releases",
    "/api/queries/example-projects-in-country?country=BZ",
)


@pytest.fixture(scope="module")
def public(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    queue = tmp_path_factory.mktemp("queue")
    with running_server(releases, "--public-url", f"{PUBLIC}/", "--suggestions", queue) as url:
        yield url


@pytest.mark.parametrize("target", [*WITH_LINKS, *PAGES])
def test_links_begin_with_the_public_url_for_any_host(public: str, target: str) -> None:
    headers = {"Accept": BROWSER} if target in PAGES else {"Accept": "text/turtle" if "void" in target else "*/*"}
    reply = send(public, "GET", target, Host=OTHER, **headers)
    assert reply.status == 200, reply.body
    assert OTHER.encode() not in reply.body
    assert OTHER not in str(reply.headers)
    assert "host" not in reply.headers["vary"].lower()
    if target in WITH_LINKS:
        assert f"{PUBLIC}/".encode() in reply.body


@pytest.mark.parametrize("target", WITH_LINKS)
def test_responses_vary_by_host_without_public_url(portal: str, target: str) -> None:
    reply = send(portal, "GET", target, Host=OTHER, Accept="text/turtle" if "void" in target else "*/*")
    assert f"http://{OTHER}/".encode() in reply.body
    assert "Host" in reply.headers["vary"]


@pytest.mark.parametrize("target", ["//docs", "/docs//tutorial", "/id//project/G0020", "//sparql"])
def test_doubled_slashes_do_not_redirect_to_the_host_of_the_request(portal: str, target: str) -> None:
    reply = send(portal, "GET", target, Host=OTHER, Accept=BROWSER)
    assert OTHER not in reply.headers.get("location", "")


@pytest.mark.parametrize("host", ['a"><script>', "a b", "a/b", "a@b", "a\\b", "x" * 300, "a:port", "a, b"])
@pytest.mark.parametrize("target", ["/catalog.ttl", "/changes.atom", "/"])
def test_malformed_host_is_rejected_without_echo(portal: str, public: str, host: str, target: str) -> None:
    for url in (portal, public):
        reply = send(url, "GET", target, Host=host)
        assert reply.status == 400
        assert host.encode() not in reply.body


@pytest.mark.parametrize(
    "address",
    [
        "data.example.org",
        "ftp://example.org",
        f"{PUBLIC}/path",
        f"{PUBLIC}?x",
        "https://a b",
        "https://u:p@x",
        "https://",
    ],
)
def test_invalid_public_url_is_rejected(releases: Path, address: str) -> None:
    refused = run("serve", releases, "--public-url", address)
    assert refused.returncode == 2
    assert b"must consist of a scheme and a host, without a path. Example: https://data.example.org" in refused.stderr
