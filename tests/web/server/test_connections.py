"""Clients that do not read what they asked for hold files, memory and connections for a while, and few of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.conftest import running_server
from tests.web.api import test_protocol
from tests.web.api.test_protocol import BROWSER

#: Some 40 MB as JSON.
LARGE = f"SELECT ('{400 * 'a'}' AS ?text) {{ ?a ?b ?c . ?d ?e ?f }} LIMIT 90000"
#: Answers are not kept; nothing ends because this machine is slow.
PATIENT = ("--cache-bytes", 0, "--timeout", 300, "--header-seconds", 300)
SMALL = f"/sparql?query={quote('ASK {}')}"


send = partial(test_protocol.send, timeout=300)


def target(number: int = 0) -> str:
    """A query with a large answer, which is another one for each number."""
    return f"/sparql?query={quote(f'{LARGE} # {number}')}&format=json"


def get(path: str, method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()


@contextmanager
def asking(server: running_server, sent: bytes, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A client that has sent something, and has room for little of the answer."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.bind((source, 0))
        client.connect(("127.0.0.1", server.port))
        client.sendall(sent)
        yield client


def until(what: Callable[[], object], seconds: float = 250) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def open_files(server: running_server) -> list[str]:
    """The answers on disk, files of releases and connections that the processes of a server have open."""
    log = str(Path(f"/proc/self/fd/{server.output.fileno()}").readlink())
    found: list[str] = []
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(OSError, psutil.Error):
            found += ["connection" for one in child.net_connections("tcp") if one.raddr]
            for one in Path(f"/proc/{child.pid}/fd").iterdir():
                with suppress(OSError):
                    name = str(one.readlink())
                    found += [name] if name != log and name.endswith("(deleted)") else []
    return found


def answers(server: running_server) -> int:
    return sum("(deleted)" in name for name in open_files(server))


@pytest.fixture(scope="module")
def server(releases: Path) -> Iterator[running_server]:
    running = running_server(releases, "--send-seconds", 2, *PATIENT, "--connections", 40)
    with running:
        yield running


def drained(client: socket.socket) -> bool:
    """Read until the server closes or resets the connection; whether that came to less than the whole answer."""
    client.settimeout(250)
    taken = 0
    with suppress(ConnectionError):
        while data := client.recv(1 << 20):
            taken += len(data)
    return taken < 10_000_000


@pytest.mark.parametrize(
    "sent",
    [
        get(target()),
        get(target(), version="1.0"),
        get(target(1)) + get(target(2)) + get(SMALL),
        get(target(), "HEAD") + get(target(3)),
        get(f"/sparql.json?query={quote(LARGE)}") + get(target(4)),
    ],
    ids=["HTTP 1.1", "HTTP 1.0", "pipelined", "after HEAD", "after an error"],
)
def test_an_answer_that_nobody_reads_is_dropped_with_its_connection(server: running_server, sent: bytes) -> None:
    before = open_files(server)
    with asking(server, sent) as client:
        until(lambda: answers(server))
        until(lambda: open_files(server) == before)
        assert drained(client)
    assert send(server.url, "GET", SMALL).status == 200


def test_a_byte_now_and_then_is_no_progress(server: running_server) -> None:
    before = open_files(server)
    with asking(server, get(target())) as client:
        until(lambda: answers(server))

        def trickled() -> bool:
            client.settimeout(1)
            with suppress(OSError):
                client.recv(100)
            return open_files(server) == before

        until(trickled)


def test_who_reads_slowly_gets_all(server: running_server) -> None:
    """Slower than any network, and faster than the least: more than ten times the seconds are taken."""
    path = f"/sparql?query={quote(LARGE.replace('90000', '9000'))}&format=json"
    whole = send(server.url, "GET", path).body
    with asking(server, get(path, version="1.0")) as client:
        came = b""
        while data := client.recv(1 << 16):
            came += data
            time.sleep(0.01)
    assert came.partition(b"\r\n\r\n")[2] == whole


def test_the_file_of_who_goes_away_is_closed(server: running_server) -> None:
    before = open_files(server)
    for _ in range(3):
        with asking(server, get(target())) as client:
            assert client.recv(1_000).startswith(b"HTTP/1.1 200")
    with asking(server, get(target())) as client:
        client.shutdown(socket.SHUT_WR)  # it sends no more, and may be gone
    until(lambda: open_files(server) == before)


def test_a_client_has_few_unread_answers_and_others_have_theirs(releases: Path) -> None:
    server = running_server(releases, "--send-seconds", 300, *PATIENT, "--at-once", 3)
    with server, ExitStack() as stack:
        clients = [stack.enter_context(asking(server, get(target(number)))) for number in range(5)]
        until(lambda: answers(server) == 3)
        replies = [send(server.url, "GET", target(9)) for _ in range(2)]
        assert {reply.status for reply in replies} == {429}
        assert all(reply.headers["retry-after"] for reply in replies)
        assert answers(server) == 3
        assert send(server.url, "GET", SMALL, source="127.0.0.2").status == 200
        assert len(send(server.url, "GET", target(), source="127.0.0.2").body) > 10_000_000
        for client in clients:
            client.close()
        until(lambda: answers(server) == 0)
        assert send(server.url, "GET", SMALL).status == 200


def test_unread_answers_have_a_budget(releases: Path) -> None:
    limits = ("--answer-bytes", 60_000_000, "--unsent-bytes", 100_000_000)
    server = running_server(releases, "--send-seconds", 300, *PATIENT, *limits)
    with server, ExitStack() as stack:
        size = len(send(server.url, "GET", target()).body)
        assert 34_000_000 < size < 50_000_000, "else the limits of this test mean nothing"
        first = stack.enter_context(asking(server, get(target())))
        assert first.recv(100).startswith(b"HTTP/1.1 200"), "it is complete, and being sent"
        own = send(server.url, "GET", target(1))
        assert (own.status, own.headers["retry-after"]) == (503, "5")
        assert "your other answers" in own.problem["detail"]
        second = stack.enter_context(asking(server, get(target()), "127.0.0.2"))
        assert second.recv(100).startswith(b"HTTP/1.1 200")
        third = send(server.url, "GET", target(2), source="127.0.0.3")
        assert third.status == 503
        assert "too many answers" in third.problem["detail"]
        first.close()
        second.close()
        until(lambda: answers(server) == 0)
        assert send(server.url, "GET", target(2), source="127.0.0.3").status == 200


def test_a_page_tells_that_an_answer_is_too_large_for_it(server: running_server) -> None:
    page = send(server.url, "GET", target().removesuffix("&format=json"), Accept=BROWSER)
    assert page.status == 200
    assert "too many for a page" in page.body.decode()
    assert len(page.body) < 100_000


def test_a_client_has_few_connections_and_others_have_theirs(server: running_server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(asking(server, b"GET / HT")) for _ in range(60)]
        for client in clients[40:]:
            client.settimeout(250)
            with suppress(ConnectionError):
                assert client.recv(100) == b""
        assert send(server.url, "GET", SMALL, source="127.0.0.2").status == 200
        for client in clients[:40]:
            client.sendall(b"TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
