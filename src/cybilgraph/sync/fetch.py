"""Requests to another site: patient where it is busy, resumed where a download broke off.

The site is not trusted: its answers are bounded in size and time, and it cannot send a request elsewhere.
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

#: Statuses that may be others a moment later.
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
#: Nobody who runs this from a timetable wants it to wait longer, in seconds.
_MAX_WAIT_SECONDS = 300.0
_BLOCK_BYTES = 1 << 16
#: A reply that is held in memory has at most so many bytes.
_MAX_REPLY_BYTES = 20_000_000
_MAX_REDIRECTS = 5
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Bytes of an answer that is no file: they tell why.
_MAX_ERROR_BYTES = 4096
#: Characters of a site's address that are shown.
_MAX_SHOWN = 200
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one download: its ``bytes``, its ``seconds`` in all attempts, and the mean ``bytes_per_second``
    that each attempt has to reach after ``grace`` seconds; the head of a response has to be there by then.
    """

    bytes: int = 100_000_000_000
    seconds: float = 6 * 3600.0
    bytes_per_second: float = 1_000.0
    grace: float = 60.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a site has answered. Names of headers are read in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def type(self) -> str:
        """Its type, as it was told, with parameters; "nothing" where none was."""
        return self.headers.get("Content-Type", "nothing")

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, as a login or a proxy sends it in the place of what was asked for."""
        kind = self.type.partition(";")[0].strip().lower()
        return kind in _PAGE_TYPES or self.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


class Site:
    """A site at an address; a context manager.

    ``timeout`` are the seconds for a connection, and between two pieces of an answer; a request is made
    at most ``attempts`` times, with a pause that begins with ``pause`` seconds and doubles, or is as long
    as Retry-After says. Redirects are followed within the origin of the address (RFC 6454, section 4), and to
    ``allowed_hosts``, each HOST or HOST:PORT; never from https to http.
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
        """The answer to a request, in memory, whatever its status, unless the site stays too busy.

        Raises FetchError.
        """

        def once() -> tuple[HttpResponse, bool]:
            with self._request(method, path, headers or {}, body or None) as answer:
                content = b"".join(self._blocks(path, answer, _MAX_REPLY_BYTES, self._deadline(), decode=True))
                return HttpResponse(answer.status, answer.headers, content), answer.status not in _RETRY_STATUSES

        return self._patiently(path, once)

    def download(self, path: str, into: Path, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """An answer as a file; where it breaks off, the rest is asked for (RFC 9110, section 14).

        A file that is there is taken for the beginning, if ``NAME.etag`` beside it has the ETag that the
        site still tells. Another status than 200 leaves no file. Raises FetchError; what has come stays, unless it
        is larger than the limit.
        """
        mark = into.with_name(f"{into.name}.etag")
        deadline = self._deadline()

        def once() -> tuple[HttpResponse, bool]:
            etag = mark.read_text(encoding="latin-1") if mark.exists() and into.exists() else ""
            have = into.stat().st_size if etag else 0
            asked = {**(headers or {}), **({"Range": f"bytes={have}-", "If-Range": etag} if have else {})}
            with self._request("GET", path, asked) as answer:
                reply = HttpResponse(200 if answer.status == 206 else answer.status, answer.headers)
                resumed = answer.status == 206 and have and answer.headers.get("ETag") == etag
                if resumed and (told := _RANGE.fullmatch(answer.headers.get("Content-Range", ""))):
                    resumed = int(told[1]) == have
                if answer.status == 416 or (answer.status == 206 and not resumed):
                    _delete(into, mark)
                    return reply, False
                if reply.status != 200:
                    return replace(reply, body=answer.read1(_MAX_ERROR_BYTES)), answer.status not in _RETRY_STATUSES
                if not resumed:
                    _delete(into, mark)
                    strong = answer.headers.get("ETag", "")
                    if strong.startswith('"'):
                        mark.write_text(strong, encoding="latin-1")
                have = have if resumed else 0
                self._require_room(path, have, answer, into)
                with into.open("ab" if resumed else "wb") as file:
                    try:
                        for block in self._blocks(path, answer, self.limits.bytes - have, deadline):
                            file.write(block)
                    except _TooLarge:
                        _delete(into, mark)
                        raise
            mark.unlink(missing_ok=True)
            return reply, True

        return self._patiently(path, once)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> Any:
        """The answer, whose body is still to be read. Raises FetchError where it leads elsewhere."""
        address, sent = f"{self.url}{path}", {**self._pool.headers, **headers}
        for _ in range(_MAX_REDIRECTS + 1):
            answer: Any = self._pool.request(
                method, address, headers=sent, body=body, redirect=False, preload_content=False
            )
            location = answer.get_redirect_location()
            if not location or method not in ("GET", "HEAD"):
                return answer
            answer.close()  # its body may have no end
            target = self._followed(address, location)
            if not target:
                raise FetchError(
                    f"{address} redirects to another site: {location[:_MAX_SHOWN]}",
                    "It is not followed there. If you trust that site, name its address in place of this one, "
                    "or allow its host: --allow-host HOST",
                )
            address = target
        raise FetchError(f"{self.url}{path} redirects more than {_MAX_REDIRECTS} times", "Tell the publisher.")

    def _followed(self, address: str, location: str) -> str:
        """Where a redirect leads, if requests may go there; else empty."""
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

    def _require_room(self, path: str, have: int, answer: Any, into: Path) -> None:
        """Raises FetchError where the declared size is over the limit, or more than the disk has room for."""
        declared = answer.length_remaining or 0
        if have + declared > self.limits.bytes:
            raise self._too_large(path, f"{have + declared:,} bytes", self.limits.bytes)
        if declared > (free := shutil.disk_usage(into.parent).free):
            raise FetchError(
                f"{self.url}{path} has {declared:,} bytes more, and {into.parent} has room for {free:,}", "Make room."
            )

    def _too_large(self, path: str, size: str, limit: int) -> _TooLarge:
        return _TooLarge(f"{self.url}{path} has {size}, over the limit of {limit:,}", "Tell the publisher.")

    def _blocks(self, path: str, answer: Any, most: int, deadline: float, *, decode: bool = False) -> Iterator[bytes]:
        """The body, as it comes. Raises _TooLarge; AnswerLost where it comes too slowly."""
        size, began = 0, time.monotonic()
        while block := answer.read1(_BLOCK_BYTES, decode_content=decode):
            size += len(block)
            if size > most:
                raise self._too_large(path, f"more than {most:,} bytes", most)
            now = time.monotonic()
            if now > deadline or now > began + self.limits.grace + size / self.limits.bytes_per_second:
                raise AnswerLost(
                    f"{self.url}{path} comes too slowly: {size:,} bytes in {now - began:.0f} seconds",
                    "Try it again later: a download goes on where it stopped.",
                )
            yield block

    def _patiently(self, path: str, once: Callable[[], tuple[HttpResponse, bool]]) -> HttpResponse:
        for attempt in range(self._attempts):
            pause = self._pause * 2**attempt
            try:
                reply, done = once()
            except urllib3.exceptions.LocationValueError as error:
                raise FetchError(f"{self.url} is no web address", "Example: https://example.org") from error
            except urllib3.exceptions.HTTPError as error:
                reason, there = _describe_error(error)
            else:
                if done:
                    return reply
                reason, there = f"status {reply.status}{_detail(reply)}", True
                pause = max(pause, _retry_after(reply))
            if pause > _MAX_WAIT_SECONDS:
                raise FetchError(
                    f"{self.url}{path} is to be asked again in {pause:.0f} seconds ({reason})", "Try it again then."
                )
            if attempt + 1 < self._attempts:
                self._wait(pause)
        lost = AnswerLost if there else FetchError
        raise lost(f"{self.url}{path} cannot be had: {reason}", "Try it again later.")


def _pool_classes(head_seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pools by scheme, whose connections wait so many seconds for the head of a response.

    The time limit of a socket holds between two packets: a head that comes byte by byte, or after any number of
    interim responses (RFC 9110, section 15.2), has no end.
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
            if timed_out.is_set():  # what has come of the headers looks like all of them
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
    """An answer has more bytes than it may have."""


def _origin(url: str) -> tuple[str, str]:
    """The scheme, and the host with its port unless that is the default one, as the connection will read them.

    Raises LocationParseError.
    """
    parsed = urllib3.util.parse_url(url)
    scheme, host = parsed.scheme or "http", (parsed.host or "").lower()
    return scheme, host if parsed.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{parsed.port}"


def got_web_page(address: str) -> FetchError:
    """What is to be told where a web page comes in the place of data."""
    return FetchError(
        f"{address} answers with a web page, and not with data: perhaps a login, or the notice of a proxy",
        "Open the address in a browser to see it. No password is sent from here: ask the publisher for an address "
        "that is open, or whoever runs your network to let it through.",
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
    """Why there is no other answer, where the site says so (RFC 9457)."""
    if not reply.headers.get("Content-Type", "").startswith("application/problem+json"):
        return ""
    try:
        return f" ({str(json.loads(reply.body)['detail'])[:300]})"
    except (ValueError, KeyError, TypeError):
        return ""


def _describe_error(error: Exception) -> tuple[str, bool]:
    """What went wrong, without the library's own objects; and whether the site is there."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "there is no such host", False
        case urllib3.exceptions.NewConnectionError():
            return "no connection", False
        case urllib3.exceptions.TimeoutError():
            return "no answer in time", True
        case urllib3.exceptions.DecodeError():
            return "the answer is corrupt, and cannot be unpacked", True
        case urllib3.exceptions.SSLError():
            return f"no safe connection ({error})", False
        case _:
            return "the connection broke off", True
