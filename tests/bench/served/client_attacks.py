"""Attacks by many clients at once, by slow clients, and by clients that disconnect.

Each function returns the statuses, the elapsed seconds, and the problem, if any.
"""

from __future__ import annotations

import asyncio
import resource
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from .attacks import GRACE, HEAVY, LIMIT
from .client import Address, Monitor, Reply, ask, connect, exchange, look_up, receive, request

Outcome = tuple[str, float, str]
#: Seconds in which the body and the head of a request must arrive.
BODY, HEAD = 20.0, 10.0
#: Seconds that a request waits behind others of the same client.
QUEUE = 5.0
_PRODUCT = HEAVY["cross product, counted"][0]
#: A large result, but below the size limit (256 MB) for any amount of data.
_LARGE = "SELECT * { ?a ?b ?c } LIMIT 200000"
#: The deadline of /healthz in seconds.
ALIVE = 0.2
FLOOD, FLOOD_SECONDS = 4_000, 10.0
#: Seconds after which a client that has abandoned requests must be answered again.
ABANDONED_SECONDS = 5.0
_NONE = "https://example.org/none"
_DIRECT = "application/sparql-query"


async def _one(address: Address, sent: bytes, gate: asyncio.Semaphore) -> Reply | OSError:
    try:
        async with gate:
            reader, writer = await asyncio.open_connection(address.host, address.port)
        began = time.perf_counter()
        writer.write(sent)
        head, _, body = (await asyncio.wait_for(reader.read(-1), 60)).partition(b"\r\n\r\n")
        writer.close()
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Reply(int(first.split()[1]), headers, body, time.perf_counter() - began)
    except (OSError, IndexError) as error:
        return error if isinstance(error, OSError) else ConnectionError("no answer")


def at_once(address: Address, sent: Sequence[bytes]) -> list[Reply | OSError]:
    """Send all requests at once, each over its own connection, and return the responses."""

    async def send_all() -> list[Reply | OSError]:
        gate = asyncio.Semaphore(100)  # the backlog of the socket is limited
        return await asyncio.gather(*(_one(address, one, gate) for one in sent))

    return asyncio.run(send_all())


def _judge(replies: Sequence[Reply | OSError], allowed: set[int], within: float) -> Outcome:
    outcome = Counter(str(reply.status) if isinstance(reply, Reply) else type(reply).__name__ for reply in replies)
    slowest = max((reply.seconds for reply in replies if isinstance(reply, Reply)), default=0)
    statuses = " ".join(f"{number}×{status}" for status, number in outcome.most_common())
    if outcome.keys() - {*map(str, allowed)}:
        return statuses, slowest, "an unexpected status"
    refused = [reply for reply in replies if isinstance(reply, Reply) and reply.status in (429, 503)]
    if any(not reply.headers.get("retry-after", "").isdigit() for reply in refused):
        return statuses, slowest, "no Retry-After"
    return statuses, slowest, "late" if slowest > within + GRACE else ""


def heavy_from_500(address: Address) -> Outcome:
    sent = [ask(address, f"{_PRODUCT} # {time.time_ns()}{number}", LIMIT) for number in range(500)]
    return _judge(at_once(address, sent), {504, 429, 503}, LIMIT)


def browsers_100(address: Address) -> Outcome:
    """Send slow queries that request pages: they must not delay another client's search."""
    sent = [ask(address, f"{_PRODUCT} # {time.time_ns()}{number}", LIMIT, accept="text/html") for number in range(100)]
    found: list[Reply | OSError] = []
    sender = threading.Thread(target=lambda: found.extend(at_once(address, sent)))
    sender.start()
    time.sleep(LIMIT / 4)
    search = Address(address.port, "/search")
    reply = exchange(search, request(search, accept="text/html"), source="127.0.0.3")
    sender.join()
    statuses, slowest, wrong = _judge(found, {504, 429, 503}, 4 * LIMIT)
    delay = "" if reply.status == 200 and reply.seconds < GRACE else f"another client's search: {reply.seconds:.1f} s"
    return statuses, slowest, delay or wrong


def lookups_200(address: Address) -> Outcome:
    replies = at_once(address, [look_up(address, _NONE) for _ in range(200)])
    statuses, slowest, wrong = _judge(replies, {200, 429}, LIMIT)
    answered = sum(isinstance(reply, Reply) and reply.status == 200 for reply in replies)
    return statuses, slowest, wrong or ("" if answered >= 100 else "fewer than 100 were answered")


def idle_500(address: Address) -> Outcome:
    """Open 500 connections: half send nothing, half an incomplete request line."""
    began = time.perf_counter()
    with ExitStack() as stack:
        for number in range(500):
            connection = stack.enter_context(connect(address))
            if number % 2:
                connection.sendall(b"GET /sparql HT")
        reply = exchange(address, look_up(address, _NONE))
    return str(reply.status), time.perf_counter() - began, "late" if reply.seconds > 1 else ""


