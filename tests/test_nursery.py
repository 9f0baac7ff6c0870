"""The process that forks workers: one that ends or hangs is replaced, and who asks meanwhile is told."""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cybilgraph.engine.embedded import EmbeddedEngine, Limits
from cybilgraph.errors import EngineUnavailable
from cybilgraph.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.workers import nursery
from cybilgraph.workers.memory import private
from cybilgraph.workers.pool import Died, Lanes, Pool, State

JSON = (BY_NAME["json"],)
WORK = pickle.dumps((os.getpid, (), {}))


@pytest.fixture
def pool() -> Iterator[Pool]:
    """One worker, which has worked."""
    pool = Pool("cybilgraph.workers.crew", (), Lanes(1))
    assert pool.ask({}, WORK, seconds=60)
    yield pool
    pool.close()


def until(pool: Pool, state: State) -> None:
    end = time.monotonic() + 30
    while pool.state is not state:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_hangs_is_told_of_and_then_replaced(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "_SLOW", 0.05)
    before = pool._nursery._process
    os.kill(before.pid, signal.SIGSTOP)
    [worker] = pool.processes
    pool._nursery.send(worker, signal.SIGCONT)
    until(pool, State.SILENT)
    assert pool.ask({}, WORK, seconds=60), "its workers work on"
    monkeypatch.setattr(nursery, "_SILENT", 0.05)
    until(pool, State.AGAIN)
    until(pool, State.WELL)
    assert pool.ask({}, WORK, seconds=60)
    assert before.poll() == -signal.SIGKILL
    assert worker not in pool.processes


def test_who_waits_for_a_worker_of_one_that_hangs_gets_one(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "_SILENT", 0.5)
    [worker] = pool.processes
    os.kill(worker, signal.SIGKILL)
    os.kill(pool._nursery._process.pid, signal.SIGSTOP)
    with suppress(Died):  # if that was not seen yet
        pool.ask({}, WORK, seconds=60)
    assert pool.ask({}, WORK, seconds=60)


def test_orders_that_nobody_takes_hold_nobody_up(pool: Pool) -> None:
    os.kill(pool._nursery._process.pid, signal.SIGSTOP)
    [worker] = pool.processes
    for _ in range(2_000):  # more than a socket holds
        pool._nursery.send(worker, signal.SIGCONT)
    os.kill(pool._nursery._process.pid, signal.SIGCONT)
    assert pool.ask({}, WORK, seconds=60)


def test_while_what_was_lost_is_loaded_again_who_asks_is_told(release: Release) -> None:
    engine = EmbeddedEngine(release.store, Limits(workers=1))
    engine.answer("ASK {}", JSON)
    engine._pool._nursery._process.kill()
    until(engine._pool, State.AGAIN)
    os.kill(engine._pool._nursery._process.pid, signal.SIGSTOP)  # it loads, and loads
    with pytest.raises(EngineUnavailable, match="loaded again"):
        engine.answer("ASK {}", JSON, 0.1)
    assert "loaded again" in engine.trouble
    os.kill(engine._pool._nursery._process.pid, signal.SIGCONT)
    assert engine.answer("ASK {}", JSON, 60).content
    assert not engine.trouble
    engine.close()


def test_what_a_process_only_might_use_is_not_its_own() -> None:
    before = private(os.getpid())
    with mmap.mmap(-1, 100_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as room:
        assert private(os.getpid()) < before + 50_000_000
        for page in range(0, len(room), mmap.PAGESIZE):
            room[page] = 1
        assert private(os.getpid()) > before + 90_000_000
