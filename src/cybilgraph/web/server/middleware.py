"""Logging, metrics and health checks around the application. Health checks never wait behind other requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cybilgraph.errors import QueryError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql.pooled_engine import PooledEngine
from cybilgraph.web.server.access_log import AccessLog, LogEntry
from cybilgraph.web.server.asgi import SECURITY_HEADERS, Application, Receive, Scope, Send, content_length
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.metrics import Metrics
from cybilgraph.web.server.quotas import client_network

_PROBES = ("/healthz", "/readyz", "/metrics")
_TEXT = "text/plain; charset=utf-8"
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: The time limit of a readiness probe, and how long its result stays valid.
_PROBE_TIMEOUT_SECONDS, _PROBE_VALID_SECONDS = 5.0, 1.0
_FAILED = b"Internal server error. This is a bug in the server; please report it.\n"
_READY_AND_WARMING = b"ready; the cache is still warming up\n"
_RETRY_AFTER_SECONDS = 2
#: The longest client address in characters: a proxy may forward anything.
_MAX_ADDRESS = 64
#: The interval at which a waiting probe checks whether the workers are in trouble.
_PROBE_POLL_SECONDS = 0.25


class Middleware:
    """Wraps an application with logging, metrics and health checks."""

    def __init__(self, application: Application, live: LiveReleases, access_log: AccessLog, metrics: Metrics) -> None:
        self._application = application
        self._live = live
        self._access_log = access_log
        self._metrics = metrics
        self._asking = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ready")
        self._answered = float("-inf")
        self._is_draining = False

    def drain(self) -> None:
        """Close each connection after its next response, from now on."""
        self._is_draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            self._live.close()
            self._access_log.log_event("Stopped")
            self._access_log.close()
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_network(scope["client"][0][:_MAX_ADDRESS] if scope.get("client") else "")
        entry = scope["entry"] = LogEntry(client, scope["method"], scope["path"])
        length: int | None = None

        async def counted(message: MutableMapping[str, Any]) -> None:
            nonlocal length
            if message["type"] == "http.response.start":
                entry.status, length = message["status"], content_length(message)
                if self._is_draining:
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            else:
                entry.bytes += len(message.get("body", b""))
                # A client may close the connection after the announced length, before the empty last part.
                entry.sent = not message.get("more_body") or entry.bytes == length
            await send(message)

        # The application refuses a request with two hosts (RFC 9112, section 3.2).
        is_probe = scope["path"] in _PROBES and sum(name == b"host" for name, _ in scope["headers"]) <= 1
        completed = False
        try:
            if is_probe and scope["method"] in ("GET", "HEAD"):
                await _respond(counted, scope["method"], *await self._probe_reply(scope["path"], entry.client))
            else:
                await self._application(scope, receive, counted)
            completed = True
        except Exception:
            if not entry.status:
                await _respond(counted, scope["method"], 500, _TEXT, _FAILED)
            raise  # the server logs it
        finally:
            if not completed:
                entry.status = 500
            entry.end()
            self._metrics.count(entry)
            if not is_probe or entry.status >= 400:  # successful probes would flood the log
                self._access_log.log_request(entry)

    async def _probe_reply(self, path: str, client: str) -> tuple[int, str, bytes]:
        """Return the status, type and content of a reply: for /readyz, whether the server answers queries."""
        if path == "/healthz":
            return 200, _TEXT, b"alive\n"
        if path == "/metrics":
            await self._application.fair_loop.turn(client)  # it takes a millisecond
            return 200, _METRICS_TYPE, self._metrics.text()
        if different := self._live.endpoint_difference:
            return 503, _TEXT, f"The endpoint differs from its release: {different}.\n".encode()
        engine = self._live.current.engine
        if trouble := engine.trouble or await self._probe_engine(engine):
            return 503, _TEXT, f"The server cannot answer queries: {trouble}.\n".encode()
        return 200, _TEXT, b"ready\n" if self._live.is_warm else _READY_AND_WARMING

    async def _probe_engine(self, engine: PooledEngine) -> str:
        """Return why queries are not answered; empty if a probe is answered, or was a moment ago.

        Returns as soon as the engine reports trouble.
        """
        async with self._asking:
            if time.monotonic() <= self._answered + _PROBE_VALID_SECONDS:
                return ""
            asking = asyncio.get_running_loop().run_in_executor(self._thread, _probe, engine)
            while not (await asyncio.wait([asking], timeout=_PROBE_POLL_SECONDS))[0]:
                if trouble := engine.trouble:
                    return trouble
            if not (trouble := asking.result()):
                self._answered = time.monotonic()
            return trouble


def _probe(engine: PooledEngine) -> str:
    try:
        engine.answer("ASK {}", (BY_NAME["json"],), _PROBE_TIMEOUT_SECONDS, caller=Caller("readyz"))
    except QueryError as error:
        return error.what
    return ""


async def _respond(
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]], method: str, status: int, kind: str, content: bytes
) -> None:
    headers = {
        **SECURITY_HEADERS, "content-type": kind, "content-length": str(len(content)), "cache-control": "no-store",
    }  # fmt: skip
    if status == 503:
        headers["retry-after"] = str(_RETRY_AFTER_SECONDS)
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})
