"""Errors are problem details that say where the error is, and echo no markup."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Blueprint, Flask

from cybilgraph.errors import QueryTimeout
from cybilgraph.release import Releases
from cybilgraph.sparql.embedded_engine import QueryLimits
from cybilgraph.web.api.problems import register
from cybilgraph.web.application import create_app
from cybilgraph.web.checker import Checker
from cybilgraph.web.server.access_log import AccessLog
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import ReleaseOpener
from cybilgraph.web.server.settings import Settings
from tests.support.http_client import q, send
from tests.support.protocol_cases import DIRECT, FORM, Case, post
from tests.support.security_headers import HTML, ask, require_secure

pytestmark = pytest.mark.slow


def test_syntax_error_has_line_and_hint(server: str) -> None:
    query = "SELECT ?s\nWHERE { ?s ex:name ?o }"
    for case in (
        Case("", q(query)),
        post("", DIRECT, query, accept="*/*"),
        post("", FORM, urlencode(q(query)), accept=""),
    ):
        problem = case.call(server).problem
        assert problem["line"] == 2
        line, caret = problem["excerpt"].split("\n")
        assert line == "WHERE { ?s ex:name ?o }"
        assert caret == " " * (problem["column"] - 1) + "^"
        assert "ex:" in problem["hint"]


def test_unknown_address_gets_advice(server: str) -> None:
    reply = send(server, "GET", "/nothing")
    assert (reply.status, "Check the spelling of the address" in reply.problem["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("section", "detail"), [("explore", "This chart took too long"), ("sparql", "The query did not finish")]
)
def test_slow_chart_offers_less_work_instead_of_advice_on_sparql(section: str, detail: str) -> None:
    app, blueprint = Flask(__name__), Blueprint(section, __name__)

    @blueprint.get("/slow")
    def slow() -> str:
        raise QueryTimeout("The query did not finish", "Add a LIMIT")

    app.register_blueprint(blueprint)
    register(app)
    reply = app.test_client().get("/slow?a=b&evidence=possible")
    problem = reply.get_json()
    assert (reply.status_code, problem["detail"]) == (504, detail)
    if section == "sparql":
        assert (problem["hint"], "links" in problem) == ("Add a LIMIT", False)
        return
    assert "hint" not in problem
    assert {link["title"]: link["href"] for link in problem["links"]} == {
        "Try again": "/slow?a=b&evidence=possible",
        "plus sure": "/slow?a=b",
        "stated and confirmed": "/slow?a=b&evidence=stated",
    }
    links = app.test_client().get("/slow?evidence=stated").get_json().get("links", [])
    assert [link["title"] for link in links] == ["Try again"], "nothing counts fewer links"


@pytest.mark.parametrize("accept", [HTML, "*/*", "text/plain"])
@pytest.mark.parametrize(
    "path", ["/<script>alert(1)</script>", "/latest/<script>alert(1)</script>", "/sparql?query=<script>"]
)
def test_error_page_escapes_what_it_echoes(server: str, path: str, accept: str) -> None:
    status, headers, body = ask(server, "GET", path.replace("<", "%3C").replace(">", "%3E"), accept)
    assert status in (400, 404)
    require_secure(headers)
    assert not headers["Content-Type"].startswith(HTML) or b"<script>" not in body.replace(b"<script src", b"")


@pytest.mark.parametrize("path", ["/api/queries/%3Fa", "/api/queries/%23a", "/latest/x%3Fa", "/latest/%5B"])
def test_path_with_delimiters_gets_a_problem(server: str, path: str) -> None:
    reply = send(server, "GET", path)
    assert reply.status == 404
    assert reply.problem["instance"] == path.replace("%5B", "%5B")


@pytest.mark.parametrize("path", ["/api/queries/", "/latest/", "/"])
def test_long_path_is_not_echoed_in_full(server: str, path: str) -> None:
    reply = send(server, "GET", path + 20_000 * "a")
    assert reply.status == 404
    assert len(reply.body) < 5_000


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
        live = LiveReleases(Releases(releases), ReleaseOpener(QueryLimits(), 10_000, access_log.log_event))
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
