"""Pages are rendered one at a time; waiting pages and slow clients do not block others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, cast

import pytest
from flask import Flask
from werkzeug.exceptions import ServiceUnavailable

from cybilgraph.runtime.scheduler import Caller
from cybilgraph.web.server.access_log import LogEntry
from cybilgraph.web.server.asgi import Application
from cybilgraph.web.server.render_queue import RenderQueue, yield_turn
from cybilgraph.web.server.settings import Settings

LONG = 10.0


class Site:
    """Pages that signal when they are being rendered, and end when the test allows."""

    def __init__(self, wait: bool) -> None:
        self.begun = {name: threading.Event() for name in "ab"}
        self.go_on = {name: threading.Event() for name in "ab"}
        self._wait = wait
        self._application = RenderQueue(self._page)
        self._threads = ThreadPoolExecutor(2)

    def ask(self, name: str) -> Future[Iterable[bytes]]:
        return self._threads.submit(self._application, environ_of(name), lambda *_: None)

    def _page(self, environ: dict[str, Any], _: Callable[..., Any]) -> Iterator[bytes]:
        name = environ["asgi.scope"]["entry"].client
        with yield_turn() if self._wait else nullcontext(), yield_turn() if self._wait else nullcontext():
            self.begun[name].set()
            assert self.go_on[name].wait(LONG)
        return iter([name.encode()])


def environ_of(client: str) -> dict[str, Any]:
    return {"asgi.scope": {"entry": LogEntry(client, "GET", "/", caller=Caller(client))}}


def test_pages_are_rendered_one_at_a_time() -> None:
    site = Site(wait=False)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    second = site.ask("b")
    assert not site.begun["b"].wait(0.05)
    site.go_on["b"].set()
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]
    assert list(second.result(LONG)) == [b"b"]


def test_waiting_page_yields_its_turn() -> None:
    site = Site(wait=True)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    second = site.ask("b")
    site.go_on["b"].set()
    assert list(second.result(LONG)) == [b"b"]
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]


def test_page_without_a_turn_gets_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.web.server.render_queue._MAX_WAIT_SECONDS", 0.05)
    site = Site(wait=False)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    with pytest.raises(ServiceUnavailable) as failure:
        site.ask("b").result(LONG)
    assert failure.value.retry_after
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]
    site.go_on["b"].set()
    assert list(site.ask("b").result(LONG)) == [b"b"]


def test_failed_page_gives_up_its_turn() -> None:
    def fails(*_: Any) -> Iterable[bytes]:
        raise KeyError

    application = RenderQueue(fails)
    for _ in range(2):
        with pytest.raises(KeyError):
            application(environ_of("a"), lambda *_: None)


def test_stream_ends_when_its_client_disconnects() -> None:
    ended: list[str] = []

    def endless(*_: Any) -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            ended.append("closed")

    environ = environ_of("a")
    parts = iter(RenderQueue(endless)(environ, lambda *_: None))
    assert next(parts) == b"more"
    environ["asgi.scope"]["entry"].caller.leave()
    assert list(parts) == []
    assert ended == ["closed"]


def begun_pages(requests: list[tuple[str, str]], late: list[tuple[str, str]], at_once: int, first: int) -> list[str]:
    """Send requests, and the ``late`` ones when the ``first`` pages have begun, of which none ends earlier; return the
    pages in the order in which they began.
    """
    pages = Flask("pages")
    begun: list[str] = []
    go_on = threading.Event()

    @pages.get("/<name>")
    def page(name: str) -> str:
        begun.append(name)
        with yield_turn():
            assert go_on.wait(LONG)
        return name

    front = Application(cast(Any, None), pages, Settings(at_once=at_once))

    async def ask_all() -> None:
        def send(requests: list[tuple[str, str]]) -> list[asyncio.Task[None]]:
            return [asyncio.create_task(front(scope_of(path, client), nothing, nothing)) for path, client in requests]

        tasks = send(requests)
        async with asyncio.timeout(LONG):
            while len(begun) < first:
                await asyncio.sleep(0.01)
        tasks += send(late)
        await asyncio.sleep(0.05)
        assert len(begun) == first
        go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask_all())
    return begun


def test_turns_are_fair_between_clients() -> None:
    requests = [("/first", "192.0.2.1"), ("/second", "192.0.2.1"), ("/other", "192.0.2.2")]
    begun = begun_pages(requests, [], at_once=1, first=2)
    assert {*begun[:2]} == {"first", "other"}
    assert begun[2:] == ["second"]


def test_threads_are_fair_between_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.web.server.asgi._PAGE_THREADS", 2)
    requests = [(f"/{number}", "192.0.2.1") for number in range(6)]
    begun = begun_pages(requests, [("/other", "192.0.2.2")], at_once=6, first=2)
    assert begun.index("other") <= 3, begun


async def nothing(*_: object) -> dict[str, Any]:
    return {}


def scope_of(path: str, client: str) -> dict[str, Any]:
    return {
        "type": "http", "http_version": "1.1", "scheme": "http", "server": ("localhost", 80), "method": "GET",
        "path": path, "query_string": b"", "headers": [(b"host", b"localhost")],
        "entry": LogEntry(client, "GET", path),
    }  # fmt: skip
