"""Resources that requests leave behind in the server."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from cybilgraph.release import Releases
from cybilgraph.sparql.embedded_engine import QueryLimits
from cybilgraph.web.application import create_app
from cybilgraph.web.checker import Checker
from cybilgraph.web.server.access_log import AccessLog
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import ReleaseOpener
from cybilgraph.web.server.settings import Settings
from tests.support.operations import until

pytestmark = pytest.mark.slow


class Sender:
    """A client that sends only the first bytes of a body."""

    def __init__(self) -> None:
        self._parts = [b"ASK {"]

    async def __call__(self) -> dict[str, Any]:
        while not self._parts:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": self._parts.pop(), "more_body": True}


async def stopped() -> dict[str, Any]:
    return {"type": "lifespan.shutdown"}


@pytest.mark.parametrize("path", ["/sparql", "/check"])
def test_failed_request_is_released_at_once(releases: Path, path: str) -> None:
    """Otherwise the server would keep reading what the client sends until the next garbage collection."""
    headers = [(b"host", b"localhost"), (b"content-length", b"3000"), (b"content-type", b"application/sparql-query")]
    settings = Settings(body_seconds=0.1)
    access_log = AccessLog("text", queries=False)

    async def answered() -> int:
        live = LiveReleases(Releases(releases), ReleaseOpener(QueryLimits(), 10_000, access_log.log_event))
        checker = Checker()
        app = create_app(live, checker, settings, access_log)
        status: list[int] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            status.append(message.get("status", 0))

        sender = Sender()
        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers,
            "client": ("192.0.2.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
            "root_path": "", "raw_path": path.encode(),
        }  # fmt: skip
        kept = weakref.ref(sender)
        gc.collect()
        gc.disable()
        try:
            await asyncio.create_task(app(scope, sender, send))
            del sender
            async with asyncio.timeout(10):
                while kept():  # a thread may still hold it
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
            await app({"type": "lifespan"}, stopped, send)
            checker.close()
        return status[0]

    assert asyncio.run(answered()) == 408


def test_long_lived_objects_are_frozen_for_garbage_collection(releases: Path) -> None:
    live = LiveReleases(Releases(releases), ReleaseOpener(QueryLimits(), 10_000, lambda _: None))
    try:
        until(lambda: live.is_warm)
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
        live.close()
