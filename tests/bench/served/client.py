"""A minimal HTTP client that sends bytes exactly as given, even if they are malformed."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from typing import Self
from urllib.parse import quote

JSON = "application/sparql-results+json"


@dataclass(frozen=True, slots=True)
class Address:
    """The port, path and host of an endpoint."""

    port: int
    path: str
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def connect(address: Address, wait: float = 10, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((address.host, address.port), wait, (source, 0))


def receive(connection: socket.socket, method: str = "GET") -> tuple[int, Mapping[str, str], bytes]:
    """Read one response. Raises OSError if it is missing or incomplete."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        response.close()


def exchange(address: Address, sent: bytes, wait: float = 10, source: str = "127.0.0.1") -> Reply:
    """Send one request and return its response. Raises OSError if it is missing or incomplete."""
    began = time.perf_counter()
    with connect(address, wait, source) as connection:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # the server may respond before it has received everything
            connection.sendall(sent)
        answer = receive(connection, sent.partition(b" ")[0].decode("latin-1"))
    return Reply(*answer, time.perf_counter() - began)


def request(
    address: Address, method: str = "GET", arguments: str = "", body: bytes = b"", close: bool = True, **headers: str
) -> bytes:
    """Return a well-formed request; an underscore in a header name stands for a hyphen."""
    target = address.path + (f"?{arguments}" if arguments else "")
    given = {"host": "localhost", "accept": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if close:
        given["connection"] = "close"
    if body or method == "POST":
        given.setdefault("content-length", str(len(body)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(address: Address, query: str, timeout: float = 0, close: bool = True, **headers: str) -> bytes:
    """Return a request that runs a query."""
    limit = f"timeout={timeout:g}&" if timeout else ""
    if len(query) > 5_000:
        kind = "application/sparql-query"
        return request(address, "POST", limit.rstrip("&"), query.encode(), close, content_type=kind, **headers)
    return request(address, arguments=f"{limit}query={quote(query)}", close=close, **headers)


_numbers = count()


def look_up(address: Address, iri: str, close: bool = True) -> bytes:
    """Return a request that looks up a resource, with a text that no cache contains."""
    return ask(address, f"SELECT ?p ?o {{ <{iri}> ?p ?o }} # {time.time_ns()}.{next(_numbers)}", close=close)


class Prober:
    """A client with its own address and process, which sends similar requests until the block ends."""

    def __init__(
        self, address: Address, source: str, sent: Callable[[int], bytes], expected: bytes, pause: float
    ) -> None:
        """Send ``sent(0)``, ``sent(1)`` …; each response must contain ``expected``."""
        self._ours, theirs = multiprocessing.Pipe()
        given = (theirs, address, source, sent, expected, pause)
        # Forked, because functions that create requests cannot be pickled.
        self._process = multiprocessing.get_context("fork").Process(target=_run_prober, args=given, daemon=True)
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.send(None)
        self.seconds, self.failures = self._ours.recv()
        self._process.join()

    def within(self, share: float) -> float:
        """Return the seconds within which this share of the requests was answered."""
        ordered = sorted(self.seconds) or [float("inf")]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def missed(self, deadline: float) -> int:
        """Return how many requests failed or took longer than this, in seconds."""
        return sum(seconds > deadline for seconds in self.seconds) + len(self.failures)


class OtherClient(Prober):
    """A well-behaved client that looks up resources."""

    def __init__(self, address: Address, iris: Sequence[str], pause: float = 0.02) -> None:
        def sent(number: int) -> bytes:
            return look_up(address, iris[number % len(iris)])

        super().__init__(address, "127.0.0.2", sent, b'"bindings":[{', pause)


class Monitor(Prober):
    """A client that sends liveness checks."""

    def __init__(self, address: Address, pause: float = 0.02) -> None:
        health = Address(address.port, "/healthz", address.host)
        super().__init__(health, "127.0.0.3", lambda _: request(health, accept="*/*"), b"", pause)


def _run_prober(
    control: Connection, address: Address, source: str, sent: Callable[[int], bytes], expected: bytes, pause: float
) -> None:
    seconds: list[float] = []
    failures: list[str] = []
    while not control.poll(pause):
        one = sent(len(seconds))
        began = time.perf_counter()
        try:
            reply = exchange(address, one, source=source)
            if reply.status != 200 or expected not in reply.body:
                failures.append(f"{reply.status} {reply.body[:100]!r}")
        except OSError as error:
            failures.append(f"{type(error).__name__}: {error}")
        seconds.append(time.perf_counter() - began)
    control.send((seconds, failures))


class Trap:
    """A listening socket that detects outgoing requests of the server."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/trap"

    @property
    def caught(self) -> int:
        """The number of connections since the previous call."""
        found = 0
        with suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                found += 1
        return found

    def close(self) -> None:
        self._socket.close()
