"""An HTTP client for another site, which retries when the site is busy and resumes interrupted downloads.

The site is not trusted: responses are limited in size and time, and it cannot redirect requests to other sites.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from cybilgraph.errors import AnswerLost, FetchError
from cybilgraph.model.site_profile import is_base
from cybilgraph.model.vocabulary import use_base
from cybilgraph.readers.web_archives import is_page_type
from cybilgraph.runtime.http_client import (
    MAX_REDIRECTS,
    RETRY_STATUSES,
    ConnectionFailed,
    HttpClient,
    RedirectRefused,
    Response,
    TooManyRedirects,
    user_agent,
)

#: The longest wait before a retry; scheduled jobs should fail instead of waiting longer.
_MAX_WAIT_SECONDS = 300.0
#: Maximum size of a response in memory.
_MAX_REPLY_BYTES = 20_000_000
#: Bytes to read of an error response.
_MAX_ERROR_BYTES = 4096
#: Characters of a redirect's URL in messages.
_MAX_SHOWN = 200
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one download.

    Its total ``bytes``; its total ``seconds``, of all attempts to download a file together, or of each attempt of
    another request; and the mean ``bytes_per_second`` that each attempt must reach after ``grace`` seconds. The headers
    of a response must also arrive within ``grace`` seconds.
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
        return is_page_type(self.type) or self.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))

    def json(self) -> Any:
        """Return the value of the body as JSON. Raises ValueError, also if it is nested too deeply."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


