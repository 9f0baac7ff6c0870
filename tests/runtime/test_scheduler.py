"""Long queries take turns, so that no caller waits for the whole of another's work."""

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

#: Takes some tenths of a second.
HEAVY = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"
CSV = (BY_NAME["csv"],)
NOTHING = {"quick": 0, "waiting": 0, "long": 0, "paused": 0}


class Queries:
    """An engine that is queried in threads; at the end, callers that still wait leave."""

    def __init__(self, engine: PooledEngine, threads: ThreadPoolExecutor) -> None:
        self.engine, self._threads, self.callers = engine, threads, list[Caller]()

    def ask(self, name: str, query: str) -> Future[Answer]:
        self.callers.append(Caller(name))
        return self._threads.submit(self.engine.answer, query, CSV, caller=self.callers[-1])

    def wait(self, **load: int) -> None:
        """Wait until the engine has this load."""
        until = time.monotonic() + 15
        while not load.items() <= self.engine.load.items() and time.monotonic() < until:
            time.sleep(0.02)
        assert load.items() <= self.engine.load.items()


@contextmanager
def asking(engine: PooledEngine) -> Iterator[Queries]:
    engine.answer("ASK {}", CSV)
    with ThreadPoolExecutor(16) as threads:
        queries = Queries(engine, threads)
        try:
            yield queries
        finally:
            for caller in queries.callers:
                caller.leave()
            engine.close()
    assert engine.load == NOTHING


@pytest.mark.parametrize("hogs", [["hog", "other hog"], ["hog"] * 6])
def test_caller_without_running_queries_gets_a_slot_soon(release: Release, hogs: list[str]) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=20))) as queries:
        heavy = [queries.ask(name, SLOW) for name in hogs]
        queries.wait(long=2, paused=len(hogs) - 2)
        answer = queries.ask("light", HEAVY).result()
        assert not any(query.done() for query in heavy)
        assert int(answer.content.split()[1]) > 100_000
        queries.wait(long=2, paused=len(hogs) - 2)


def test_paused_query_keeps_its_deadline(release: Release) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long_workers=1))) as queries:
        heavy = [queries.ask("hog", SLOW), queries.ask("other", SLOW)]
        assert all(isinstance(query.exception(), QueryTimeout) for query in heavy)


def test_query_with_too_much_memory_to_pause_is_stopped(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = QueryLimits(timeout=60, workers=1, long_workers=1)
    arguments = (str(release.store), "", "", str(limits.memory), str(limits.answer), "")
    pool = Pool(
        "cybilgraph.sparql.query_worker", arguments, PoolLimits(short_slots=1, long_slots=1, max_paused_bytes=1)
    )
    with asking(PooledEngine("", "", limits, pool)) as queries:
        heavy = queries.ask("hog", SLOW)
        queries.wait(long=1)
        [large] = pool._all - set(pool._idle)
        monkeypatch.setattr(Worker, "memory_bytes", property(lambda worker: 256_000_000 * (worker is large)))
        light = queries.ask("light", SLOW)
        with pytest.raises(EngineUnavailable, match="busy"):
            heavy.result(30)
        assert not light.done()


def test_long_query_frees_its_short_slot_after_it_has_begun_to_answer(release: Release) -> None:
    # The engine evaluates the last part of a UNION first.
    query = f"SELECT ?a ?s ?n {{ {{ {SLOW} }} UNION {{ ?a ?b ?c . ?s a cyb:Country }} }}"
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=20, workers=1, long_workers=1))) as queries:
        queries.ask("hog", query)
        queries.wait(long=1)
        assert queries.engine.answer("ASK {}", CSV, timeout=2).content


def test_resumed_work_precedes_new_work_of_the_same_caller() -> None:
    scheduler = Scheduler(1, max_waiting=2)
    left, hog = Caller("light"), [Caller("hog") for _ in range(3)]
    scheduler.enter(left, time.monotonic())
    with ThreadPoolExecutor(3) as threads:
        entering = []
        for number, caller in enumerate(hog):
            resumes = number == 2  # exceeds the queue, but resumed work is not refused
            entering.append(threads.submit(scheduler.enter, caller, time.monotonic() + 5, resumes=resumes))
            while scheduler.used[1] <= number:
                time.sleep(0.001)
        with pytest.raises(Busy):
            scheduler.enter(Caller("hog"), time.monotonic())
        scheduler.leave(left)
        entering[2].result()
        assert not any(each.done() for each in entering[:2])
        for caller in (hog[2], hog[0], hog[1]):
            scheduler.leave(caller)


