"""A fork server that ends or hangs is replaced, and callers learn the reason meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.runtime import fork_server
from cybilgraph.runtime.pool import ForkServerState, Pool, PoolLimits, WorkerDied
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.pools import WORK

pytestmark = pytest.mark.slow

JSON = (BY_NAME["json"],)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A pool of one worker that has answered a request."""
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(1))
    assert pool.ask({}, WORK, seconds=60)
    yield pool
    pool.close()


def until(pool: Pool, state: ForkServerState) -> None:
    end = time.monotonic() + 30
    while pool.state is not state:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_hanging_fork_server_is_unresponsive_and_then_replaced(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "_SLOW_SECONDS", 0.05)
    before = pool._fork_server._process
    os.kill(before.pid, signal.SIGSTOP)
    [worker] = pool.processes
    pool._fork_server.send(worker, signal.SIGCONT)
    until(pool, ForkServerState.UNRESPONSIVE)
    assert pool.ask({}, WORK, seconds=60), "its workers still answer"
    monkeypatch.setattr(fork_server, "_MAX_SILENT_SECONDS", 0.05)
    until(pool, ForkServerState.RELOADING)
    until(pool, ForkServerState.READY)
    assert pool.ask({}, WORK, seconds=60)
    assert before.poll() == -signal.SIGKILL
    assert worker not in pool.processes


def test_caller_gets_a_worker_after_a_hanging_fork_server_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "_MAX_SILENT_SECONDS", 0.5)
    [worker] = pool.processes
    os.kill(worker, signal.SIGKILL)
    os.kill(pool._fork_server._process.pid, signal.SIGSTOP)
    with suppress(WorkerDied):  # if the pool has not noticed yet
        pool.ask({}, WORK, seconds=60)
    assert pool.ask({}, WORK, seconds=60)


def test_commands_to_a_hanging_fork_server_do_not_block(pool: Pool) -> None:
    os.kill(pool._fork_server._process.pid, signal.SIGSTOP)
    [worker] = pool.processes
    for _ in range(2_000):  # more than the socket buffer takes
        pool._fork_server.send(worker, signal.SIGCONT)
    os.kill(pool._fork_server._process.pid, signal.SIGCONT)
    assert pool.ask({}, WORK, seconds=60)


def test_caller_learns_that_data_is_being_reloaded(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    engine.answer("ASK {}", JSON)
    engine._pool._fork_server._process.kill()
    until(engine._pool, ForkServerState.RELOADING)
    os.kill(engine._pool._fork_server._process.pid, signal.SIGSTOP)  # keeps loading
    with pytest.raises(EngineUnavailable, match="loaded again"):
        engine.answer("ASK {}", JSON, 0.1)
    assert "loaded again" in engine.trouble
    os.kill(engine._pool._fork_server._process.pid, signal.SIGCONT)
    assert engine.answer("ASK {}", JSON, 60).content
    assert not engine.trouble
    engine.close()


@pytest.mark.timeout(60)
def test_time_limit_includes_the_reload(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    engine.answer("ASK {}", JSON)
    engine._pool._fork_server._process.kill()
    until(engine._pool, ForkServerState.RELOADING)
    fork_server = engine._pool._fork_server._process.pid
    os.kill(fork_server, signal.SIGSTOP)
    threading.Timer(1.2, os.kill, (fork_server, signal.SIGCONT)).start()
    heavy = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    with pytest.raises(EngineUnavailable, match="loaded"):  # not a timeout with advice on the query
        engine.answer(heavy, JSON, 4)
    with pytest.raises(QueryTimeout):
        engine.answer(heavy, JSON, 1)
    engine.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("free_startup", [True, False])
def test_first_load_counts_unless_startup_is_free(release: Release, free_startup: bool) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, free_startup=free_startup))
    os.kill(engine._pool._fork_server._process.pid, signal.SIGSTOP)
    threading.Timer(3, os.kill, (engine._pool._fork_server._process.pid, signal.SIGCONT)).start()
    if free_startup:
        assert engine.answer("ASK {}", JSON, 1).content
    else:
        assert "being loaded" in engine.trouble
        with pytest.raises(EngineUnavailable, match="being loaded"):
            engine.answer("ASK {}", JSON, 1)
    engine.close()
