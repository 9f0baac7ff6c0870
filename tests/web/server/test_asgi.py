"""Fair sharing of the event loop between clients."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.exceptions import TooManyRequests

from cybilgraph.runtime.scheduler import Caller
from cybilgraph.web.api import problems
from cybilgraph.web.api.protocol import Reply, Request
from cybilgraph.web.server.access_log import LogEntry
from cybilgraph.web.server.asgi import Application, _FairLoop
from cybilgraph.web.server.settings import Settings


def test_single_request_does_not_wait_for_the_crowd_of_another_client() -> None:
    """A single task of another client runs second, although it arrives after a hundred waiting tasks."""
    done: list[str] = []

    async def work(loop: _FairLoop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def all_at_once() -> None:
        loop = _FairLoop()
        await asyncio.gather(*(work(loop, "many") for _ in range(100)), work(loop, "one"))
        await work(loop, "later")  # works with an empty queue too

    asyncio.run(all_at_once())
    assert done == ["many", "one", *["many"] * 99, "later"]


def test_disconnected_client_takes_no_turn() -> None:
    done: list[str] = []

    async def work(loop: _FairLoop, client: str) -> None:
        await loop.turn(client)
        done.append(client)

    async def one_goes() -> None:
        loop = _FairLoop()
        tasks = [asyncio.create_task(work(loop, name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(one_goes())
    assert done == ["a", "c"]


def test_error_response_for_a_flood_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    reply = problems.error_reply

    def counted(*given: Any) -> Reply:
        made.append(given[2].arguments)
        return reply(*given)

    monkeypatch.setattr(problems, "error_reply", counted)
    app = Flask(__name__)
    front = Application(cast(Any, None), app, 10, Settings())
    error = TooManyRequests("3 of your requests are in work", retry_after=5)

    def error_reply(accept: str, arguments: str, error: TooManyRequests = error) -> Reply:
        request = Request("GET", arguments, {"accept": accept})
        came = asyncio.run(front._error_reply("/sparql", request, error))
        assert came == reply(app, "/sparql", request, error)
        return came

    for number in range(3):
        assert error_reply("*/*", f"query={quote(f'ASK {{}} # {number} format=')}").headers["retry-after"] == "5"
    assert len(made) == 1
    assert error_reply("text/plain", "query=a").headers["content-type"] == "text/plain; charset=utf-8"
    assert error_reply("text/plain", "query=b&%66ormat=csv").headers["content-type"] == "application/problem+json"
    assert (
        error_reply("*/*", "query=a", TooManyRequests("4 of your requests", retry_after=1)).headers["retry-after"]
        == "1"
    )
    assert len(made) == 4


def test_unfinished_body_gets_a_constant_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that opens many requests and leaves must not make the server render a page for each."""
    monkeypatch.setattr(problems, "error_reply", None)  # any call would raise
    front = Application(cast(Any, None), Flask(__name__), 10, Settings())
    messages = iter([{"type": "http.request", "body": b"SEL", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/sparql",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"9")],
        "entry": LogEntry("192.0.2.1", "POST", "/sparql"),
    }
    asyncio.run(front(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"incomplete" in sent[1]["body"]


def test_long_request_is_parsed_in_a_thread() -> None:
    """The event loop parses no request of which any part is long."""
    front = Application(cast(Any, None), Flask(__name__), 10, Settings())
    ours = threading.current_thread().name

    def reader(request: Request) -> str:
        return asyncio.run(front._aside(Caller("192.0.2.1"), lambda _: threading.current_thread().name, request))

    assert reader(Request("GET", "query=ASK{}", {"accept": "*/*"})) == ours
    for request in (
        Request("GET", "query=" + "a" * 10_000, {}),
        Request("POST", "", {}, b"a" * 10_000),
        Request("GET", "", {"accept": "a/b," * 400}),
        Request("GET", "", {}, path="/api/queries/" + "a" * 10_000),
    ):
        assert reader(request) != ours
