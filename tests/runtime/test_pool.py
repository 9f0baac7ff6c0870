"""A pool stops and replaces its workers within their limits, and keeps long work from delaying others."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.release import Release
from cybilgraph.runtime.pool import Busy, Caller, Pool, PoolLimits, ProcessExit, WorkerCrashed, WorkerDied
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.operations import until
from tests.support.pools import SLEEP, WORK, parent_process
from tests.support.queries import CSV, SLOW, asking

pytestmark = pytest.mark.slow

#: Takes some tenths of a second.
HEAVY = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"


def growing(size: int) -> bytes:
    """Work that takes so many bytes of memory, and does not end by itself."""
    return pickle.dumps((exec, (f"import time; data = b'x' * {size}; time.sleep(300)",), {}))


@pytest.mark.timeout(180)
def test_largest_work_is_stopped_if_all_long_work_uses_too_much_memory() -> None:
    limits = PoolLimits(1, max_long=2, max_long_bytes=500_000_000)
    pool = Pool("cybilgraph.runtime.parallel", (), limits)
    with ThreadPoolExecutor(2) as threads:
        callers = [Caller("small"), Caller("large")]
        small, large = (
            threads.submit(pool.ask, {}, growing(size), seconds=150, caller=caller)
            for size, caller in zip((100_000_000, 450_000_000), callers, strict=True)
        )
        until(large.done)
        with pytest.raises(WorkerCrashed):
            large.result()
        assert not small.done()
        callers[0].leave()
    pool.close()


@pytest.mark.timeout(180)
def test_newest_work_of_the_caller_with_the_most_is_stopped_if_too_much_is_long() -> None:
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1, max_long=2))
    with ThreadPoolExecutor(4) as threads:

        def ask(name: str) -> tuple[Caller, Future[object]]:
            callers.append(Caller(name))
            return callers[-1], threads.submit(pool.ask, {}, SLEEP, seconds=150, caller=callers[-1])

        callers: list[Caller] = []
        _, first = ask("heavy")
        until(lambda: pool.load["long"] == 1)
        _, second = ask("heavy")
        until(lambda: pool.load["long"] == 2)
        _, other = ask("light")
        with pytest.raises(Busy):
            second.result(60)
        assert pool.load["long"] == 2
        _, third = ask("other heavy")  # none has more than this one
        with pytest.raises(Busy):
            third.result(60)
        assert not first.done()
        assert not other.done()
        for caller in callers:
            caller.leave()
    pool.close()


@pytest.mark.timeout(180)
def test_long_work_has_a_lower_priority_and_the_more_of_a_caller_the_lower() -> None:
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1, max_long=9))
    assert pool.ask({}, WORK, seconds=60)
    usual = psutil.Process(pool.processes[0]).nice()
    callers = [Caller("heavy") for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        for number, caller in enumerate(callers):
            threads.submit(pool.ask, {}, SLEEP, seconds=150, caller=caller)
            until(lambda number=number: pool.load["long"] == number + 1)
        until(lambda: len(pool.processes) == 4)  # with a new one for short work
        raised = sorted(psutil.Process(process).nice() - usual for process in pool.processes)
        assert raised[0] == 0 < raised[1] < raised[2] < raised[3]
        for caller in callers:
            caller.leave()
    pool.close()


#: Work that takes more than half a second of processor time, nearly all of it in the kernel.
IN_KERNEL = """
import os
with open("/dev/zero", "rb", buffering=0) as zeros:
    buffer = bytearray(1 << 26)
    while os.times().system < 0.7:
        zeros.readinto(buffer)
