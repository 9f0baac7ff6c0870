"""Callers take turns, whatever event loop or thread they are in."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress

import pytest

from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler, run_blocking


def enter(scheduler: Scheduler, caller: Caller, deadline: float = 0) -> None:
    run_blocking(scheduler.enter(caller, deadline))


def test_caller_that_has_left_gets_no_slot() -> None:
    scheduler, caller = Scheduler(1), Caller("gone")
    caller.leave()
    with pytest.raises(Busy):
        enter(scheduler, caller, time.monotonic() + 1)
    assert scheduler.used == (0, 0)


def test_scheduler_limits_slots_per_caller() -> None:
    scheduler = Scheduler(3, max_per_caller=2)
    hog = [Caller("hog") for _ in range(3)]
    for caller in hog[:2]:
        enter(scheduler, caller)
    with ThreadPoolExecutor(1) as threads:
        entering = threads.submit(enter, scheduler, hog[2], time.monotonic() + 60)
        while not scheduler.used[1]:
            time.sleep(0.001)
        light = Caller("light")
        for _ in range(2):
            enter(scheduler, light)
            scheduler.leave(light)
        assert not entering.done()
        scheduler.leave(hog[0])
        entering.result()
    assert scheduler.used == (2, 0)
    for caller in hog[1:]:
        scheduler.leave(caller)
    for name in "abc":
        enter(scheduler, Caller(name))
    assert scheduler.used == (3, 0)


class Queue:
    """Callers that wait for a scheduler, each in a thread, until the block ends."""

    def __init__(self, scheduler: Scheduler, threads: ThreadPoolExecutor) -> None:
        self.scheduler, self._threads = scheduler, threads

    def join(self, name: str) -> Future[None]:
        """Enter as a client of this name; return once it is in the queue."""
        before = self.scheduler.used[1]
        entering = self._threads.submit(enter, self.scheduler, Caller(name), time.monotonic() + 250)
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
    scheduler = Scheduler(1, clock=lambda: 0.0)
    enter(scheduler, Caller("heavy"))
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(scheduler, threads)
        waiting = [(name, queue.join(name)) for name in ("heavy", "heavy", "heavy", "other", "light", "other")]
        assert [*serve(scheduler, "heavy", waiting)] == ["heavy", "other", "light", "heavy", "other", "heavy"]
    assert scheduler.used == (0, 0)


@pytest.mark.parametrize(("pause", "expected"), [(0, ["light", "a", "b"]), (200, ["a", "b", "light"])])
def test_client_that_has_used_slots_least_lately_is_next(pause: float, expected: list[str]) -> None:
    now = 0.0
    scheduler = Scheduler(1, clock=lambda: now)
    for name in "abx":
        enter(scheduler, Caller(name))
        now += 0.1
        if name != "x":
            scheduler.leave(Caller(name))
    now += pause
    with ThreadPoolExecutor(3) as threads:
        queue = Queue(scheduler, threads)
        waiting = [(name, queue.join(name)) for name in ("a", "b", "light")]
        assert [*serve(scheduler, "x", waiting)] == expected


def test_client_does_not_wait_longer_than_it_has_used_slots() -> None:
    now = 0.0
    scheduler = Scheduler(1, clock=lambda: now)
    enter(scheduler, Caller("visitor"))
    now += 1
    scheduler.leave(Caller("visitor"))
    holder, served = "0", ["0"]
    enter(scheduler, Caller(holder))
    with ThreadPoolExecutor(2) as threads:
        queue = Queue(scheduler, threads)
        waiting = [("visitor", queue.join("visitor"))]
        while "visitor" not in served and len(served) < 100:  # always another client that has used nothing yet
            waiting.append((str(len(served)), queue.join(str(len(served)))))
            now += 0.1
            served.append(holder := next(serve(scheduler, holder, waiting)))
        [*serve(scheduler, holder, waiting)]
    assert 5 < served.index("visitor") <= 10


def test_full_queue_has_room_for_a_client_with_fewer_requests_there() -> None:
    scheduler = Scheduler(1, max_waiting=3, clock=lambda: 0.0)
    enter(scheduler, Caller("heavy"))
    with ThreadPoolExecutor(8) as threads:
        queue = Queue(scheduler, threads)
        first, second, newest = (queue.join("heavy") for _ in range(3))
        light = threads.submit(enter, scheduler, Caller("light"), time.monotonic() + 250)
        with pytest.raises(Busy):
            newest.result(250)
        with pytest.raises(Busy):
            enter(scheduler, Caller("light"), time.monotonic() + 250)
        waiting = [("heavy", first), ("heavy", second), ("light", light)]
        assert [*serve(scheduler, "heavy", waiting)] == ["heavy", "light", "heavy"]
    assert scheduler.used == (0, 0)


def test_caller_on_an_event_loop_can_wait_and_be_cancelled() -> None:
    scheduler, holder = Scheduler(1), Caller("holder")

    async def wait_in_vain() -> None:
        await scheduler.enter(holder, time.monotonic())
        waiting = asyncio.create_task(scheduler.enter(Caller("other"), time.monotonic() + 250))
        await asyncio.sleep(0)
        assert scheduler.used == (1, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run_blocking(wait_in_vain())
    assert scheduler.used == (1, 0)
    scheduler.leave(holder)
    assert scheduler.used == (0, 0)


def test_blocking_call_works_where_an_event_loop_runs() -> None:
    """As in a notebook."""
    scheduler = Scheduler(1)

    async def cell() -> None:
        enter(scheduler, Caller("notebook"), time.monotonic() + 1)

    asyncio.run(cell())
    assert scheduler.used == (1, 0)


def test_failed_blocking_call_leaves_nothing_in_memory() -> None:
    """Otherwise the bodies of refused requests would stay until the next full garbage collection."""

    class Body:
        pass

    async def fail(body: Body) -> None:
        await asyncio.sleep(0)
        raise Busy

    def call() -> weakref.ref[Body]:
        body = Body()
        with suppress(Busy):
            run_blocking(fail(body))
        return weakref.ref(body)

    gc.disable()
    try:
        assert call()() is None
    finally:
        gc.enable()
