"""Requests to another site: patient where it is busy, resumed where a download broke off."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3

from cybilgraph import __version__
from cybilgraph.errors import AnswerLost, FetchError

#: Statuses that may be others a moment later.
_BUSY = {408, 425, 429, 500, 502, 503, 504}
#: Nobody who runs this from a timetable wants it to wait longer, in seconds.
_LONGEST = 300.0
_BLOCK = 1 << 16
#: A reply that is held in memory has at most so many bytes.
_MOST = 20_000_000
#: Bytes of an answer that is no file: they tell why.
_TOLD = 4096
_PAGES = ("text/html", "application/xhtml+xml")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Reply:
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
        return kind in _PAGES or self.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


class Site:
    """A site at an address; a context manager.

    ``timeout`` are the seconds for a connection, and between two pieces of an answer; a request is made
    at most ``attempts`` times, with a pause that begins with ``pause`` seconds and doubles, or is as long
    as Retry-After says.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30,
        attempts: int = 6,
        pause: float = 1,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._pause = pause
        self._wait = wait
        self._pool = urllib3.PoolManager(
            headers={"User-Agent": f"cybilgraph/{__version__}"},
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
            retries=urllib3.Retry(None, connect=0, read=0, status=0, other=0, redirect=5),
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: str = "") -> Reply:
        """The answer to a request, in memory, whatever its status, unless the site stays too busy.

        Raises FetchError.
        """

        def once() -> tuple[Reply, bool]:
            with self._request(method, path, headers or {}, body or None) as answer:
                content = b"".join(self._blocks(path, answer))
                return Reply(answer.status, answer.headers, content), answer.status not in _BUSY

        return self._patiently(path, once)

    def download(self, path: str, into: Path, headers: Mapping[str, str] | None = None) -> Reply:
        """An answer as a file; where it breaks off, the rest is asked for (RFC 9110, section 14).

        A file that is there is taken for the beginning, if ``NAME.etag`` beside it has the ETag that the
        site still tells. Another status than 200 leaves no file. Raises FetchError; what has come stays.
        """
        mark = into.with_name(f"{into.name}.etag")

        def once() -> tuple[Reply, bool]:
            etag = mark.read_text(encoding="latin-1") if mark.exists() and into.exists() else ""
            have = into.stat().st_size if etag else 0
            asked = {**(headers or {}), **({"Range": f"bytes={have}-", "If-Range": etag} if have else {})}
            with self._request("GET", path, asked) as answer:
                reply = Reply(200 if answer.status == 206 else answer.status, answer.headers)
                resumed = answer.status == 206 and have and answer.headers.get("ETag") == etag
                if resumed and (told := _RANGE.fullmatch(answer.headers.get("Content-Range", ""))):
                    resumed = int(told[1]) == have
                if answer.status == 416 or (answer.status == 206 and not resumed):
                    _forget(into, mark)
                    return reply, False
                if reply.status != 200:
                    return replace(reply, body=answer.read(_TOLD)), answer.status not in _BUSY
                if not resumed:
                    _forget(into, mark)
                    strong = answer.headers.get("ETag", "")
                    if strong.startswith('"'):
                        mark.write_text(strong, encoding="latin-1")
                with into.open("ab" if resumed else "wb") as file:
                    for block in answer.stream(_BLOCK, decode_content=False):
                        file.write(block)
            mark.unlink(missing_ok=True)
            return reply, True

        return self._patiently(path, once)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> Any:
        return self._pool.request(
            method, f"{self.url}{path}", headers={**self._pool.headers, **headers}, body=body, preload_content=False
        )

    def _blocks(self, path: str, answer: Any) -> Any:
        size = 0
        for block in answer.stream(_BLOCK, decode_content=True):
            size += len(block)
            if size > _MOST:
                raise FetchError(f"{self.url}{path} answers with more than {_MOST:,} bytes")
            yield block

    def _patiently(self, path: str, once: Callable[[], tuple[Reply, bool]]) -> Reply:
        for attempt in range(self._attempts):
            pause = self._pause * 2**attempt
            try:
                reply, done = once()
            except urllib3.exceptions.LocationValueError as error:
                raise FetchError(f"{self.url} is no web address", "Example: https://example.org") from error
            except urllib3.exceptions.HTTPError as error:
                reason, there = _in_words(error)
            else:
                if done:
                    return reply
                reason, there = f"status {reply.status}{_detail(reply)}", True
                pause = max(pause, _retry_after(reply))
            if pause > _LONGEST:
                raise FetchError(
                    f"{self.url}{path} is to be asked again in {pause:.0f} seconds ({reason})", "Try it again then."
                )
            if attempt + 1 < self._attempts:
                self._wait(pause)
        lost = AnswerLost if there else FetchError
        raise lost(f"{self.url}{path} cannot be had: {reason}", "Try it again later.")


def a_page(address: str) -> FetchError:
    """What is to be told where a web page comes in the place of data."""
    return FetchError(
        f"{address} answers with a web page, and not with data: perhaps a login, or the notice of a proxy",
        "Open the address in a browser to see it. No password is sent from here: ask the publisher for an address "
        "that is open, or whoever runs your network to let it through.",
    )


def _forget(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _retry_after(reply: Reply) -> float:
    try:
        return float(urllib3.Retry().parse_retry_after(reply.headers.get("Retry-After", "0")) or 0)
    except urllib3.exceptions.InvalidHeader:
        return 0


def _detail(reply: Reply) -> str:
    """Why there is no other answer, where the site says so (RFC 9457)."""
    if not reply.headers.get("Content-Type", "").startswith("application/problem+json"):
        return ""
    try:
        return f" ({str(json.loads(reply.body)['detail'])[:300]})"
    except (ValueError, KeyError, TypeError):
        return ""


def _in_words(error: Exception) -> tuple[str, bool]:
    """What went wrong, without the library's own objects; and whether the site is there."""
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason:
        error = error.reason
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