def flood(address: Address) -> Outcome:
    """Keep 4,000 idle or incomplete connections of one client open, replacing those that the server closes."""
    resource.setrlimit(resource.RLIMIT_NOFILE, 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[1:])
    began = time.perf_counter()
    opened = 0
    held: list[socket.socket | None] = [None] * FLOOD
    with ExitStack() as stack, Monitor(address) as alive:
        while time.perf_counter() < began + FLOOD_SECONDS:
            for number, connection in enumerate(held):
                if connection and not _is_closed(connection):
                    continue
                if connection:
                    connection.close()
                held[number] = None
                with suppress(OSError):
                    held[number] = connection = stack.enter_context(connect(address, source="127.0.0.4"))
                    connection.sendall(b"GET /sparql HT" if number % 2 else b"")
                    opened += 1
            time.sleep(1)
    seconds = time.perf_counter() - began
    late = alive.failures or alive.within(0.99) > ALIVE
    return f"{opened} opened", seconds, f"healthz: 99 in 100 within {alive.within(0.99) * 1000:.0f} ms" if late else ""


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def slow_body(address: Address) -> Outcome:
    head = request(address, "POST", content_type="application/sparql-query", content_length="1000")
    return _drip(address, head, b"#" * 1000, BODY, {408})


def slow_head(address: Address) -> Outcome:
    return _drip(address, b"GET /sparql HTTP/1.1\r\nx: ", b"a" * 1000, HEAD, {400, 408, 0})


def _drip(address: Address, first: bytes, rest: bytes, within: float, allowed: set[int]) -> Outcome:
    """Send ``first``, then a byte of ``rest`` every quarter of a second."""
    began = time.perf_counter()
    with connect(address, 60) as connection:
        connection.sendall(first)
        with suppress(OSError):
            for byte in rest:
                if select.select([connection], [], [], 0.25)[0]:
                    break
                connection.sendall(bytes([byte]))
                if time.perf_counter() > began + within + 2 * GRACE:
                    return "nothing", within + 2 * GRACE, "the server still waits"
        status = _status(connection)
    seconds = time.perf_counter() - began
    wrong = "" if status in allowed else "an unexpected status"
    return str(status or "closed"), seconds, wrong or ("late" if seconds > within + GRACE else "")


def _status(connection: socket.socket) -> int:
    """Return the status of the response; 0 if the connection is closed without one."""
    try:
        return receive(connection)[0]
    except OSError:
        return 0


def half_sent(address: Address) -> Outcome:
    """Send half a body, then close the sending side."""
    began = time.perf_counter()
    with connect(address, BODY + 5) as connection:
        kind = "application/sparql-query"
        connection.sendall(request(address, "POST", body=b"ASK { ", content_type=kind, content_length="100"))
        connection.shutdown(socket.SHUT_WR)
        status = _status(connection)
    seconds = time.perf_counter() - began
    wrong = "" if status in (0, 400, 408) else "an unexpected status"
    return str(status or "closed"), seconds, wrong or ("late" if seconds > 1 + GRACE else "")


def pipelined(address: Address) -> Outcome:
    """Send 100 requests at once over one connection, and expect 100 responses in the same order."""
    began = time.perf_counter()
    sent = [ask(address, f"SELECT ({n} AS ?n) {{}}", close=n == 99) for n in range(100)]
    with connect(address) as connection:
        connection.sendall(b"".join(sent))
        data = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    answers = data.split(b"HTTP/1.1 200 OK\r\n")[1:]
    right = len(answers) == 100 and all(f'"value":"{n}"'.encode() in answer for n, answer in enumerate(answers))
    return f"{len(answers)}×200", time.perf_counter() - began, "" if right else "responses missing or out of order"


def slow_readers(address: Address, clients: int = 5) -> Outcome:
    """Read a large response slowly in several clients: each must get all of it."""
    began = time.perf_counter()
    size, wrong = 0, ""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(address, 60)) for _ in range(clients)]
        for number, connection in enumerate(connections):
            connection.sendall(ask(address, f"{_LARGE} # {time.time_ns()}{number}"))
        taken = [bytearray() for _ in connections]
        until = time.perf_counter() + 5
        while time.perf_counter() < until:
            for connection, data in zip(connections, taken, strict=True):
                if select.select([connection], [], [], 0.05)[0]:
                    data += connection.recv(20_000)
        for connection, data in zip(connections, taken, strict=True):
            while part := connection.recv(1 << 20):
                data += part
            head, _, body = data.partition(b"\r\n\r\n")
            size = len(body)
            if not head.startswith(b"HTTP/1.1 200") or f"content-length: {size}".encode() not in head.lower():
                wrong = f"{head[:300]!r} and {size:,} bytes"
    return f"{clients}×{size / 1e6:.0f} MB", time.perf_counter() - began, wrong


