"""The application sets the headers of every page, unless the page sets its own."""

from __future__ import annotations

import re

import pytest

from cybilgraph.web.application import BUNDLE
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not BUNDLE.is_file(), reason="the scripts were not bundled: no npm")
def test_each_response_with_the_editor_has_its_own_nonce(server: str) -> None:
    nonces = set()
    for _ in range(2):
        reply = http(f"{server}/sparql", Accept=BROWSER)
        [nonce] = re.findall("'nonce-([^']+)'", reply.headers["content-security-policy"])
        assert f'nonce="{nonce}"' in reply.body.decode()
        nonces.add(nonce)
    assert len(nonces) == 2


def test_other_sites_may_read_pages_but_not_frame_them(server: str) -> None:
    reply = http(f"{server}/", Accept=BROWSER)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["cache-control"] == "no-cache"
    policy = reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "nonce" not in policy


def test_responses_vary_by_accept(server: str) -> None:
    for path in ("/", "/id/project/G0020", "/nowhere"):
        assert "Accept" in re.split(r",\s*", http(f"{server}{path}", Accept=BROWSER).headers["vary"])