def test_caller_that_has_left_gets_no_slot() -> None:
    scheduler, caller = Scheduler(1), Caller("gone")
    caller.leave()
    with pytest.raises(Busy):
        scheduler.enter(caller, time.monotonic() + 1)
    assert scheduler.used == (0, 0)


def test_scheduler_limits_slots_per_caller() -> None:
    scheduler = Scheduler(3, max_per_caller=2)
    hog = [Caller("hog") for _ in range(3)]
    for caller in hog[:2]:
        scheduler.enter(caller, time.monotonic())
    with ThreadPoolExecutor(1) as threads:
        entering = threads.submit(scheduler.enter, hog[2], time.monotonic() + 60)
        while not scheduler.used[1]:
            time.sleep(0.001)
        light = Caller("light")
        for _ in range(2):
            scheduler.enter(light, time.monotonic())
            scheduler.leave(light)
        assert not entering.done()
        scheduler.leave(hog[0])
        entering.result()
    assert scheduler.used == (2, 0)
    for caller in hog[1:]:
        scheduler.leave(caller)
    for name in "abc":
        scheduler.enter(Caller(name), time.monotonic())
    assert scheduler.used == (3, 0)


class Queue:
    """Callers that wait for a scheduler, each in a thread, until the block ends."""

    def __init__(self, scheduler: Scheduler, threads: ThreadPoolExecutor) -> None:
        self.scheduler, self._threads = scheduler, threads

    def join(self, name: str) -> Future[None]:
        """Enter as a client of this name; return once it is in the queue."""
        before = self.scheduler.used[1]
        entering = self._threads.submit(self.scheduler.enter, Caller(name), time.monotonic() + 250)
        while self.scheduler.used[1] == before:
            time.sleep(0.001)
        return entering


def serve(scheduler: Scheduler, holder: str, waiting: list[tuple[str, Future[None]]]) -> Iterator[str]:
    """Pass the only slot from its holder to each waiting client, and yield the name of each that gets it."""
    while waiting:
        scheduler.leave(Caller(holder))
        done = wait([entered for _, entered in waiting], return_when=FIRST_COMPLETED).done
        ((holder, entered),) = [one for one in waiting if one[1] in done]
        waiting.remove((holder, entered))
        yield holder
    scheduler.leave(Caller(holder))


def test_clients_take_turns_however_many_requests_each_has_in_the_queue() -> None:
    scheduler = Scheduler(1)
    scheduler.enter(Caller("heavy"), 0)
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(scheduler, threads)
        waiting = [(name, queue.join(name)) for name in ("heavy", "heavy", "heavy", "other", "light", "other")]
        assert [*serve(scheduler, "heavy", waiting)] == ["heavy", "other", "light", "heavy", "other", "heavy"]
    assert scheduler.used == (0, 0)


def test_full_queue_has_room_for_a_client_with_fewer_requests_there() -> None:
    scheduler = Scheduler(1, max_waiting=3)
    scheduler.enter(Caller("heavy"), 0)
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(scheduler, threads)
        first, second, newest = (queue.join("heavy") for _ in range(3))
        light = threads.submit(scheduler.enter, Caller("light"), time.monotonic() + 250)
        with pytest.raises(Busy):
            newest.result(250)
        with pytest.raises(Busy):
            scheduler.enter(Caller("light"), time.monotonic() + 250)
        waiting = [("heavy", first), ("heavy", second), ("light", light)]
        assert [*serve(scheduler, "heavy", waiting)] == ["heavy", "light", "heavy"]
    assert scheduler.used == (0, 0)


def test_process_ids_are_known_before_the_first_query(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=2))
    until = time.monotonic() + 10
    while len(engine.processes) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(engine.processes) == 2
    engine.close()
    assert engine.processes == []


_FORK_SERVER = """
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


def test_worker_ends_quietly_when_its_client_leaves_while_it_sends() -> None:
    control, theirs = socket.socketpair()
    command = [sys.executable, "-c", _FORK_SERVER]
    with subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE) as process, theirs, control:
        ours, connection = socket.socketpair()
        with ours, connection:
            socket.send_fds(control, [COMMAND.pack(FORK, 0)], [connection.fileno()])
            connection.close()
            worker = json.loads(ours.recv(1000))["pid"]
            ours.sendall(b'{"size": 0}\n')
            assert ours.recv(1000)
        while Path(f"/proc/{worker}/cmdline").read_bytes():  # empty once the process has ended
            time.sleep(0.005)
        control.close()
        assert process.stderr
        assert process.stderr.read() == b""
