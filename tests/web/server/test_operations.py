"""A server in operation: stopping, killed processes, new releases, and monitoring."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from cybilgraph import pipeline
from cybilgraph.release.graph_file import GRAPH
from tests.conftest import SEED, running_server
from tests.support.operations import LONG, ROWS, Asking, ask, figure, get, lines, until

pytestmark = pytest.mark.slow

COUNT = "SELECT (COUNT(*) AS ?n) { ?p a cyb:Project }"


class Clients:
    """Clients who ask without a pause until the block ends: some keep their connection, some open one each time.

    What became of their requests is counted in ``seen``. An answer is right if it is in ``right``.
    A request on a kept connection that was closed meanwhile is counted as lost, and sent again (RFC 9112, section
    9.3.1).
    """

    def __init__(self, url: str, right: set[str], number: int = 6) -> None:
        self.seen: Counter[str] = Counter()
        self._port = int(url.rpartition(":")[2])
        self._right = right
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n, n % 2 == 0)) for n in range(number)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        until(lambda: self.seen["right"] > 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int, keep: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        turn = 0
        while not self._stop.is_set():
            turn += 1
            path = f"/sparql?format=csv&query={quote(f'{COUNT} # {number} {turn}')}"  # no answer is cached
            if connection:
                try:
                    self.seen[self._answer(connection, path)] += 1
                except (ConnectionError, http.client.RemoteDisconnected):
                    self.seen["lost"] += 1
                    connection.close()
                else:
                    connection = connection if connection.sock else None
                    continue
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.connect()
            except ConnectionRefusedError:
                connection = None
                self.seen["refused"] += 1
                time.sleep(0.02)
                continue
            except OSError as error:
                connection = None
                self.seen[f"connect: {error!r}"] += 1
                continue
            try:
                self.seen[self._answer(connection, path)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[repr(error)] += 1
            if not keep or not connection.sock:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _answer(self, connection: http.client.HTTPConnection, path: str) -> str:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            return f"{answer.status} {text}"
        return "right" if text in self._right else f"wrong: {text}"


def processes(root: int) -> dict[int, list[int]]:
    """Return the descendants of a process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            number, _, rest = stat.read_text().partition(" ")
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found: dict[int, list[int]] = {}
    waiting = [root]
    while waiting:
        number = waiting.pop()
        found[number] = children.get(number, [])
        waiting += found[number]
    return found


def lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(number: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")
    return ""


def niceness(number: int) -> int:
    """Return the niceness of a process; long queries have a higher one."""
    stat = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return int(stat[16])


def fork_server_of(root: int) -> tuple[int, list[int]]:
    """Return the fork server and the query workers."""
    found = processes(root)
    nurseries = [
        number
        for number in found
        if "cybilgraph.sparql.query_worker" in command(number)
        and "cybilgraph.sparql.query_worker" not in command(next(p for p, c in found.items() if number in c))
    ]
    return nurseries[0], found[nurseries[0]]


@pytest.fixture(scope="session")
def right(server: str) -> set[str]:
    return {ask(server, COUNT, Accept="text/csv")[1]}


def test_stop_finishes_requests_in_progress(served: running_server, right: set[str]) -> None:
    family = processes(served.process.pid)
    with Clients(served.url, right) as clients:
        slow = Asking(served.url)
        served.process.send_signal(signal.SIGTERM)
        until(lambda: served.process.poll() is not None)
        slow.join()
    assert served.process.returncode == 0
    # On a busy machine, a client that has just connected may be reset (test_http_server_shutdown.py tests what is
    # certain). No client gets a wrong answer, or loses a connection that it keeps open.
    late = [what for what in clients.seen.elements() if what not in ("right", "refused")]
    assert late in ([], ["ConnectionResetError(104, 'Connection reset by peer')"])
    assert {"right", "refused"} <= clients.seen.keys()
    assert slow.status == 200
    until(lambda: not any(map(lives, family)))


def test_stop_takes_bounded_time(own: Path) -> None:
    server = running_server(own, "--stop-seconds", 1)
    with server as url:
        family = processes(server.process.pid)
        slow = Asking(url)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
        slow.join()
        until(lambda: not any(map(lives, family)))


def test_query_of_a_killed_worker_is_repeated(served: running_server, right: set[str]) -> None:
    with Clients(served.url, right) as clients:
        slow = Asking(served.url)
        _, workers = fork_server_of(served.process.pid)
        os.kill(max(workers, key=niceness), signal.SIGKILL)
        slow.join()
        before = clients.seen["right"]
        until(lambda: clients.seen["right"] > before + 50)
    assert clients.seen.keys() == {"right"}
    assert slow.status == 200
    assert "cybilgraph_worker_restarts_total 0.0" not in get(f"{served.url}/metrics")[1]


def test_killed_idle_workers_are_replaced(served: running_server, right: set[str]) -> None:
    _, workers = fork_server_of(served.process.pid)
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):  # it may have been replaced meanwhile
            os.kill(worker, signal.SIGKILL)
    until(lambda: not any(map(lives, workers)))
    for number in range(8):
        assert ask(served.url, f"{COUNT} # {number}", Accept="text/csv") == (200, next(iter(right)))


