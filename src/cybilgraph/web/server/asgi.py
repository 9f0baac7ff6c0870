"""The ASGI application: answers API requests itself, and passes pages on to Flask in threads.

It limits the requests of each client before it reads anything of them. It reads request bodies with limits on size and
time, so that a slow sender occupies no thread, and cancels the query of a client that disconnects. Each client has its
own queue; a request keeps its slot until its response is sent.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from a2wsgi import WSGIMiddleware
from flask import Flask
from werkzeug import exceptions

from cybilgraph.errors import CybilgraphError
from cybilgraph.runtime.scheduler import Busy, Caller, Deadline, Scheduler, settle
from cybilgraph.sparql import guard
from cybilgraph.web.api import downloads, named_queries, problems, protocol
from cybilgraph.web.api.protocol import QueryRequest, Reply, Request
from cybilgraph.web.checker import MAX_UPLOAD_BYTES
from cybilgraph.web.server.access_log import LogEntry
from cybilgraph.web.server.answer_cache import AnswerCache
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import OpenRelease
from cybilgraph.web.server.render_queue import RenderQueue
from cybilgraph.web.server.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")

#: Threads for queries and for pages, which mostly wait.
_QUERY_THREADS, _PAGE_THREADS = 96, 96
#: The most long bodies that threads hold at once: each is copied several times on its way to a worker.
_LARGE_UPLOADS = 8
#: Threads that read files, a block at a time.
_FILE_THREADS = 4
#: The longest time that a request waits for others of its client, and for a thread.
_QUEUE_TIMEOUT_SECONDS, _THREAD_TIMEOUT_SECONDS = 5.0, 20.0
_BUSY_MESSAGE = "The server is too busy at the moment"
#: The largest body of the suggestion form, whose record may have readers.inputs.MAX_PAGE_BYTES, and of other routes.
_MAX_SUGGESTION_BYTES, _MAX_UNREAD_BYTES = 1_000_000, 10_000
#: The longest header in characters, as in most servers and proxies; less for headers whose parts are all compared.
_MAX_HEADER_CHARS = 8_000
_HEADER_LIMITS = {"accept": 2_000, "accept-encoding": 1_000, "accept-language": 1_000}
#: The longest arguments of a page.
_MAX_ARGUMENT_CHARS = 16_000
#: The most characters of a header name, and the most headers, in an error message.
_MAX_SHOWN = 50
#: The limits for the bodies of all requests in progress, in total and per client.
_MAX_TOTAL_BODY_BYTES, _MAX_CLIENT_BODY_BYTES = 256_000_000, 32_000_000
#: Responses are sent in blocks of this size, so that little of a large one is buffered in the HTTP server.
_BLOCK_BYTES = 1 << 16
#: A larger body than allowed is read up to this size before it is rejected: otherwise a client that is still sending
#: would see a broken connection instead of the error.
_MAX_DRAINED_BYTES = 16_000_000
#: The most chunks of a body. Each takes the event loop some 60 µs, however small it is.
_MAX_BODY_PARTS = 10_000
#: Watch for disconnection of a client if its request takes longer than this.
_DISCONNECT_WATCH_SECONDS = 0.1
#: A host name or address with an optional port (RFC 3986, section 3.2, without escapes); DNS names have at most 253
#: characters.
_HOST = re.compile(r"(?=.{0,260}\Z)(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]{1,5})?")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]++")
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_NAMED_QUERY_METHODS = ("GET", "HEAD", "OPTIONS")
#: Headers of every response, pages or not, so that no browser frames it, runs it or misinterprets its type.
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    # Not "no-referrer": with that, browsers send "Origin: null" with our own forms (Fetch, section 3.2).
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_COMMON_HEADERS = {
    **SECURITY_HEADERS,
    "access-control-allow-origin": "*",
    "access-control-expose-headers": (
        "ETag, Retry-After, Link, Accept-Ranges, Content-Range, Content-Disposition, "
        "Cybilgraph-Release, Cybilgraph-Advice"
    ),
    "vary": "Accept, Accept-Encoding",
}
_PREFLIGHT_HEADERS = {
    "access-control-allow-headers": "Accept, Content-Type, If-None-Match",
    "access-control-max-age": "86400",
}


class Application:
    """The application that serves ``live``; Flask renders ``pages``."""

    def __init__(self, live: LiveReleases, pages: Flask, settings: Settings) -> None:
        self._live = live
        self._settings = settings
        self._public = urlsplit(settings.public_url)
        self._flask = pages
        wsgi: Any = RenderQueue(pages.wsgi_app)  # the two libraries name the same types differently
        self._pages: Any = WSGIMiddleware(wsgi, workers=_PAGE_THREADS)
        self._rendering = Scheduler(_PAGE_THREADS)  # assigns these threads: their own queue is not fair
        self._uploading = Scheduler(_LARGE_UPLOADS)
        self._files = ThreadPoolExecutor(_FILE_THREADS, thread_name_prefix="file")
        self._threads = ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="query")
        # Python runs one thread at a time: any more threads that parse long texts would delay the event loop.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._reading = Scheduler(1)
        self._clients: dict[str, _ClientQueue] = {}
        #: Gives each client its turn on the event loop.
        self.fair_loop = FairLoop()
        self._bodies: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            entry: LogEntry = scope["entry"]
            client = self._clients.setdefault(entry.client, _ClientQueue(self._settings.at_once))
            if client.count >= self._settings.at_once + self._settings.waiting:
                await _respond(send, _TOO_MANY_REQUESTS, scope["method"])
                return
            client.count += 1
            try:
                await self.fair_loop.turn(entry.client)
                await self._http(scope, receive, _in_blocks(send))
            finally:
                client.count -= 1
                if not client.count:
                    del self._clients[entry.client]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Handle startup and shutdown.

        The event loop may end when this returns. A thread that still needs the loop, if only to report that its
        response is sent, would then wait forever, and the process for that thread; so wait for all requests.
        """
        with suppress(KeyError):
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            while self._clients:
                await asyncio.sleep(0.01)
            self._flask.extensions["cybilgraph"]["changes"].close()
            await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry: LogEntry = scope["entry"]
        if not scope["query_string"].isascii():
            scope["query_string"] = _BEYOND_ASCII.sub(_percent_encoded, scope["query_string"])
        headers = _headers(scope)
        path = "/" + scope["path"].strip("/")
        is_query = path == "/sparql" or path.startswith(named_queries.ROOT)
        request = Request(scope["method"], scope["query_string"].decode(), headers)
        try:
            if too_long := [
                name for name in headers if len(headers[name]) > _HEADER_LIMITS.get(name, _MAX_HEADER_CHARS)
            ]:
                for name in too_long:
                    headers[name] = ""
                what = ", ".join(name[:_MAX_SHOWN].title() for name in too_long[:_MAX_SHOWN])
                raise exceptions.RequestHeaderFieldsTooLarge(f"These headers are too long: {what}")
            # Pages repeat their arguments in many links; only queries are longer.
            if not is_query and len(request.arguments) > _MAX_ARGUMENT_CHARS:
                raise exceptions.RequestURITooLarge(
                    f"The URL has more than {_MAX_ARGUMENT_CHARS:,} characters after '?'"
                )
            is_missing = not headers.get("host") and scope["http_version"] == "1.1"  # RFC 9112, section 3.2
            if is_missing or not _HOST.fullmatch(headers.get("host", "")):
                headers["host"] = scope["server"][0] if scope.get("server") else "localhost"
                what = "is missing" if is_missing else "is not the name or address of a host"
                raise exceptions.BadRequest(f"The header Host {what}")
            if self._public.netloc:
                _set_public_url(scope, headers, self._public)
            async with self._body(headers, receive, _max_body_bytes(path), entry.caller) as body:
                if is_query:
                    request = Request(request.method, request.arguments, headers, body, path)
                    is_answer = request.method in ("GET", "HEAD", "POST")
                    if not is_answer or not await self._aside(entry.caller, protocol.wants_page, request):
                        await self._query(entry, request, scope["scheme"], receive, send)
                        return
                with _leave_on_disconnect(receive, entry):
                    async with self._turn(entry.caller, _QUEUE_TIMEOUT_SECONDS):
                        if downloads.is_file(scope["path"]):
                            await self._file(entry, replace(request, path=scope["path"]), send)
                        else:
                            page_scope = _with_length(scope, body)
                            if is_query:
                                page_scope["sent_request"] = request
                            await self._page(page_scope, body, send, entry.caller)
        except _IncompleteBody:
            entry.error = exceptions.BadRequest
            await _respond(send, _INCOMPLETE_BODY, request.method)
        except (CybilgraphError, exceptions.HTTPException) as error:
            entry.error = type(error)
            try:
                reply = await self._read(entry.caller, problems.error_reply, self._flask, scope["path"], request, error)
            except exceptions.ServiceUnavailable:
                reply = _BUSY
            await _respond(send, reply, request.method)

    async def _page(self, scope: Scope, body: bytes, send: Send, caller: Caller) -> None:
        """Respond with a page. A large one counts as an unsent answer of its client until it is sent.

        Raises ServiceUnavailable if there are too many of these.
        """
        size, refusal = 0, ""

        async def within_budget(message: Any) -> None:
            nonlocal size, refusal
            if message["type"] == "http.response.start":
                length = content_length(message) or 0
                try:
                    if length > _BLOCK_BYTES:
                        self._live.budget.take(caller.name, length)
                        size = length
                except OSError as error:
                    refusal = error.strerror or "too many"
            if not refusal:
                await send(message)

        try:
            uploading = _slot(self._uploading, caller) if len(body) > _BLOCK_BYTES else nullcontext()
            async with uploading, _slot(self._rendering, caller):
                await self._pages(scope, _replay_body(body), within_budget)
        finally:
            if size:
                self._live.budget.give_back(caller.name, size)
        if refusal:
            raise exceptions.ServiceUnavailable(f"The page cannot be stored: {refusal}", retry_after=5)

    async def _file(self, entry: LogEntry, request: Request, send: Send) -> None:
        """Send a release file; a slow client occupies no thread. Raises CybilgraphError, HTTPException."""
        loop = asyncio.get_running_loop()
        # Not in the file threads: the checksums of an earlier release may have to be verified first.
        reply = await loop.run_in_executor(self._threads, downloads.file_reply, self._live, request)
        entry.release = int(reply.headers.get("cybilgraph-release", 0))
        await self._respond(send, reply, request.method, entry.caller)

    async def _query(self, entry: LogEntry, request: Request, scheme: str, receive: Receive, send: Send) -> None:
        """Answer a query of an API client. Raises CybilgraphError, HTTPException."""
        methods = _METHODS if request.path == "/sparql" else _NAMED_QUERY_METHODS
        if request.method == "OPTIONS":
            allowed = ", ".join(methods)
            allow = _PREFLIGHT_HEADERS | {"allow": allowed, "access-control-allow-methods": allowed}
            await _respond(send, Reply(204, allow), request.method)
            return
        if request.method not in methods:
            raise exceptions.MethodNotAllowed(methods)
        query_request = await self._aside(entry.caller, protocol.parse_request, request)
        current = self._live.current
        if query_request is None:
            address = f"{scheme}://{request.headers.get('host', 'localhost')}/sparql"
            services = bool(current.engine.services)
            described = protocol.service_description_reply(request, address, current.release, federated=services)
            if not self._public.netloc:
                described = replace(described, headers=described.headers | {"vary": f"{_COMMON_HEADERS['vary']}, Host"})
            await _respond(send, described, request.method)
            return
        entry.ask(query_request.query, query_request.query_hash)
        deadline = Deadline(min(query_request.timeout or self._live.timeout, self._live.timeout))
        found = None
        if query_request.release in (0, current.release.number):
            found = _quick_reply(protocol.cached_reply, entry, query_request, request, current)
            if not found:
                if request.body:  # its last part has resumed this task out of turn
                    await self.fair_loop.turn(entry.client)
                found = _quick_reply(protocol.fast_path_reply, entry, query_request, request, current)
            if found and not found.blocks and len(found.content) <= _BLOCK_BYTES:
                await _respond(send, found, request.method)
                return
        with _leave_on_disconnect(receive, entry):
            async with self._turn(entry.caller, deadline.seconds):
                if not found:
                    async with self._opened(query_request.release) as serving:
                        found = await self._answer(entry, query_request, request, serving, deadline)
                await self._respond(send, found, request.method, entry.caller)

    async def _answer(
        self, entry: LogEntry, query_request: QueryRequest, request: Request, serving: OpenRelease, deadline: Deadline
    ) -> Reply:
        """Return the reply, running the query if necessary. Raises CybilgraphError."""
        if found := _quick_reply(protocol.cached_reply, entry, query_request, request, serving):
            return found
        etag = serving.answers.etag(query_request.cache_key)
        services = serving.answers.engine.services
        await self.fair_loop.turn(entry.client)
        if request.is_short:
            guard.guard(query_request.query, services)
        else:
            await self._read(entry.caller, guard.guard, query_request.query, services)
        found = await protocol.run_query(
            query_request, request, serving.answers, etag, deadline, entry.caller, self._threads
        )
        return _with_release(entry, query_request, serving, found)

    @asynccontextmanager
    async def _opened(self, number: int) -> AsyncIterator[OpenRelease]:
        """Open the release of a number for the duration of a block. Raises ReleaseError."""
        if number in (0, self._live.current.release.number):
            yield self._live.current
            return
        opened = self._live.opened(number)
        serving = await asyncio.get_running_loop().run_in_executor(self._threads, opened.__enter__)
        try:
            yield serving
        finally:
            opened.__exit__(None, None, None)

    async def _respond(self, send: Send, reply: Reply, method: str, caller: Caller) -> None:
        """Send a reply that may be large, while its client is connected and has a slot; close its file afterwards.

        Raises ServiceUnavailable if there are too many unsent answers.
        """
        body = reply.answer.body if reply.answer else None
        size = len(reply.content) + (body.in_memory if body and reply.blocks else 0)
        try:
            self._live.budget.take(caller.name, size)
        except OSError as error:
            raise exceptions.ServiceUnavailable(
                f"The response cannot be stored: {error.strerror}", retry_after=5
            ) from None
        try:
            await _respond(send, reply, method, self._files, caller)
        finally:
            self._live.budget.give_back(caller.name, size)
            if body:
                body.close()

    async def _aside(self, caller: Caller, read: Callable[[Request], Result], request: Request) -> Result:
        """Parse a request with ``read``; a long one in a thread, as work of its client."""
        if request.is_short:
            return read(request)
        async with self._turn(caller, _QUEUE_TIMEOUT_SECONDS):
            return await self._read(caller, read, request)

    async def _read(self, caller: Caller, work: Callable[..., Result], *arguments: object) -> Result:
        """Run ``work``, whose cost grows with the request, in the reader thread, fairly between clients.

        Raises ServiceUnavailable.
        """
        async with _slot(self._reading, caller):
            return await asyncio.get_running_loop().run_in_executor(self._reader, work, *arguments)

    @asynccontextmanager
    async def _turn(self, caller: Caller, seconds: float) -> AsyncIterator[None]:
        """Run a block as work of one client.

        Raises TooManyRequests if its turn does not come in time, or if the client disconnects before.
        """
        client = self._clients[caller.name]
        try:
            async with asyncio.timeout(min(seconds, _QUEUE_TIMEOUT_SECONDS)) as timer:
                caller.set_cancel(lambda: timer.reschedule(0))
                await client.slots.acquire()
        except TimeoutError:
            what = f"{client.count} of your requests are in progress or waiting, and this one waited too long"
            raise exceptions.TooManyRequests(what, retry_after=5) from None
        finally:
            caller.set_cancel(None)
        try:
            yield
        finally:
            client.slots.release()

    @asynccontextmanager
    async def _body(
        self, headers: dict[str, str], receive: Receive, max_bytes: int, caller: Caller
    ) -> AsyncIterator[bytes]:
        """Read the body of a request.

        Raises _IncompleteBody, RequestEntityTooLarge, RequestTimeout, TooManyRequests, ServiceUnavailable.
        """
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > max(max_bytes, _MAX_DRAINED_BYTES):
            raise exceptions.RequestEntityTooLarge(f"The request is larger than {max_bytes:,} bytes")
        parts: list[bytes] = []
        received = kept = number = 0
        seconds = self._settings.body_seconds
        is_complete = not length and "transfer-encoding" not in headers  # no body (RFC 9112, section 6.3)
        try:
            try:
                async with asyncio.timeout(seconds):
                    while not is_complete and received <= _MAX_DRAINED_BYTES:
                        message = await receive()
                        if message["type"] == "http.disconnect":
                            raise _IncompleteBody
                        part = message.get("body", b"")
                        number += 1
                        received += len(part)
                        if received <= max_bytes:
                            parts.append(part)
                            kept += len(part)
                            self._bodies[caller.name] += len(part)
                        if self._bodies[caller.name] > _MAX_CLIENT_BODY_BYTES:
                            raise exceptions.TooManyRequests(
                                "Your concurrent requests send too much data", retry_after=5
                            )
                        if self._bodies.total() > _MAX_TOTAL_BODY_BYTES:
                            raise exceptions.ServiceUnavailable(
                                "The server is receiving too much data at the moment", retry_after=5
                            )
                        if number > _MAX_BODY_PARTS:
                            raise exceptions.RequestEntityTooLarge(
                                f"The request has more than {_MAX_BODY_PARTS:,} chunks: send fewer, larger ones"
                            )
                        is_complete = not message.get("more_body")
            except TimeoutError:
                raise exceptions.RequestTimeout(f"The body did not arrive within {seconds:g} seconds") from None
            if received > max_bytes:
                raise exceptions.RequestEntityTooLarge(f"The request is larger than {max_bytes:,} bytes")
            body = b"".join(parts)
            parts.clear()
            yield body
        finally:
            self._bodies[caller.name] -= kept
            if not self._bodies[caller.name]:
                del self._bodies[caller.name]


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name; repeated lines form one list (RFC 9110, section 5.3)."""
    lines: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        lines.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: ", ".join(values) for name, values in lines.items()}


def content_length(start: MutableMapping[str, Any]) -> int | None:
    """Return the length in bytes that the head of a response announces, or None."""
    return next((int(value) for name, value in start["headers"] if name.lower() == b"content-length"), None)


def _max_body_bytes(path: str) -> int:
    """Return the maximum size of a request body by path, in bytes."""
    if path in protocol.QUERY_PATHS:
        return protocol.MAX_BODY_BYTES
    if path in ("/check", "/api/check"):
        return MAX_UPLOAD_BYTES
    return _MAX_SUGGESTION_BYTES if path.startswith("/suggest/") else _MAX_UNREAD_BYTES


def _percent_encoded(part: re.Match[bytes]) -> bytes:
    return b"".join(map(b"%%%02X".__mod__, part[0]))


def _set_public_url(scope: Scope, headers: dict[str, str], public: SplitResult) -> None:
    """Replace scheme and host of a request by those of the public URL, so that no client can forge links."""
    scope["scheme"], headers["host"] = public.scheme, public.netloc
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [*others, (b"host", public.netloc.encode())]


class _IncompleteBody(Exception):
    """The client left before the end of its body, or the chunked encoding is malformed."""


#: These are not rendered for each request, so that floods of them cost next to nothing.
_INCOMPLETE_BODY = problems.plain_problem(400, "The body is incomplete, or its chunked encoding is malformed")
_TOO_MANY_REQUESTS = problems.plain_problem(429, "Too many of your requests are in progress or waiting", retry_after=1)
_TOO_MANY_REQUESTS.headers["connection"] = "close"  # or the requests behind it, which are read already, follow at once
_BUSY = problems.plain_problem(503, _BUSY_MESSAGE, retry_after=5)


class FairLoop:
    """Turns for work that blocks the event loop: one task at a time, fair between clients."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def turn(self, client: str) -> None:
        """Wait until it is this client's turn."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._next, loop)
        called = loop.create_future()
        self._waiting.setdefault(client, deque()).append(called)
        await called

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the next task; tasks that arrive meanwhile are queued before the one after it is chosen."""
        client = next(iter(self._waiting))
        queue = self._waiting.pop(client)
        settle(queue.popleft())
        if queue:
            self._waiting[client] = queue  # now the last client in the order
        if self._waiting:
            loop.call_soon(self._next, loop)