"""


@pytest.mark.timeout(180)
def test_time_in_the_kernel_does_not_make_work_long() -> None:
    """A new process needs it to copy the pages of the store, whatever its first query is."""
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1, max_long=1, long_after=0.5))

    def is_kept() -> bool:
        pool.ask({}, WORK, seconds=60)
        before = pool.processes
        pool.ask({}, pickle.dumps((exec, (IN_KERNEL, {}), {})), seconds=60)
        return pool.processes == before

    assert any(is_kept() for _ in range(20))  # on a busy machine, work may be long by the time that has passed
    pool.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("max_long", [0, 1])
def test_worker_outlives_a_caller_that_leaves_unless_its_work_is_long(max_long: int) -> None:
    """Starting another one would take longer than short work."""
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1, max_long=max_long, long_after=1))
    pool.ask({}, WORK, seconds=60)
    before = pool.processes
    with ThreadPoolExecutor(1) as threads:
        for work in (pickle.dumps((time.sleep, (0.5,), {})), SLEEP):
            caller = Caller()
            asked = threads.submit(pool.ask, {}, work, seconds=150, caller=caller)
            until(lambda: pool.load["quick"] == 1)
            caller.leave()
            assert bool(asked.exception()) is (work is SLEEP)
            assert (pool.processes == before) is (work is not SLEEP)
    pool.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("hogs", [["hog", "other hog"], ["hog"] * 6])
def test_caller_without_long_queries_is_answered_during_those_of_others(release: Release, hogs: list[str]) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=60))) as queries:
        heavy = [queries.ask(name, SLOW) for name in hogs]
        queries.wait(long=len(hogs))
        answer = queries.ask("light", HEAVY).result()
        assert not any(query.done() for query in heavy)
        assert int(answer.content.split()[1]) > 100_000


@pytest.mark.timeout(180)
def test_caller_that_uses_its_share_of_workers_leaves_one_for_others(release: Release) -> None:
    limits = QueryLimits(timeout=60, workers=2, per_caller=1, long_workers=0)
    with asking(EmbeddedEngine(release.store, limits)) as queries:
        heavy = [queries.ask("hog", SLOW) for _ in range(2)]
        queries.wait(quick=1, waiting=1)
        assert queries.ask("other", "ASK {}").result().content
        assert not any(query.done() for query in heavy)


def test_long_queries_keep_their_deadline(release: Release) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1))) as queries:
        heavy = [queries.ask("hog", SLOW), queries.ask("other", SLOW)]
        assert all(isinstance(query.exception(), QueryTimeout) for query in heavy)


def test_error_of_a_query_stopped_for_others_suggests_trying_again(release: Release) -> None:
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=60, long_workers=1))) as queries:
        queries.ask("hog", SLOW)
        queries.wait(long=1)
        with pytest.raises(EngineUnavailable, match="busy") as error:
            queries.ask("other", SLOW).result()
        assert "Try again" in error.value.hint


def test_long_query_frees_its_short_slot_after_it_has_begun_to_answer(release: Release) -> None:
    # The engine evaluates the last part of a UNION first.
    query = f"SELECT ?a ?s ?n {{ {{ {SLOW} }} UNION {{ ?a ?b ?c . ?s a cyb:Country }} }}"
    with asking(EmbeddedEngine(release.store, QueryLimits(timeout=20, workers=1, long_workers=1))) as queries:
        queries.ask("hog", query)
        queries.wait(long=1)
        assert queries.engine.answer("ASK {}", CSV, timeout=2).content


def test_process_ids_are_known_before_the_first_query(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=2))
    until(lambda: len(engine.processes) == 2)
    engine.close()
    assert engine.processes == []


def test_unexpected_process_exits_are_reported() -> None:
    exits: list[ProcessExit] = []
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1), exits.append)

    def maintain_until(condition: Callable[[], object]) -> None:
        until(lambda: pool.maintain() or condition())

    with pytest.raises(TimeoutError):
        pool.ask({}, SLEEP, seconds=0.5)
    assert pool.ask({}, WORK, seconds=60)
    [worker] = pool.processes
    assert not exits, "stopping a worker at its deadline is expected"
    os.kill(worker, signal.SIGSEGV)
    maintain_until(lambda: exits)
    assert (exits[0].process, exits[0].how) == (worker, "signal SIGSEGV")
    maintain_until(lambda: pool.processes not in ([], [worker]))
    fork_server = parent_process(pool.processes[0])
    os.kill(fork_server, signal.SIGKILL)
    maintain_until(lambda: len(exits) > 1)
    assert (exits[1].process, exits[1].how) == (fork_server, "signal SIGKILL")
    assert pool.ask({}, WORK, seconds=60)
    assert parent_process(pool.processes[0]) != fork_server
    pool.close()
    assert len(exits) == 2
    assert ProcessExit("It", 1, 3, "nothing").how == "exit code 3"


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1))
    yield pool
    pool.close()


def work(function: Callable[..., object], *arguments: object) -> bytes:
    return pickle.dumps((function, arguments, {}))


@pytest.mark.timeout(180)
def test_crash_of_a_worker_is_distinguished_from_other_ends(pool: Pool) -> None:
    with pytest.raises(WorkerCrashed):
        pool.ask({}, work(os.abort), seconds=60)
    with pytest.raises(WorkerDied) as error:
        pool.ask({}, work(signal.raise_signal, signal.SIGKILL), seconds=60)
    assert not isinstance(error.value, WorkerCrashed)
    assert pool.ask({}, WORK, seconds=60)


@pytest.mark.timeout(180)
def test_worker_is_replaced_after_its_deadline(pool: Pool) -> None:
    assert pool.ask({}, WORK, seconds=60)
    [slow] = pool.processes
    with pytest.raises(TimeoutError):
        pool.ask({}, work(time.sleep, 300), seconds=0.3)
    assert pool.ask({}, WORK, seconds=60)
    assert slow not in pool.processes


@pytest.mark.timeout(180)
def test_work_that_waited_for_half_of_its_time_is_refused_instead_of_stopped(pool: Pool) -> None:
    assert pool.ask({}, WORK, seconds=60)
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(pool.ask, {}, work(time.sleep, 9), seconds=100)
        until(lambda: pool.load["quick"])
        with pytest.raises(Busy):  # otherwise it would start after 9 s, and be stopped at its deadline
            pool.ask({}, work(time.sleep, 300), seconds=10)
        assert not other.done()
