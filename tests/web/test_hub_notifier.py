"""A WebSub hub learns of each new release, and the feeds name the hub."""

from __future__ import annotations

import queue
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
from lxml import etree

from cybilgraph import pipeline
from tests.conftest import PAGES, running_server
from tests.support.http_client import http

pytestmark = pytest.mark.slow

PUBLIC = "https://data.example.org"
SITE = """
title = "Pacific Cyber Projects: who works where"
description = "Projects that build cyber capacity in the Pacific."
publisher.name = "Pacific Cyber Hub"
links.hub = "{hub}"
"""


class Hub(ThreadingHTTPServer):
    """A hub that keeps the forms sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hub"
        self.forms: queue.Queue[dict[str, list[str]]] = queue.Queue()
        Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        self.server.forms.put(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_hub_learns_of_each_release(tmp_path: Path) -> None:
    pipeline.build(PAGES[:1], tmp_path / "releases")
    with Hub() as hub:
        (tmp_path / "site.toml").write_text(SITE.format(hub=hub.url), encoding="utf-8")
        options = ("--site", tmp_path / "site.toml", "--public-url", PUBLIC)
        with running_server(tmp_path / "releases", *options) as url:
            published = {"hub.mode": ["publish"], "hub.url": [f"{PUBLIC}/changes.atom", f"{PUBLIC}/feed"]}
            assert hub.forms.get(timeout=60) == published
            for path in ("/changes.atom", "/feed"):
                link = http(f"{url}{path}").headers["link"]
                assert link == f'<{hub.url}>; rel="hub", <{PUBLIC}{path}>; rel="self"'
            feed = etree.fromstring(http(f"{url}/changes.atom").body)
            links = {link.get("rel"): link.get("href") for link in feed.iter("{http://www.w3.org/2005/Atom}link")}
            assert (links["hub"], links["self"]) == (hub.url, f"{PUBLIC}/changes.atom")
            assert "link" not in http(f"{url}/changes.atom?since=1").headers, "nobody announces this address"
            pipeline.build(PAGES[:2], tmp_path / "releases")
            assert hub.forms.get(timeout=60) == published
        hub.shutdown()
        assert hub.forms.empty()


def test_site_without_a_hub_names_none(server: str) -> None:
    assert "link" not in http(f"{server}/changes.atom").headers
    assert b'rel="hub"' not in http(f"{server}/changes.atom").body