class _ClientQueue:
    """The number of requests of a client, and the slots that they wait for."""

    def __init__(self, at_once: int) -> None:
        self.count = 0
        self.slots = asyncio.Semaphore(at_once)


@asynccontextmanager
async def _slot(slots: Scheduler, caller: Caller) -> AsyncIterator[None]:
    """Hold a slot during a block. Raises ServiceUnavailable if none becomes free in time."""
    try:
        await slots.enter(caller, time.monotonic() + _THREAD_TIMEOUT_SECONDS)
    except Busy:
        raise exceptions.ServiceUnavailable(_BUSY_MESSAGE, retry_after=5) from None
    try:
        yield
    finally:
        slots.leave(caller)


@contextmanager
def _leave_on_disconnect(receive: Receive, entry: LogEntry) -> Iterator[None]:
    """Mark the client as gone if it disconnects during a block before its response is sent."""
    loop = asyncio.get_running_loop()
    watching: list[asyncio.Task[None]] = []

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not entry.sent:
            entry.caller.leave()

    timer = loop.call_later(_DISCONNECT_WATCH_SECONDS, lambda: watching.append(loop.create_task(watch())))
    try:
        yield
    finally:
        timer.cancel()
        for task in watching:
            task.cancel()


def _quick_reply(
    find: Callable[[QueryRequest, Request, AnswerCache, str], Reply | None],
    entry: LogEntry,
    query_request: QueryRequest,
    request: Request,
    serving: OpenRelease,
) -> Reply | None:
    """Return the reply that ``find`` has without running the query, or None."""
    entry.release = serving.release.number
    found = find(query_request, request, serving.answers, serving.answers.etag(query_request.cache_key))
    entry.cached = found is not None and find is protocol.cached_reply
    return found and _with_release(entry, query_request, serving, found)