def leave_before(address: Address) -> Outcome:
    """Disconnect before the response: the server must stop the work."""
    return _leave(address, [ask(address, f"{_PRODUCT} # {time.time_ns()}{n}") for n in range(50)], 0)


def leave_midway(address: Address) -> Outcome:
    """Disconnect in the middle of a large response."""
    return _leave(address, [ask(address, f"{_LARGE} # {time.time_ns()}{n}") for n in range(20)], 100_000)


def _leave(address: Address, sent: Sequence[bytes], after: int) -> Outcome:
    """Send requests and disconnect; then a slow query must start at once, because no worker is busy any more."""
    began = time.perf_counter()
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(address, 30)) for _ in sent]
        for connection, one in zip(connections, sent, strict=True):
            connection.sendall(one)
        time.sleep(0.5)
        for connection in connections[:5]:
            size = 0
            while size < after and (part := connection.recv(after)):
                size += len(part)
    while True:  # the server checks connections at intervals
        reply = exchange(address, ask(address, f"{_PRODUCT} # {time.time_ns()}", 0.5))
        if reply.status == 504 and reply.seconds < 0.5 + GRACE:
            break
        if time.perf_counter() > began + 5:
            return str(reply.status), time.perf_counter() - began, "workers are still busy"
    return f"{len(sent)} left", time.perf_counter() - began, ""


def long_queries(address: Address, size: int = 98_000, running: float = 0, clients: int = 40) -> Outcome:
    """Let each client send different queries of ``size`` bytes for five seconds, one after another.

    Each must be answered after its time in the queue and at most ``running`` seconds of execution.
    """
    values = "VALUES ?n { " + "1 " * 9_000 + "} "

    def sent(number: int) -> bytes:
        body = f"SELECT * {{ {values} }} # {time.time_ns()}.{number} ".encode().ljust(size, b"#")
        return request(address, "POST", body=body, content_type="application/sparql-query")

    async def one(number: int, until: float) -> list[Reply | OSError]:
        replies = []
        while time.perf_counter() < until:
            replies.append(await _one(address, sent(number), asyncio.Semaphore(1)))
        return replies

    async def send_all() -> list[Reply | OSError]:
        until = time.perf_counter() + 5
        found = await asyncio.gather(*(one(number, until) for number in range(clients)))
        return [reply for replies in found for reply in replies]

    return _judge(asyncio.run(send_all()), {200, 429, 503}, QUEUE + running)


def longest_queries(address: Address) -> Outcome:
    return long_queries(address, 980_000, running=3)  # each takes 0.2 s alone, and up to 18 share two processors


def unfinished_bodies(address: Address) -> Outcome:
    """Send the head of a request and the beginning of its body, and disconnect."""
    return _leave_unfinished(
        address, request(address, "POST", body=b"SELECT", content_type=_DIRECT, content_length="90000")
    )


def tiny_chunks(address: Address) -> Outcome:
    """Send the beginning of a body in chunks of one byte, and disconnect."""
    head = request(address, "POST", content_type=_DIRECT, content_length="", transfer_encoding="chunked")
    return _leave_unfinished(address, head + b"1\r\na\r\n" * 2_000)


def _leave_unfinished(address: Address, sent: bytes, seconds: float = 5) -> Outcome:
    began, number = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        with ExitStack() as stack:
            for _ in range(300):
                connection = stack.enter_context(connect(address))
                with suppress(OSError):  # the server closes connections over the limit
                    connection.sendall(sent)
                number += 1
    ended = time.perf_counter()
    while (
        reply := exchange(address, look_up(address, _NONE), wait=20)
    ).status == 429:  # the abandoned requests still count
        if time.perf_counter() > ended + ABANDONED_SECONDS:
            break
        time.sleep(0.1)
    seconds = time.perf_counter() - ended
    wrong = "" if reply.status == 200 else "an unexpected status"
    return f"{number} left", seconds, wrong or ("late" if reply.seconds > 1 + GRACE else "")


#: Slow attacks, which run in parallel with the others.
PARALLEL_ATTACKS: dict[str, Callable[[Address], Outcome]] = {"a slow body": slow_body, "slow headers": slow_head}
CLIENT_ATTACKS: dict[str, Callable[[Address], Outcome]] = {
    "a half-sent body": half_sent,
    "unfinished bodies": unfinished_bodies,
    "unfinished bodies of tiny chunks": tiny_chunks,
    "100 requests pipelined": pipelined,
    "500 idle connections": idle_500,
    "4,000 connections of one client": flood,
    "200 lookups at once": lookups_200,
    "40 clients with long queries": long_queries,
    "40 clients with queries of 1 MB": longest_queries,
    "500 heavy queries at once": heavy_from_500,
    "100 slow queries from browsers": browsers_100,
    "50 clients disconnect before the response": leave_before,
    "20 clients disconnect midway": leave_midway,
    "slow readers": slow_readers,
}
