"""Long queries take turns: nobody waits for as long as another's work takes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.runtime.client import Worker
from cybilgraph.runtime.pool import Pool, PoolLimits
from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler
from cybilgraph.runtime.wire import COMMAND, FORK
from cybilgraph.sparql import Answer
from cybilgraph.sparql.embedded import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.pooled import PooledEngine
from tests.sparql.test_embedded import SLOW

#: Some tenths of a second.
HEAVY = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"
CSV = (BY_NAME["csv"],)
NOTHING = {"quick": 0, "waiting": 0, "long": 0, "paused": 0}


class Asked:
    """An engine that is asked in threads; at the end, who still waits leaves."""

    def __init__(self, engine: PooledEngine, threads: ThreadPoolExecutor) -> None:
        self.engine, self._threads, self.callers = engine, threads, list[Caller]()

    def ask(self, name: str, query: str) -> Future[Answer]:
        self.callers.append(Caller(name))
        return self._threads.submit(self.engine.answer, query, CSV, caller=self.callers[-1])

    def wait(self, **load: int) -> None:
        """Until so many queries are in work so."""
        until = time.monotonic() + 15
        while not load.items() <= self.engine.load.items() and time.monotonic() < until:
            time.sleep(0.02)
        assert load.items() <= self.engine.load.items()


@contextmanager
def asking(engine: PooledEngine) -> Iterator[Asked]:
    engine.answer("ASK {}", CSV)
    with ThreadPoolExecutor(16) as threads:
        asked = Asked(engine, threads)
        try:
            yield asked
        finally:
            for caller in asked.callers:
                caller.leave()
            engine.close()
    assert engine.load == NOTHING


@pytest.mark.parametrize("hogs", [["hog", "other hog"], ["hog"] * 6])
def test_who_has_no_query_in_work_gets_a_place_soon(release: Release, hogs: list[str]) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=20))) as asked:
        heavy = [asked.ask(name, SLOW) for name in hogs]
        asked.wait(long=2, paused=len(hogs) - 2)
        answer = asked.ask("light", HEAVY).result()
        assert not any(query.done() for query in heavy)
        assert int(answer.content.split()[1]) > 100_000
        asked.wait(long=2, paused=len(hogs) - 2)


def test_what_is_paused_keeps_its_deadline(release: Release) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long=1))) as asked:
        heavy = [asked.ask("hog", SLOW), asked.ask("other", SLOW)]
        assert all(isinstance(query.exception(), QueryTimeout) for query in heavy)


def test_what_holds_too_much_to_be_paused_gives_way(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = QueryLimits(timeout=60, workers=1, long=1)
    arguments = (str(release.store), "", "", str(limits.memory), str(limits.answer), "")
    pool = Pool("cybilgraph.sparql.query_worker", arguments, PoolLimits(quick=1, long=1, memory=1))
    with asking(PooledEngine("", "", limits, pool)) as asked:
        heavy = asked.ask("hog", SLOW)
        asked.wait(long=1)
        [large] = pool._all - set(pool._idle)
        monkeypatch.setattr(Worker, "held", property(lambda worker: 256_000_000 * (worker is large)))
        light = asked.ask("light", SLOW)
        with pytest.raises(EngineUnavailable, match="busy"):
            heavy.result(30)
        assert not light.done()


def test_what_begins_to_answer_and_then_takes_long_gives_its_quick_place_back(release: Release) -> None:
    # What stands last in a UNION comes first.
    query = f"SELECT ?a ?s ?n {{ {{ {SLOW} }} UNION {{ ?a ?b ?c . ?s a cyb:Country }} }}"
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=20, workers=1, long=1))) as asked:
        asked.ask("hog", query)
        asked.wait(long=1)
        assert asked.engine.answer("ASK {}", CSV, timeout=2).content


def test_of_one_client_what_has_begun_goes_on_first() -> None:
    turns = Scheduler(1, waiting=2)
    left, hog = Caller("light"), [Caller("hog") for _ in range(3)]
    turns.enter(left, time.monotonic())
    with ThreadPoolExecutor(3) as threads:
        entering = []
        for number, caller in enumerate(hog):
            begun = number == 2  # the third that waits: what has begun is not refused
            entering.append(threads.submit(turns.enter, caller, time.monotonic() + 5, begun=begun))
            while turns.used[1] <= number:
                time.sleep(0.001)
        with pytest.raises(Busy):
            turns.enter(Caller("hog"), time.monotonic())
        turns.leave(left)
        entering[2].result()
        assert not any(each.done() for each in entering[:2])
        for caller in (hog[2], hog[0], hog[1]):
            turns.leave(caller)


def test_who_has_left_gets_no_place() -> None:
    turns, caller = Scheduler(1), Caller("gone")
    caller.leave()
    with pytest.raises(Busy):
        turns.enter(caller, time.monotonic() + 1)
    assert turns.used == (0, 0)


def test_one_client_has_no_more_places_than_it_may() -> None:
    turns = Scheduler(3, each=2)
    hog = [Caller("hog") for _ in range(3)]
    for caller in hog[:2]:
        turns.enter(caller, time.monotonic())
    with ThreadPoolExecutor(1) as threads:
        entering = threads.submit(turns.enter, hog[2], time.monotonic() + 60)
        while not turns.used[1]:
            time.sleep(0.001)
        light = Caller("light")
        for _ in range(2):
            turns.enter(light, time.monotonic())
            turns.leave(light)
        assert not entering.done()
        turns.leave(hog[0])
        entering.result()
    assert turns.used == (2, 0)
    for caller in hog[1:]:
        turns.leave(caller)
    for name in "abc":
        turns.enter(Caller(name), time.monotonic())
    assert turns.used == (3, 0)


class Queue:
    """Callers that wait for the places of a scheduler, each in a thread, until the block ends."""

    def __init__(self, turns: Scheduler, threads: ThreadPoolExecutor) -> None:
        self.turns, self._threads = turns, threads

    def join(self, name: str) -> Future[None]:
        """Wait as a client of this name; returns once it is in the queue."""
        before = self.turns.used[1]
        entering = self._threads.submit(self.turns.enter, Caller(name), time.monotonic() + 250)
        while self.turns.used[1] == before:
            time.sleep(0.001)
        return entering


def serve(turns: Scheduler, holder: str, waiting: list[tuple[str, Future[None]]]) -> Iterator[str]:
    """Give the only place on, from its holder to each that waits; yields the name of each that gets it."""
    while waiting:
        turns.leave(Caller(holder))
        done = wait([entered for _, entered in waiting], return_when=FIRST_COMPLETED).done
        ((holder, entered),) = [one for one in waiting if one[1] in done]
        waiting.remove((holder, entered))
        yield holder
    turns.leave(Caller(holder))


def test_clients_take_turns_however_many_requests_each_has_in_the_queue() -> None:
    turns = Scheduler(1)
    turns.enter(Caller("heavy"), 0)
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(turns, threads)
        waiting = [(name, queue.join(name)) for name in ("heavy", "heavy", "heavy", "other", "light", "other")]
        assert [*serve(turns, "heavy", waiting)] == ["heavy", "other", "light", "heavy", "other", "heavy"]
    assert turns.used == (0, 0)


def test_full_queue_has_room_for_a_client_with_fewer_requests_there() -> None:
    turns = Scheduler(1, waiting=3)
    turns.enter(Caller("heavy"), 0)
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(turns, threads)
        first, second, newest = (queue.join("heavy") for _ in range(3))
        light = threads.submit(turns.enter, Caller("light"), time.monotonic() + 250)
        with pytest.raises(Busy):
            newest.result(250)
        with pytest.raises(Busy):
            turns.enter(Caller("light"), time.monotonic() + 250)
        waiting = [("heavy", first), ("heavy", second), ("light", light)]
        assert [*serve(turns, "heavy", waiting)] == ["heavy", "light", "heavy"]
    assert turns.used == (0, 0)


def test_workers_are_known_before_they_have_worked(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=2))
    until = time.monotonic() + 10
    while len(engine.processes) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(engine.processes) == 2
    engine.close()
    assert engine.processes == []


_NURSERY = """
from cybilgraph.runtime.worker import run_fork_server
from cybilgraph.runtime.sandbox import Policy

def answer(head, content, send):
    try:
        while True:
            send(bytes(1_000_000))
    except OSError as error:
        return {"error": str(error)}, b""

run_fork_server(lambda: answer, 0, Policy())
"""


def test_a_worker_that_is_left_while_it_sends_ends_quietly() -> None:
    control, theirs = socket.socketpair()
    command = [sys.executable, "-c", _NURSERY]
    with subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE) as process, theirs, control:
        ours, connection = socket.socketpair()
        with ours, connection:
            socket.send_fds(control, [COMMAND.pack(FORK, 0)], [connection.fileno()])
            connection.close()
            worker = json.loads(ours.recv(1000))["pid"]
            ours.sendall(b'{"size": 0}\n')
            assert ours.recv(1000)
        while Path(f"/proc/{worker}/cmdline").read_bytes():  # which is empty when it has ended
            time.sleep(0.005)
        control.close()
        assert process.stderr
        assert process.stderr.read() == b""