def _with_release(entry: LogEntry, query_request: QueryRequest, serving: OpenRelease, found: Reply) -> Reply:
    """Add the headers with the release and permalink to a reply, and log its format and rows."""
    if found.answer:
        entry.format, entry.rows = found.answer.format.name, found.answer.rows
    return replace(found, headers=found.headers | protocol.permalink_headers(query_request, serving.release.number))


def _in_blocks(send: Send) -> Send:
    """Split bodies into blocks, so that ``send`` returns only when the HTTP server has accepted all but a few."""

    async def in_blocks(message: MutableMapping[str, Any]) -> None:
        rest = memoryview(message.get("body", b""))
        while len(rest) > _BLOCK_BYTES:
            await send({"type": "http.response.body", "body": bytes(rest[:_BLOCK_BYTES]), "more_body": True})
            rest = rest[_BLOCK_BYTES:]
        await send({**message, "body": bytes(rest)} if rest else message)

    return in_blocks


async def _respond(
    send: Send, reply: Reply, method: str, threads: Executor | None = None, caller: Caller | None = None
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in (_COMMON_HEADERS | reply.headers).items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.blocks and method != "HEAD":
        loop = asyncio.get_running_loop()
        while block := await loop.run_in_executor(threads, next, reply.blocks, b""):
            await send({"type": "http.response.body", "body": block, "more_body": True})
            if caller and caller.has_left:
                return
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.content})


def _replay_body(body: bytes) -> Receive:
    """Return a ``receive`` that delivers a body that was already read."""
    message = {"type": "http.request", "body": body, "more_body": False}

    async def again() -> MutableMapping[str, Any]:
        return message

    return again


def _with_length(scope: Scope, body: bytes) -> Scope:
    """Return the scope with the actual length of the body, even if it was sent in chunks."""
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"content-length", b"transfer-encoding")]
    return {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())] if body else kept}
