"""Limits and fair sharing between clients."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast
from unittest.mock import Mock

import pytest
from flask import Flask, Response
from werkzeug.exceptions import BadRequest

from cybilgraph.web.api import protocol
from cybilgraph.web.api.protocol import Request
from cybilgraph.web.server.access_log import LogEntry
from cybilgraph.web.server.asgi import Application, FairLoop
from cybilgraph.web.server.middleware import Middleware
from cybilgraph.web.server.settings import Settings


def test_single_request_does_not_wait_for_the_crowd_of_another_client() -> None:
    """A single task of another client runs second, although it arrives after a hundred waiting tasks."""
    done: list[str] = []

    async def work(loop: FairLoop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def all_at_once() -> None:
        loop = FairLoop()
        await asyncio.gather(*(work(loop, "many") for _ in range(100)), work(loop, "one"))
        await work(loop, "later")  # works with an empty queue too

    asyncio.run(all_at_once())
    assert done == ["many", "one", *["many"] * 99, "later"]


def test_disconnected_client_takes_no_turn() -> None:
    done: list[str] = []

    async def work(loop: FairLoop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def one_goes() -> None:
        loop = FairLoop()
        tasks = [asyncio.create_task(work(loop, name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(one_goes())
    assert done == ["a", "c"]


class Exchange:
    """An HTTP request for an application without releases, and what it sent; ``receive`` waits after the messages."""

    def __init__(self, scope: dict[str, Any], *messages: dict[str, Any]) -> None:
        method, path = scope.setdefault("method", "GET"), scope.setdefault("path", "/sparql")
        headers = [(b"host", b"localhost"), *scope.pop("headers", [])]
        entry = LogEntry("192.0.2.1", method, path)
        self.scope = {"type": "http", "query_string": b"", "entry": entry, **scope, "headers": headers}
        self._messages = list(messages)
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def run(self, application: Application | Middleware) -> None:
        await application(self.scope, self.receive, self.send)


def application(**settings: Any) -> Application:
    """Return an application that fails to render any page: it has no templates."""
    return Application(cast(Any, None), Flask(__name__), Settings(**settings))


def test_client_over_its_limit_is_refused_before_its_body_is_read() -> None:
    unfinished = {"method": "POST", "headers": [(b"content-length", b"9"), (b"accept", b"text/html")]}
    first, second = Exchange(dict(unfinished)), Exchange(dict(unfinished))
    other = Exchange(dict(unfinished), {"type": "http.disconnect"})
    other.scope["entry"] = LogEntry("192.0.2.2", "POST", "/sparql")

    async def exchange() -> None:
        front = application(at_once=1, waiting=0)
        running = asyncio.create_task(first.run(front))
        await asyncio.sleep(0)
        await second.run(front)
        await other.run(front)
        running.cancel()

    asyncio.run(exchange())
    assert not first.sent
    assert second.sent[0]["status"] == 429
    headers = dict(second.sent[0]["headers"])
    assert (headers[b"retry-after"], headers[b"connection"]) == (b"1", b"close")
    assert other.sent[0]["status"] == 400


def test_unfinished_body_gets_a_constant_reply() -> None:
    """A client that opens many requests and leaves must not make the server render a page for each."""
    exchange = Exchange(
        {"method": "POST", "headers": [(b"content-length", b"9"), (b"accept", b"text/html")]},
        {"type": "http.request", "body": b"SEL", "more_body": True},
        {"type": "http.disconnect"},
    )
    asyncio.run(exchange.run(application()))
    assert exchange.sent[0]["status"] == 400
    assert b"incomplete" in exchange.sent[1]["body"]


@pytest.mark.parametrize(
    ("scope", "body"),
    [
        ({"query_string": b"query=" + b"a" * 10_000}, b""),
        ({"method": "POST", "headers": [(b"content-length", b"10000")]}, b"a" * 10_000),
        ({"headers": [(b"accept", b"a/b," * 400)]}, b""),
        ({"path": "/api/queries/" + "a" * 10_000}, b""),
    ],
)
def test_request_with_a_long_part_is_parsed_in_a_thread(
    scope: dict[str, Any], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def wants_page(_: Request) -> bool:
        threads.append(threading.current_thread().name)
        raise BadRequest

    monkeypatch.setattr(protocol, "wants_page", wants_page)
    for sent, content in ((dict(scope), body), ({}, b"")):
        exchange = Exchange(sent, {"type": "http.request", "body": content, "more_body": False})
        asyncio.run(exchange.run(application()))
        assert exchange.sent[0]["status"] == 400
    assert threads[0].startswith("reader")
    assert threads[1] == threading.current_thread().name


class Closing(Exchange):
    """A client that closes its connection when it has a number of bytes; ``is_watched`` when the server would notice."""

    def __init__(self, bytes_wanted: int) -> None:
        server = {
            "path": "/slow",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "root_path": "",
        }
        super().__init__(server)
        self.is_watched = threading.Event()
        self._missing = bytes_wanted
        self._closed, self._noticed = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Any:
        self.is_watched.set()
        await self._closed.wait()
        self._noticed.set()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await super().send(message)
        self._missing -= len(message.get("body", b""))
        if self._missing <= 0:
            self._closed.set()
            await self._noticed.wait()


@pytest.mark.parametrize(("length", "bytes_wanted", "outcome"), [("8", 8, "ok"), ("8", 4, "gone"), (None, 8, "gone")])
def test_client_with_the_whole_page_is_not_logged_as_gone(length: str | None, bytes_wanted: int, outcome: str) -> None:
    """A client that knows the length of a page may close the connection before the server has sent its empty end."""
    pages, client = Flask(__name__), Closing(bytes_wanted)

    @pages.route("/slow")
    def slow() -> Response:
        assert client.is_watched.wait(60)
        return Response(iter(("half", "half")), headers={"content-length": length} if length else {})

    logged, counted = Mock(), Mock()
    front = Middleware(Application(cast(Any, None), pages, Settings()), cast(Any, None), logged, counted)
    asyncio.run(client.run(front))
    [entry] = logged.log_request.call_args.args
    assert (entry.status, entry.outcome) == (200, outcome)
