"""Clients that do not read their answers occupy few files, connections and little memory, and only for a while."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.conftest import running_server
from tests.support import http_client
from tests.support.http_client import BROWSER
from tests.support.operations import until

pytestmark = pytest.mark.slow

#: About 40 MB as JSON.
LARGE = f"SELECT ('{400 * 'a'}' AS ?text) {{ ?a ?b ?c . ?d ?e ?f }} LIMIT 90000"
#: Answers are not cached, and no time limit depends on the speed of this machine.
PATIENT = ("--cache-bytes", 0, "--timeout", 300, "--header-seconds", 300)
FORM_HEADERS = {"Accept": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
SMALL = f"/sparql?query={quote('ASK {}')}"


send = partial(http_client.send, timeout=300)


def target(number: int = 0) -> str:
    """Return a query with a large answer, a different one for each number."""
    return f"/sparql?query={quote(f'{LARGE} # {number}')}&format=json"


def get(path: str, method: str = "GET", version: str = "1.1") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()


@contextmanager
def asking(server: running_server, sent: bytes, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Connect a client that has sent a request and has a small receive buffer."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.bind((source, 0))
        client.connect(("127.0.0.1", server.port))
        with suppress(BrokenPipeError):  # the server may refuse the connection at once
            client.sendall(sent)
        yield client


def open_files(server: running_server) -> Counter[str]:
    """Return the stored answers, release files and connections that the processes of a server have open."""
    log = str(Path(f"/proc/self/fd/{server.output.fileno()}").readlink())
    found: Counter[str] = Counter()
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(OSError, psutil.Error):
            found["connection"] += sum(bool(one.raddr) for one in child.net_connections("tcp"))
            for one in Path(f"/proc/{child.pid}/fd").iterdir():
                with suppress(OSError):
                    name = str(one.readlink())
                    found[name] += name != log and name.endswith("(deleted)")
    return found


def idle_files(server: running_server) -> Counter[str]:
    """Return what the processes of a server have open without a client."""
    until(lambda: not open_files(server)["connection"])
    return open_files(server)


def answers(server: running_server) -> int:
    return open_files(server).total() - open_files(server)["connection"]


@pytest.fixture(scope="module")
def server(releases: Path) -> Iterator[running_server]:
    running = running_server(releases, "--send-seconds", 2, *PATIENT, "--connections", 40)
    with running:
        yield running


def drained(client: socket.socket) -> bool:
    """Read until the server closes or resets the connection; return whether the answer is incomplete."""
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
def test_unread_answer_is_dropped_with_its_connection(server: running_server, sent: bytes) -> None:
    before = idle_files(server)
    with asking(server, sent) as client:
        until(lambda: answers(server))
        until(lambda: open_files(server) <= before)
        assert drained(client)
    assert send(server.url, "GET", SMALL).status == 200


def test_trickled_reading_does_not_count_as_progress(server: running_server) -> None:
    before = idle_files(server)
    with asking(server, get(target())) as client:
        until(lambda: answers(server))

        def trickled() -> bool:
            client.settimeout(1)
            with suppress(OSError):
                client.recv(100)
            return open_files(server) <= before

        until(trickled)


def test_slow_reader_gets_the_whole_answer(server: running_server) -> None:
    """Reading is slower than any network but above the minimum rate; it takes more than ten times the limit in seconds."""
    path = f"/sparql?query={quote(LARGE.replace('90000', '9000'))}&format=json"
    whole = send(server.url, "GET", path).body
    with asking(server, get(path, version="1.0")) as client:
        came = b""
        while data := client.recv(1 << 16):
            came += data
            time.sleep(0.01)
    assert came.partition(b"\r\n\r\n")[2] == whole


def test_file_of_a_disconnected_client_is_closed(server: running_server) -> None:
    before = idle_files(server)
    for _ in range(3):
        with asking(server, get(target())) as client:
            assert client.recv(1_000).startswith(b"HTTP/1.1 200")
    with asking(server, get(target())) as client:
        client.shutdown(socket.SHUT_WR)  # half-closed: it sends no more, and may have left
    until(lambda: open_files(server) <= before)


def test_unread_answers_are_limited_per_client(releases: Path) -> None:
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


def test_unread_answers_share_a_budget(releases: Path) -> None:
    limits = ("--answer-bytes", 60_000_000, "--unsent-bytes", 100_000_000)
    server = running_server(releases, "--send-seconds", 300, *PATIENT, *limits)
    with server, ExitStack() as stack:
        size = len(send(server.url, "GET", target()).body)
        assert 34_000_000 < size < 50_000_000, "otherwise the limits of this test are meaningless"
        first = stack.enter_context(asking(server, get(target())))
        assert first.recv(100).startswith(b"HTTP/1.1 200"), "the answer is complete and being sent"
        own = send(server.url, "GET", target(1))
        assert (own.status, own.headers["retry-after"]) == (503, "5")
        assert "your other unread responses" in own.problem["detail"]
        second = stack.enter_context(asking(server, get(target()), "127.0.0.2"))
        assert second.recv(100).startswith(b"HTTP/1.1 200")
        third = send(server.url, "GET", target(2), source="127.0.0.3")
        assert third.status == 503
        assert "too many responses" in third.problem["detail"]
        first.close()
        second.close()
        until(lambda: answers(server) == 0)
        assert send(server.url, "GET", target(2), source="127.0.0.3").status == 200


def test_unread_pages_share_the_budget(releases: Path) -> None:
    """A page repeats a long query; the page counts as an unsent answer until it is sent."""
    query = "SELECT * { VALUES ?x { 1 } } #" + "\"<&'" * 200_000
    body = f"query={quote(query)}".encode()
    posted = (
        b"POST /sparql/use HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nContent-Type: "
        b"application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    limits = ("--answer-bytes", 10_000_000, "--unsent-bytes", 15_000_000)
    server = running_server(releases, "--send-seconds", 300, *PATIENT, *limits)
    with server, ExitStack() as stack:
        first = stack.enter_context(asking(server, posted))
        assert first.recv(100).startswith(b"HTTP/1.1 200")
        second = stack.enter_context(asking(server, posted))
        assert second.recv(100).startswith(b"HTTP/1.1 503")
        first.close()
        until(lambda: len(send(server.url, "POST", "/sparql/use", body, **FORM_HEADERS).body) > 3_000_000)


def test_page_reports_an_answer_too_large_to_show(server: running_server) -> None:
    page = send(server.url, "GET", target().removesuffix("&format=json"), Accept=BROWSER)
    assert page.status == 200
    assert "too large to show on a page" in page.body.decode()
    assert len(page.body) < 100_000


def test_connections_are_limited_per_client(server: running_server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(asking(server, b"GET / HT")) for _ in range(60)]
        until(lambda: count_open(clients) == 40)
        assert send(server.url, "GET", SMALL, source="127.0.0.2").status == 200
        for client in filter(is_open, clients):
            client.settimeout(250)
            client.sendall(b"TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def holding(stack: ExitStack, server: running_server, source: str, number: int) -> list[socket.socket]:
    """Open connections of one client; every other one sends half of a request line."""
    sent = (b"", b"GET / HT")
    return [stack.enter_context(asking(server, sent[one % 2], source)) for one in range(number)]


def is_open(client: socket.socket) -> bool:
    """Return whether the server has neither closed a connection nor sent anything."""
    client.settimeout(0)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


def count_open(clients: list[socket.socket]) -> int:
    return sum(map(is_open, clients))


def answered(server: running_server, source: str, number: int = 20) -> int:
    """Return how many of ``number`` requests, each over a new connection, are answered."""
    return sum(send(server.url, "GET", SMALL, source=source).status == 200 for _ in range(number))


@pytest.fixture(scope="module")
def small_server(releases: Path) -> Iterator[running_server]:
    running = running_server(releases, *PATIENT, "--connections", 16, "--total-connections", 32)
    with running:
        yield running


def test_one_client_cannot_fill_the_server(small_server: running_server) -> None:
    with ExitStack() as stack:
        clients = holding(stack, small_server, "127.0.0.2", 200)
        assert answered(small_server, "127.0.0.3") == 20
        until(lambda: count_open(clients) == 16)


def test_many_clients_cannot_fill_the_server_and_largest_lose_first(small_server: running_server) -> None:
    with ExitStack() as stack:
        modest = holding(stack, small_server, "127.0.0.4", 2)
        greedy = [holding(stack, small_server, f"127.0.1.{number}", 16) for number in range(10)]
        assert answered(small_server, "127.0.0.3") == 20
        until(lambda: count_open(modest) + sum(map(count_open, greedy)) <= 32)
        assert count_open(modest) == 2
        assert all(count_open(clients) <= 4 for clients in greedy)


def test_more_clients_than_connections_cannot_fill_the_server(small_server: running_server) -> None:
    with ExitStack() as stack:
        clients = [holding(stack, small_server, f"127.0.1.{number}", 1)[0] for number in range(100)]
        assert answered(small_server, "127.0.0.3") == 20
        until(lambda: count_open(clients) <= 32)


def test_idle_connections_are_closed_before_requests_in_progress(small_server: running_server) -> None:
    with ExitStack() as stack:
        idle = holding(stack, small_server, "127.0.0.2", 15)
        newest = stack.enter_context(asking(small_server, get(target(), version="1.0"), "127.0.0.2"))
        until(lambda: answers(small_server))
        for number in range(4):
            holding(stack, small_server, f"127.0.1.{number}", 16)
        until(lambda: count_open(idle) < 10)
        assert not drained(newest), "the answer must be complete"


def test_idle_connections_are_closed_after_header_seconds(releases: Path) -> None:
    server = running_server(releases, "--header-seconds", 1)
    with server, ExitStack() as stack:
        silent, half = holding(stack, server, "127.0.0.2", 2)
        kept_alive = stack.enter_context(asking(server, get(SMALL), "127.0.0.2"))
        kept_alive.settimeout(250)
        assert kept_alive.recv(10_000).startswith(b"HTTP/1.1 200")
        until(lambda: count_open([silent, half, kept_alive]) == 0)


def test_server_raises_its_limit_on_open_files() -> None:
    code = (
        "import resource\n"
        "from cybilgraph.web.server.connections import accepted_connections\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))\n"
        "print(accepted_connections(1000), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    for hard, printed in ((4096, "2000 4096 4096"), (1024, "512 1024 1024")):
        ran = subprocess.run([sys.executable, "-c", code.format(hard=hard)], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == printed
