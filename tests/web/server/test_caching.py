"""Cache-Control: nothing that `forget` changes may be cached longer than a day."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from cybilgraph import pipeline
from cybilgraph.release import Releases
from tests.conftest import SEED, running_server
from tests.support.erasure import EMAIL
from tests.support.http_client import BROWSER, q, send
from tests.support.operations import until

pytestmark = pytest.mark.slow

DAY = 86_400
QUERY = "SELECT ?email { ?contact vcard:hasEmail ?email }"
PINNED = (
    f"/sparql?{urlencode(q(QUERY, format='csv', release='1'))}",
    "/id/project/G0020.ttl?release=1",
    "/record/G0020.ttl?release=1",
    "/release/1/cybilgraph.nq.gz",
    "/release/1.json",
    "/feed/1/all?format=nt",
    "/changes.json?since=1&until=1",
    "/changes.rdfp?since=1&until=1",
)
CURRENT = (
    f"/sparql?query={quote('ASK {}')}",
    "/sparql/terms.json",
    "/latest/manifest.json",
    "/feed.nt",
    "/changes.atom",
    "/catalog.ttl",
    "/.well-known/void",
    "/sitemap.xml",
    "/releases.json",
    "/robots.txt",
)
PAGES = ("/", "/id/project/G0020", "/search?q=belize", "/suggest/G0020", "/check", "/static/style.css")


@pytest.mark.parametrize("target", [*PINNED, *CURRENT, *PAGES])
def test_every_response_has_cache_control(portal: str, target: str) -> None:
    headers = {"Accept": BROWSER} if target in PAGES else {}
    reply = send(portal, "GET", target, **headers)
    assert reply.status == 200, reply.body
    policy = reply.headers["cache-control"]
    assert "immutable" not in policy
    age = re.search(r"max-age=(\d+)", policy)
    if target in PAGES:
        assert policy == "no-cache"
    elif age:
        assert "must-revalidate" in policy
        assert int(age[1]) <= (DAY if target in PINNED else 60)
    else:
        assert policy in ("no-cache", "no-store")


def test_revalidating_cache_gets_the_version_without_an_erased_contact(tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path)
    with running_server(tmp_path) as url:
        held = {target: send(url, "GET", target) for target in PINNED}
        assert EMAIL.encode() in held[PINNED[0]].body
        time.sleep(1.1)  # HTTP dates have a resolution of one second
        Releases(tmp_path).erase(EMAIL)
        until(lambda: EMAIL.encode() not in send(url, "GET", PINNED[0]).body)
        until(lambda: all(send(url, "GET", target).status == 200 for target in PINNED))
        for target, old in held.items():
            now = send(url, "GET", target)
            if tag := old.headers.get("etag"):
                again = send(url, "GET", target, If_None_Match=tag)
                assert again.status == (304 if now.headers["etag"] == tag else 200), target
                assert again.status == 304 or again.body == now.body, target
                assert again.status == 200 or now.body == old.body, target
            if date := old.headers.get("last-modified"):
                assert send(url, "GET", target, If_Modified_Since=date).body == now.body, target
