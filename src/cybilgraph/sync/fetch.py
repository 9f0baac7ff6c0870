"""An HTTP client for another site, which retries when the site is busy and resumes interrupted downloads.

The site is not trusted: responses are limited in size and time, and it cannot redirect requests to other sites.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse as RawResponse

from cybilgraph.errors import AnswerLost, FetchError
from cybilgraph.version import __version__

#: HTTP statuses worth a retry.
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
#: The longest wait before a retry; scheduled jobs should fail instead of waiting longer.
_MAX_WAIT_SECONDS = 300.0
_BLOCK_BYTES = 1 << 16
#: Maximum size of a response in memory.
_MAX_REPLY_BYTES = 20_000_000
_MAX_REDIRECTS = 5
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Bytes to read of an error response.
_MAX_ERROR_BYTES = 4096
#: Characters of a redirect's URL in messages.
_MAX_SHOWN = 200
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one download.

    Its total ``bytes``, the ``seconds`` of all attempts together, and the mean ``bytes_per_second`` that each attempt
    must reach after ``grace`` seconds. The headers of a response must also arrive within ``grace`` seconds.
    """

    bytes: int = 100_000_000_000
    seconds: float = 6 * 3600.0
    bytes_per_second: float = 1_000.0
    grace: float = 60.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response of a site. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def type(self) -> str:
        """The Content-Type with its parameters, or "nothing"."""
        return self.headers.get("Content-Type", "nothing")

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, such as a login page or a proxy's error page instead of the data."""
        kind = self.type.partition(";")[0].strip().lower()
        return kind in _PAGE_TYPES or self.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