def test_processes_that_end_while_idle_are_restarted_and_logged(served: running_server) -> None:
    fork_server, _ = fork_server_of(served.process.pid)
    killed: list[int] = []

    def logged() -> dict[object, dict[str, object]]:
        return {line["pid"]: line for line in lines(served) if "pid" in line}

    def one_is_logged() -> bool:
        """A worker may end anyway after long queries of the warm-up; in that case, kill the next one."""
        killed.append(fork_server_of(served.process.pid)[1][-1])
        os.kill(killed[-1], signal.SIGKILL)
        end = time.monotonic() + 3
        while killed[-1] not in logged() and time.monotonic() < end:
            time.sleep(0.1)
        return killed[-1] in logged()

    until(one_is_logged)
    until(lambda: set(fork_server_of(served.process.pid)[1]) - set(killed))
    os.kill(fork_server, signal.SIGTERM)  # which it ignores
    os.kill(fork_server, signal.SIGKILL)
    until(lambda: fork_server in logged())
    until(lambda: fork_server_of(served.process.pid)[0] != fork_server)
    assert logged()[killed[-1]]["how"] == logged()[fork_server]["how"] == "signal SIGKILL"
    assert "worker" in str(logged()[killed[-1]]["process"])
    assert "replaced" in str(logged()[fork_server]["done"])


def test_no_query_is_lost_with_the_fork_server(served: running_server, right: set[str]) -> None:
    with Clients(served.url, right) as clients:
        slow = Asking(served.url)
        fork_server, workers = fork_server_of(served.process.pid)
        os.kill(fork_server, signal.SIGKILL)
        before = clients.seen["right"]
        until(lambda: clients.seen["right"] > before + 50)
        until(lambda: not any(map(lives, workers)))
        slow.join()
    assert clients.seen.keys() == {"right"}
    assert slow.status == 200


def test_serving_process_is_restarted(served: running_server, right: set[str]) -> None:
    found = processes(served.process.pid)
    [inner] = [number for number in found[served.process.pid] if found[number]]
    family = processes(inner)
    with Clients(served.url, right) as clients:
        os.kill(inner, signal.SIGKILL)
        until(lambda: not any(map(lives, family)))
        until(lambda: _answers(served.url))
        before = clients.seen["right"]
        until(lambda: clients.seen["right"] > before + 50)
    assert not [what for what in clients.seen if what.startswith(("wrong", "4", "5"))]
    # Requests in progress or not yet read: a client may have lost one and repeated it at once.
    assert clients.seen.total() - clients.seen["right"] - clients.seen["refused"] <= 12
    assert any(line.get("pid") == inner and line["how"] == "signal SIGKILL" for line in lines(served))


def test_serving_process_is_restarted_every_time(served: running_server) -> None:
    ends: list[int] = []

    def answering() -> list[int]:
        found = processes(served.process.pid)
        return [number for number in found[served.process.pid] if found[number] and number not in ends]

    for _ in range(3):
        until(lambda: answering() and _answers(served.url))
        ends.extend(answering())
        os.kill(ends[-1], signal.SIGKILL)
        until(lambda: not lives(ends[-1]))
    until(lambda: answering() and _answers(served.url))
    actions = [line["done"] for line in lines(served) if line.get("pid") in ends]
    assert len(actions) == len(ends)
    assert actions[-1].endswith(("are restarted in 2 s", "are restarted in 4 s", "are restarted in 8 s"))


def test_suspended_serving_process_is_restarted(served: running_server) -> None:
    found = processes(served.process.pid)
    [inner] = [number for number in found[served.process.pid] if found[number]]
    os.kill(inner, signal.SIGSTOP)
    until(lambda: not lives(inner))
    until(lambda: _answers(served.url))
    [ended] = [line for line in lines(served) if line.get("pid") == inner]
    assert (ended["process"], ended["how"]) == ("The process that answers requests", "signal SIGKILL")
    assert any("was suspended, so it is killed" in str(line.get("message")) for line in lines(served))


