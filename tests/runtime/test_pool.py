"""A pool pauses, stops and replaces its workers within their limits."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from cybilgraph.release import Release
from cybilgraph.runtime.pool import Busy, Caller, Pool, PoolLimits, ProcessExit
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.operations import until
from tests.support.pools import SLEEP, WORK, parent_process
from tests.support.queries import CSV, SLOW, asking

#: Takes a long slot while it is small, then 300 MB, and does not end by itself.
GROWING = pickle.dumps((exec, ("import time; time.sleep(0.5); data = b'x' * 300_000_000; time.sleep(60)",), {}))


def test_work_with_too_much_memory_to_pause_is_stopped() -> None:
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(short_slots=1, long_slots=1, max_paused_bytes=1))
    with ThreadPoolExecutor(2) as threads:
        heavy = threads.submit(pool.ask, {}, GROWING, seconds=60, caller=Caller("heavy"))
        until(lambda: any(psutil.Process(worker).memory_info().rss > 300_000_000 for worker in pool.processes))
        assert pool.load["long"] == 1
        caller = Caller("light")
        light = threads.submit(pool.ask, {}, SLEEP, seconds=60, caller=caller)
        with pytest.raises(Busy):
            heavy.result(30)
        assert not light.done()
        caller.leave()
    pool.close()


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
