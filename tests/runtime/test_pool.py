"""A pool pauses, stops and replaces its workers within their limits."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable

import pytest

from cybilgraph.errors import EngineUnavailable
from cybilgraph.release import Release
from cybilgraph.runtime.pool import Pool, PoolLimits, ProcessExit
from cybilgraph.runtime.worker_handle import Worker
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.pooled_engine import PooledEngine
from tests.support.pools import WORK
from tests.support.queries import CSV, SLOW, asking


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


def test_process_ids_are_known_before_the_first_query(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=2))
    until = time.monotonic() + 10
    while len(engine.processes) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(engine.processes) == 2
    engine.close()
    assert engine.processes == []


def test_unexpected_process_exits_are_reported() -> None:
    exits: list[ProcessExit] = []
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1), exits.append)

    def maintain_until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + 30
        while not condition():
            pool.maintain()
            assert time.monotonic() < end
            time.sleep(0.05)

    with pytest.raises(TimeoutError):
        pool.ask({}, pickle.dumps((time.sleep, (60,), {})), seconds=0.5)
    assert pool.ask({}, WORK, seconds=60)
    [worker] = pool.processes
    assert not exits, "stopping a worker at its deadline is expected"
    os.kill(worker, signal.SIGSEGV)
    maintain_until(lambda: exits)
    assert (exits[0].process, exits[0].how) == (worker, "signal SIGSEGV")
    maintain_until(lambda: pool.processes not in ([], [worker]))
    fork_server = pool._fork_server._process.pid
    os.kill(fork_server, signal.SIGKILL)
    maintain_until(lambda: len(exits) > 1)
    assert (exits[1].process, exits[1].how) == (fork_server, "signal SIGKILL")
    assert pool._fork_server._process.pid != fork_server
    pool.close()
    assert len(exits) == 2
    assert ProcessExit("It", 1, 3, "nothing").how == "exit code 3"