def _answers(url: str) -> bool:
    try:
        return get(f"{url}/readyz")[0] == 200
    except OSError:
        return False


def test_no_process_outlives_the_main_process(served: running_server) -> None:
    family = processes(served.process.pid)
    slow = [Asking(served.url, number) for number in range(4)]
    family |= processes(served.process.pid)
    served.process.kill()
    until(lambda: not any(map(lives, family)))
    for thread in slow:
        thread.join()


def test_switch_to_a_new_release_loses_no_request(served: running_server, own: Path, right: set[str]) -> None:
    after = {"n\r\n1\r\n"}
    with Clients(served.url, right | after) as clients:
        pipeline.build([SEED], own)
        until(lambda: "cybilgraph_release 2.0" in get(f"{served.url}/metrics")[1])
        assert ask(served.url, COUNT, Accept="text/csv") == (200, *after)
        before = clients.seen["right"]
        until(lambda: clients.seen["right"] > before + 50)
    assert clients.seen.keys() == {"right"}
    assert any("0002 is now being served" in str(line.get("message")) for line in lines(served))
    assert {line["release"] for line in lines(served) if line["event"] == "query"} == {1, 2}


def test_damaged_release_is_refused(served: running_server, own: Path, right: set[str]) -> None:
    with Clients(served.url, right) as clients:
        broken = own / "0002"
        shutil.copytree(own / "0001", broken)
        (broken / GRAPH).write_bytes(b"<a> <b> <c> .\n")
        (own / "current").write_text("0002\n")
        until(lambda: any("0002 is refused" in str(line.get("message")) for line in lines(served)))
        before = clients.seen["right"]
        until(lambda: clients.seen["right"] > before + 50)
    assert clients.seen.keys() == {"right"}
    assert get(f"{served.url}/readyz") == (200, "ready\n")


def answer_until_closed(port: int, first: bytes, each: bytes = b"") -> bytes:
    """What the server answers before it closes a connection on which this is sent, and each half second some more."""
    answer = b""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(first)
        while time.monotonic() < began + 60:
            with contextlib.suppress(TimeoutError):
                if not (data := connection.recv(65536)):
                    return answer
                answer += data
            connection.sendall(each)
        pytest.fail("the connection stays open")
    return answer


HEAD = b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\n"


@pytest.mark.parametrize(
    ("first", "each", "status"),
    [
        (b"", b"", b""),
        (b"GET / HTTP/1.1\r\nHost: loc", b"", b""),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-More: more\r\n", b""),
        (HEAD + b"Content-Length: 30\r\n\r\nASK {", b"", b"408"),
        (HEAD + b"Content-Length: 3000\r\n\r\nASK {", b" ", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nASK {", b"\r\n1\r\n ", b"408"),
    ],
    ids=["nothing", "half a head", "a slow head", "half a body", "a slow body", "a slow body in chunks"],
)
def test_client_that_sends_nothing_is_disconnected(
    patient: running_server, first: bytes, each: bytes, status: bytes
) -> None:
    answer = answer_until_closed(patient.port, first, each)
    assert answer.split(b" ")[1:2] == ([status] if status else []), answer


def test_disconnected_client_is_logged_as_gone(served: running_server) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(f"GET /sparql?query={quote(LONG)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(0.5)
    until(lambda: [line["outcome"] for line in lines(served) if line["event"] == "query"] == ["gone"])


def test_other_requests_are_logged_without_their_query_string(patient: running_server) -> None:
    get(f"{patient.url}/nowhere?name=somebody")
    get(f"{patient.url}/sparql?query={quote(ROWS)}", Accept="text/html")
    until(lambda: any(line.get("path") == "/nowhere" for line in lines(patient)))
    [line] = [line for line in lines(patient) if line.get("path") == "/nowhere"]
    assert (line["event"], line["status"], line["outcome"]) == ("request", 404, "failed")
    assert "somebody" not in patient.log
    until(lambda: any(line.get("format") == "json" and line["rows"] == 3 for line in lines(patient)))
    assert figure(patient.url, 'cybilgraph_requests_total{route="other",status="404"}') == 1


def test_server_without_answering_workers_is_not_ready(served: running_server) -> None:
    fork_server, workers = fork_server_of(served.process.pid)
    for process in (fork_server, *workers):
        os.kill(process, signal.SIGSTOP)
    until(lambda: "does not respond" in get(f"{served.url}/readyz")[1])
    assert get(f"{served.url}/healthz")[0] == 200
    until(lambda: "loaded again" in get(f"{served.url}/readyz")[1])
    until(lambda: get(f"{served.url}/readyz")[0] == 200)
    assert not any(map(lives, (fork_server, *workers)))
