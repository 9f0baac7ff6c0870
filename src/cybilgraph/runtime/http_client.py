"""An HTTP client that other servers can neither block, nor redirect to a third server; built on httpx.

httpx limits the time between two packets only, so that headers sent byte by byte might never end. Here the connections
also observe a deadline for a whole request. Bodies are read as they arrive; callers limit their size.
"""

from __future__ import annotations

import io
import math
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import httpcore
import httpx

from cybilgraph.version import __version__

USER_AGENT = f"cybilgraph/{__version__}"
#: HTTP statuses of requests that are retried.
RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_REDIRECTS = 5
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_BLOCK_BYTES = 1 << 16
#: Sent unless a request has other values.
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}


def user_agent(contact: str) -> str:
    """Return the value of User-Agent, with the user's contact if it is known."""
    return f"{USER_AGENT} (+{contact})" if contact else USER_AGENT


class ConnectionFailed(OSError):
    """A request got no complete response; ``has_responded`` is false if there was no connection."""

    def __init__(self, reason: str, has_responded: bool = True) -> None:
        super().__init__(reason)
        self.has_responded = has_responded


class RedirectRefused(Exception):
    """A response from ``address`` redirects to a ``location`` that the client does not follow."""

    def __init__(self, address: str, status: int, location: str) -> None:
        super().__init__(f"{address} redirects elsewhere")
        self.address = address
        self.status = status
        self.location = location


class TooManyRedirects(RedirectRefused):
    """A request was redirected more than MAX_REDIRECTS times."""


class Response(AbstractContextManager["Response"]):
    """A response with an unread body; a context manager, which closes it."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        response.headers.encoding = "latin-1"
        self.status = response.status_code
        #: Names are case-insensitive.
        self.headers: Mapping[str, str] = response.headers

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the response, and its connection unless the body has been read."""
        self._response.close()

    @property
    def length(self) -> int:
        """The declared length of the body in bytes, or 0."""
        return int(self.headers.get("Content-Length", "0"))  # the HTTP library accepts only digits

    def blocks(self, decode: bool = False) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises ConnectionFailed, also if it is truncated.

        The client requests no compression; ``decode`` decompresses a response that nevertheless is (with gzip).
        """
        try:
            coding = self.headers.get("Content-Encoding", "identity").strip().lower()
            if not decode or coding == "identity":
                yield from self._response.iter_raw()
            elif coding in ("gzip", "x-gzip"):
                yield from _decompress(self._response.iter_raw())
            else:
                raise ConnectionFailed(f"the response is encoded as {coding[:50]}, which was not requested")
        except httpx.HTTPError as error:
            raise _connection_failed(error) from error

    def start(self, size: int) -> bytes:
        """Return up to ``size`` bytes from the start of the body. Raises ConnectionFailed."""
        return self.stream().read(size)

    def stream(self) -> io.BufferedReader:
        """Return the body as a binary stream, whose reads raise ConnectionFailed."""
        return io.BufferedReader(_BodyStream(self.blocks()), _BLOCK_BYTES)


def _decompress(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress a body in bounded memory. Raises ConnectionFailed."""
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        for block in blocks:
            while block and not decompressor.eof:
                yield decompressor.decompress(block, _BLOCK_BYTES)
                block = decompressor.unconsumed_tail
            if decompressor.eof:  # what follows would only be collected
                return
        yield decompressor.flush()
    except zlib.error as error:
        raise ConnectionFailed("the response is corrupt and cannot be decompressed") from error
    if not decompressor.eof:
        raise ConnectionFailed("the response is truncated and cannot be decompressed")


