"""Long queries take turns, so that no caller waits for the whole of another's work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import pytest

from cybilgraph.errors import QueryTimeout
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.queries import SLOW, asking

pytestmark = pytest.mark.slow

#: Takes some tenths of a second.
HEAVY = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"


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