class Site:
    """A client of one site; a context manager.

    ``timeout`` is the maximum time in seconds to connect and between two reads. A request is tried up to ``attempts``
    times, after ``pause`` seconds that double, or as long as Retry-After says. Redirects are followed within the origin
    of the URL (RFC 6454, section 4) and to ``allowed_hosts`` (HOST or HOST:PORT), but never from https to http; or not
    at all, unless the client ``follows`` them. ``before_request`` is called before each attempt. ``contact`` is a URL
    or an e-mail address that the site's operators can use; part of User-Agent.
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
        *,
        follows: bool = True,
        before_request: Callable[[], None] = lambda: None,
        contact: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self.limits = limits or Limits()
        self._attempts = attempts
        self._pause = pause
        self._wait = wait
        self._before_request = before_request
        self._user_agent = user_agent(contact)
        self._client = HttpClient(self.url, timeout, self.limits.grace, allowed_hosts, follows=follows)

    def use_base(self) -> None:
        """Have this process use the base of the site. Raises FetchError, and SiteMismatch as in ``vocabulary``."""
        try:
            base = self.get("/latest/manifest.json").json().get("site", {}).get("base", "")
        except (ValueError, AttributeError):  # an earlier version, or no site of ours
            base = ""
        use_base(base if is_base(base) else "")

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> HttpResponse:
        """Send a request, and return the response with any status. Raises FetchError if all attempts fail."""

        def once() -> tuple[HttpResponse, bool]:
            deadline = time.monotonic() + self.limits.seconds
            with self._request(method, path, headers or {}, deadline, body) as answer:
                limit = min(_MAX_REPLY_BYTES, self.limits.bytes)
                if answer.length > limit:
                    raise TooLarge(f"{self.url}{path}", f"{answer.length:,} bytes", limit)
                content = b"".join(self._blocks(path, answer, limit, deadline, decode=True))
                return HttpResponse(answer.status, answer.headers, content), answer.status not in RETRY_STATUSES

        return self._retry(path, once)

    def download(self, path: str, into: Path, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Download a file, resuming if the connection is interrupted (RFC 9110, section 14).

        Also resumes an existing partial file if ``NAME.etag`` next to it has the site's current ETag. Leaves no file
        for a status other than 200. Raises FetchError; a partial file then stays, unless it exceeds the limit.
        """
        etag_file = into.with_name(f"{into.name}.etag")
        deadline = time.monotonic() + self.limits.seconds

        def once() -> tuple[HttpResponse, bool]:
            etag = etag_file.read_text(encoding="latin-1") if etag_file.exists() and into.exists() else ""
            have = into.stat().st_size if etag else 0
            sent = {**(headers or {}), **({"Range": f"bytes={have}-", "If-Range": etag} if have else {})}
            with self._request("GET", path, sent, deadline) as answer:
                reply = HttpResponse(200 if answer.status == 206 else answer.status, answer.headers)
                if answer.status == 416 or (answer.status == 206 and not _continues(answer, have, etag)):
                    _delete(into, etag_file)
                    return reply, False
                if reply.status != 200:
                    body = next(answer.blocks(), b"")[:_MAX_ERROR_BYTES]
                    return replace(reply, body=body), answer.status not in RETRY_STATUSES
                if answer.status == 200:
                    have = 0
                    _delete(into, etag_file)
                    if (new_etag := answer.headers.get("ETag", "")).startswith('"'):  # a strong one
                        etag_file.write_text(new_etag, encoding="latin-1")
                self._require_space(path, have, answer, into)
                with into.open("ab" if have else "wb") as file:
                    try:
                        file.writelines(self._blocks(path, answer, self.limits.bytes - have, deadline))
                    except TooLarge:
                        _delete(into, etag_file)
                        raise
            etag_file.unlink(missing_ok=True)
            return reply, True

        return self._retry(path, once)

    def _request(self, method: str, path: str, headers: Mapping[str, str], deadline: float, body: str = "") -> Response:
        """Return a response with an unread body. Raises ConnectionFailed, FetchError for a redirect to another site."""
        content = body.encode() if body else None
        sent = {"User-Agent": self._user_agent, **headers}
        self._before_request()
        try:
            return self._client.send(method, f"{self.url}{path}", sent, content, until=deadline)
        except TooManyRedirects as error:
            raise FetchError(
                f"{error.address} redirects more than {MAX_REDIRECTS} times", "Tell the publisher."
            ) from error
        except RedirectRefused as error:
            raise FetchError(
                f"{error.address} redirects to another site: {error.location[:_MAX_SHOWN]}",
                "The redirect is not followed. If you trust that site, use its URL instead of this one, "
                "or allow its host: --allow-host HOST",
            ) from error

    def _require_space(self, path: str, have: int, answer: Response, into: Path) -> None:
        """Raise FetchError if the declared size exceeds the limit or the free disk space."""
        declared = answer.length
        if have + declared > self.limits.bytes:
            raise TooLarge(f"{self.url}{path}", f"{have + declared:,} bytes", self.limits.bytes)
        if declared > (free := shutil.disk_usage(into.parent).free):
            raise FetchError(
                f"{self.url}{path} needs {declared:,} more bytes, but {into.parent} has {free:,} free",
                "Free some disk space.",
            )

    def _blocks(
        self, path: str, answer: Response, limit: int, deadline: float, *, decode: bool = False
    ) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises TooLarge, AnswerLost if it is too slow, or ConnectionFailed."""
        size, began = 0, time.monotonic()
        blocks = answer.blocks(decode)
        while True:
            try:
                block = next(blocks, None)
            except ConnectionFailed:
                if time.monotonic() < deadline:
                    raise
                block = b""  # reported as too slow
            if block is None:
                return
            size += len(block)
            if size > limit:
                raise TooLarge(f"{self.url}{path}", f"more than {limit:,} bytes", limit)
            now = time.monotonic()
            expected = (now - began - self.limits.grace) * self.limits.bytes_per_second
            if now >= deadline or size < expected:
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
            except ValueError as error:
                raise FetchError(f"{self.url} is not a URL", "Example: https://example.org") from error
            except ConnectionFailed as error:
                reason, has_responded = str(error), error.has_responded
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


class TooLarge(FetchError):
    """A response exceeds its size limit."""

    def __init__(self, address: str, size: str, limit: int) -> None:
        super().__init__(f"{address} has {size}, over the limit of {limit:,}", "Tell the publisher.")


def got_web_page(address: str) -> FetchError:
    """Return the error for a web page instead of data."""
    return FetchError(
        f"{address} returned a web page instead of data, perhaps a login page or a proxy's notice",
        "Open the address in a browser to see it. This program sends no passwords: ask the publisher for an open "
        "address, or your network administrators to allow access.",
    )


def _continues(answer: Response, have: int, etag: str) -> bool:
    """Return whether a partial response continues the ``have`` bytes of the file with this ETag."""
    content_range = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    starts_there = not content_range or int(content_range[1]) == have
    return have > 0 and answer.headers.get("ETag") == etag and starts_there


def _delete(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _retry_after(reply: HttpResponse) -> float:
    """Return the seconds to wait before a retry (RFC 9110, section 10.2.3), or 0."""
    value = reply.headers.get("Retry-After", "").strip()
    try:
        return float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0


def _detail(reply: HttpResponse) -> str:
    """Return the site's own explanation of an error, if there is one (RFC 9457)."""
    if not reply.headers.get("Content-Type", "").startswith("application/problem+json"):
        return ""
    try:
        return f" ({str(reply.json()['detail'])[:300]})"
    except (ValueError, KeyError, TypeError):
        return ""