class _BodyStream(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            if (block := next(self._blocks, None)) is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class HttpClient(AbstractContextManager["HttpClient"]):
    """A client for the server of one URL; a context manager, which closes the connections.

    ``timeout`` is the maximum time in seconds to connect and between two packets; the headers of a response must arrive
    within ``head_seconds``. It follows redirects of GET and HEAD within the origin of the URL (RFC 6454, section 4) and
    to ``allowed_hosts`` (HOST or HOST:PORT), which get no credentials, but never from https to http. No other server
    gets a request. Unless it ``follows`` redirects, they are returned like any other response. Proxies are those of the
    environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        head_seconds: float = math.inf,
        allowed_hosts: Collection[str] = (),
        *,
        follows: bool = True,
    ) -> None:
        try:
            self._origin = _origin(_parse(url))
        except ValueError:
            self._origin = "", ""  # the first request reports it
        self._head_seconds = head_seconds
        self._redirected_methods = ("GET", "HEAD") if follows else ()
        self._allowed_hosts = {host.lower() for host in allowed_hosts}
        self._deadline = _Deadline()
        # Like other programs, trust the certificates of the system; httpx has its own list.
        self._transport = httpx.HTTPTransport(verify=ssl.create_default_context(), proxy=_proxy_of(*self._origin))
        # httpx has no option for the network backend of httpcore.
        self._transport._pool._network_backend = _Backend(self._deadline)
        self._timeout = timeout

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        *,
        timeout: float | None = None,
        until: float = math.inf,
        auth: httpx.Auth | None = None,
    ) -> Response:
        """Send a request, and return the response with any status.

        ``until`` is the deadline for the whole body (of ``time.monotonic``), as long as it is the client's last
        request. Raises ConnectionFailed, RedirectRefused, and ValueError if the URL is not valid.
        """
        address, sent = _parse(url), httpx.Headers(_HEADERS)
        sent.update(httpx.Headers(dict(headers), encoding="latin-1"))
        for _ in range(MAX_REDIRECTS + 1):
            self._deadline.at = min(until, time.monotonic() + self._head_seconds)
            timeouts = httpx.Timeout(timeout or self._timeout).as_dict()
            request = httpx.Request(method, address, headers=sent, content=content, extensions={"timeout": timeouts})
            try:
                response = self._authenticate(request, auth or httpx.Auth())
            except httpx.HTTPError as error:
                raise _connection_failed(error) from error
            self._deadline.at = until
            location = response.headers.get("Location", "")
            if response.status not in REDIRECT_STATUSES or not location or method not in self._redirected_methods:
                return response
            response.close()  # do not read the body, which may be endless
            if not (target := self._redirect_target(address, location)):
                raise RedirectRefused(str(address), response.status, location)
            address = target
            if _origin(address) != self._origin:
                sent.pop("Authorization", None)
                auth = None
        raise TooManyRedirects(url, response.status, location)

    def _authenticate(self, request: httpx.Request, auth: httpx.Auth) -> Response:
        """Send a request, and again if the authentication needs it; the body of a challenge is not read."""
        flow = auth.sync_auth_flow(request)
        request = next(flow)
        while True:
            response = self._transport.handle_request(request)
            response.request = request
            try:
                request = flow.send(response)
            except StopIteration:
                return Response(response)
            except (KeyError, NotImplementedError) as error:  # of httpx.DigestAuth
                raise ConnectionFailed("the server requires an unsupported authentication method") from error
            response.close()

    def _redirect_target(self, address: httpx.URL, location: str) -> httpx.URL | None:
        """Return the target of a redirect, or None if it is not followed."""
        try:
            target = _parse(str(address.join(location)))
        except (ValueError, httpx.InvalidURL):
            return None
        scheme, host = _origin(target)
        if address.scheme == "https" and scheme == "http":
            return None
        return target if (scheme, host) == self._origin or host in self._allowed_hosts else None


def _parse(url: str) -> httpx.URL:
    """Parse a URL. Raises ValueError."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url} is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url} is not an HTTP URL")
    return parsed


def _origin(url: httpx.URL) -> tuple[str, str]:
    """Return the scheme and the host, with a port that is not the default, as the connection will read them."""
    return url.scheme, url.netloc.decode()


def _proxy_of(scheme: str, host: str) -> str | None:
    """Return the URL of the proxy for a host, or None."""
    proxy = urllib.request.getproxies().get(scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _connection_failed(error: httpx.HTTPError) -> ConnectionFailed:
    """Say what went wrong, without the library's objects."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    system_error = next((cause for cause in causes if isinstance(cause, OSError)), None)
    match error:
        case httpx.ConnectTimeout():
            return ConnectionFailed("the connection timed out", has_responded=False)
        case httpx.TimeoutException():
            return ConnectionFailed("the response timed out")
        case _ if isinstance(system_error, ssl.SSLError):
            return ConnectionFailed(f"the TLS connection failed ({system_error})", has_responded=False)
        case httpx.ConnectError() if isinstance(system_error, socket.gaierror):
            return ConnectionFailed("the host is unknown", has_responded=False)
        case httpx.ConnectError():
            reason = system_error and system_error.strerror
            return ConnectionFailed(f"no connection ({reason})" if reason else "no connection", has_responded=False)
        case _:
            return ConnectionFailed("the connection was interrupted")


class _Deadline(threading.local):
    """The time (of ``time.monotonic``) by which the request of this thread must end."""

    at = math.inf

    def limit(self, timeout: float | None) -> float | None:
        """Return the timeout for the next operation. Raises ReadTimeout after the deadline."""
        if self.at == math.inf:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A connection that observes the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.limit(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.limit(timeout))
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Opens connections that observe the deadline."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *arguments: Any, **options: Any
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, self._deadline.limit(timeout), *arguments, **options)
        return _Stream(stream, self._deadline)