class Site:
    """A client of one site; a context manager.

    ``timeout`` is the maximum time in seconds to connect and between two reads. A request is tried up to ``attempts``
    times, after ``pause`` seconds that double, or as long as Retry-After says. Redirects are followed within the origin
    of the URL (RFC 6454, section 4) and to ``allowed_hosts`` (HOST or HOST:PORT), but never from https to http.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30,
        attempts: int = 6,
        pause: float = 1,
        wait: Callable[[float], None] = time.sleep,
        allowed_hosts: Collection[str] = (),
        limits: Limits | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.limits = limits or Limits()
        self._allowed_hosts = {host.lower() for host in allowed_hosts}
        self._attempts = attempts
        self._pause = pause
        self._wait = wait
        self._pool = urllib3.PoolManager(
            headers={"User-Agent": f"cybilgraph/{__version__}"},
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
            retries=False,
        )
        self._pool.pool_classes_by_scheme = _pool_classes(self.limits.grace)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> HttpResponse:
        """Send a request, and return the response with any status. Raises FetchError if all attempts fail."""

        def once() -> tuple[HttpResponse, bool]:
            with self._request(method, path, headers or {}, body or None) as answer:
                content = b"".join(self._blocks(path, answer, _MAX_REPLY_BYTES, self._deadline(), decode=True))
                return HttpResponse(answer.status, answer.headers, content), answer.status not in _RETRY_STATUSES

        return self._retry(path, once)

    def download(self, path: str, into: Path, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Download a file, resuming if the connection is interrupted (RFC 9110, section 14).

        Also resumes an existing partial file if ``NAME.etag`` next to it has the site's current ETag. Leaves no file
        for a status other than 200. Raises FetchError; a partial file then stays, unless it exceeds the limit.
        """
        etag_file = into.with_name(f"{into.name}.etag")
        deadline = self._deadline()

        def once() -> tuple[HttpResponse, bool]:
            etag = etag_file.read_text(encoding="latin-1") if etag_file.exists() and into.exists() else ""
            have = into.stat().st_size if etag else 0
            sent = {**(headers or {}), **({"Range": f"bytes={have}-", "If-Range": etag} if have else {})}
            with self._request("GET", path, sent) as answer:
                reply = HttpResponse(200 if answer.status == 206 else answer.status, answer.headers)
                resumed = answer.status == 206 and have and answer.headers.get("ETag") == etag
                if resumed and (content_range := _RANGE.fullmatch(answer.headers.get("Content-Range", ""))):
                    resumed = int(content_range[1]) == have
                if answer.status == 416 or (answer.status == 206 and not resumed):
                    _delete(into, etag_file)
                    return reply, False
                if reply.status != 200:
                    return replace(reply, body=answer.read1(_MAX_ERROR_BYTES)), answer.status not in _RETRY_STATUSES
                if not resumed:
                    _delete(into, etag_file)
                    new_etag = answer.headers.get("ETag", "")
                    if new_etag.startswith('"'):  # a strong one
                        etag_file.write_text(new_etag, encoding="latin-1")
                have = have if resumed else 0
                self._require_space(path, have, answer, into)
                with into.open("ab" if resumed else "wb") as file:
                    try:
                        for block in self._blocks(path, answer, self.limits.bytes - have, deadline):
                            file.write(block)
                    except _TooLarge:
                        _delete(into, etag_file)
                        raise
            etag_file.unlink(missing_ok=True)
            return reply, True

        return self._retry(path, once)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> Any:
        """Return a response with an unread body. Raises FetchError for a redirect to another site."""
        address, sent = f"{self.url}{path}", {**self._pool.headers, **headers}
        for _ in range(_MAX_REDIRECTS + 1):
            answer: Any = self._pool.request(
                method, address, headers=sent, body=body, redirect=False, preload_content=False
            )
            location = answer.get_redirect_location()
            if not location or method not in ("GET", "HEAD"):
                return answer
            answer.close()  # do not read the body, which may be endless
            target = self._redirect_target(address, location)
            if not target:
                raise FetchError(
                    f"{address} redirects to another site: {location[:_MAX_SHOWN]}",
                    "The redirect is not followed. If you trust that site, use its URL instead of this one, "
                    "or allow its host: --allow-host HOST",
                )
            address = target
        raise FetchError(f"{self.url}{path} redirects more than {_MAX_REDIRECTS} times", "Tell the publisher.")

    def _redirect_target(self, address: str, location: str) -> str:
        """Return the target of a redirect if it is allowed, or ""."""
        try:
            target = urljoin(address, location)
            (scheme, host), before = _origin(target), _origin(address)
        except (ValueError, urllib3.exceptions.LocationParseError):
            return ""
        if scheme not in _DEFAULT_PORTS or (before[0] == "https" and scheme == "http"):
            return ""
        return target if (scheme, host) == _origin(self.url) or host in self._allowed_hosts else ""

    def _deadline(self) -> float:
        return time.monotonic() + self.limits.seconds

    def _require_space(self, path: str, have: int, answer: Any, into: Path) -> None:
        """Raise FetchError if the declared size exceeds the limit or the free disk space."""
        declared = answer.length_remaining or 0
        if have + declared > self.limits.bytes:
            raise self._too_large(path, f"{have + declared:,} bytes", self.limits.bytes)
        if declared > (free := shutil.disk_usage(into.parent).free):
            raise FetchError(
                f"{self.url}{path} needs {declared:,} more bytes, but {into.parent} has {free:,} free",
                "Free some disk space.",
            )

    def _too_large(self, path: str, size: str, limit: int) -> _TooLarge:
        return _TooLarge(f"{self.url}{path} has {size}, over the limit of {limit:,}", "Tell the publisher.")

    def _blocks(self, path: str, answer: Any, limit: int, deadline: float, *, decode: bool = False) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises _TooLarge, or AnswerLost if it is too slow."""
        size, began = 0, time.monotonic()
        while block := answer.read1(_BLOCK_BYTES, decode_content=decode):
            size += len(block)
            if size > limit:
                raise self._too_large(path, f"more than {limit:,} bytes", limit)
            now = time.monotonic()
            if now > deadline or now > began + self.limits.grace + size / self.limits.bytes_per_second:
                raise AnswerLost(
                    f"{self.url}{path} is too slow: {size:,} bytes in {now - began:.0f} seconds",
                    "Try again later: a download resumes where it stopped.",
                )
            yield block

    def _retry(self, path: str, once: Callable[[], tuple[HttpResponse, bool]]) -> HttpResponse:
        for attempt in range(self._attempts):
            pause = self._pause * 2**attempt
            try:
                reply, done = once()
            except urllib3.exceptions.LocationValueError as error:
                raise FetchError(f"{self.url} is not a URL", "Example: https://example.org") from error
            except urllib3.exceptions.HTTPError as error:
                reason, has_responded = _describe_error(error)
            else:
                if done:
                    return reply
                reason, has_responded = f"status {reply.status}{_detail(reply)}", True
                pause = max(pause, _retry_after(reply))
            if pause > _MAX_WAIT_SECONDS:
                raise FetchError(f"{self.url}{path} asks to retry in {pause:.0f} seconds ({reason})", "Try again then.")
            if attempt + 1 < self._attempts:
                self._wait(pause)
        error_class = AnswerLost if has_responded else FetchError
        raise error_class(f"{self.url}{path} is not available: {reason}", "Try again later.")


def _pool_classes(head_seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return the connection pool classes by scheme; their connections limit the time for the headers of a response.

    A socket timeout applies between two packets only, so headers that arrive byte by byte, or after any number of
    interim responses (RFC 9110, section 15.2), might never end.
    """

    class Connection(HTTPConnection):
        def getresponse(self) -> RawResponse:  # type: ignore[override]  # as in urllib3
            timed_out = threading.Event()

            def stop(connected: socket.socket) -> None:
                timed_out.set()
                with suppress(OSError):
                    # The method of an SSL socket would also discard its state, which the reader still uses.
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)

            timer = threading.Timer(head_seconds, stop, (self.sock,))
            timer.daemon = True
            timer.start()
            try:
                response = super().getresponse()
            except Exception:
                if timed_out.is_set():
                    raise TimeoutError from None  # urllib3 turns it into its own error
                raise
            finally:
                timer.cancel()
            if timed_out.is_set():  # partial headers look like complete ones
                response.close()
                raise TimeoutError
            return response

    class SecureConnection(Connection, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


class _TooLarge(FetchError):
    """A response exceeds its size limit."""


def _origin(url: str) -> tuple[str, str]:
    """Return the scheme and the host, with a port that is not the default, as the HTTP library parses them.

    Raises LocationParseError.
    """
    parsed = urllib3.util.parse_url(url)
    scheme, host = parsed.scheme or "http", (parsed.host or "").lower()
    return scheme, host if parsed.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{parsed.port}"


def got_web_page(address: str) -> FetchError:
    """Return the error for a web page instead of data."""
    return FetchError(
        f"{address} returned a web page instead of data, perhaps a login page or a proxy's notice",
        "Open the address in a browser to see it. This program sends no passwords: ask the publisher for an open "
        "address, or your network administrators to allow access.",
    )


def _delete(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _retry_after(reply: HttpResponse) -> float:
    try:
        return float(urllib3.Retry().parse_retry_after(reply.headers.get("Retry-After", "0")) or 0)
    except urllib3.exceptions.InvalidHeader:
        return 0


def _detail(reply: HttpResponse) -> str:
    """Return the site's own explanation of an error, if there is one (RFC 9457)."""
    if not reply.headers.get("Content-Type", "").startswith("application/problem+json"):
        return ""
    try:
        return f" ({str(json.loads(reply.body)['detail'])[:300]})"
    except (ValueError, KeyError, TypeError):
        return ""


def _describe_error(error: Exception) -> tuple[str, bool]:
    """Return what went wrong, without the library's objects, and whether the site responded."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "there is no such host", False
        case urllib3.exceptions.NewConnectionError():
            return "no connection", False
        case urllib3.exceptions.TimeoutError():
            return "no response in time", True
        case urllib3.exceptions.DecodeError():
            return "the response is corrupt and cannot be decompressed", True
        case urllib3.exceptions.SSLError():
            return f"no secure connection ({error})", False
        case _:
            return "the connection was interrupted", True
