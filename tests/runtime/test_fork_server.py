"""A fork server that ends or hangs is replaced, and callers learn the reason meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.runtime.fork_server import ForkServer, ProcessExit
from cybilgraph.runtime.pool import ForkServerState, Pool, PoolLimits, WorkerDied
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.operations import until
from tests.support.pools import SLEEP, WORK, NewForkServer, parent_process

pytestmark = pytest.mark.slow

JSON = (BY_NAME["json"],)


def resume_after(seconds: float, process: int) -> None:
    def resume() -> None:
        with suppress(ProcessLookupError):  # the engine may have been closed meanwhile
            os.kill(process, signal.SIGCONT)

    threading.Timer(seconds, resume).start()


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A pool of two workers that are ready."""
    pool = Pool("cybilgraph.runtime.parallel", (), PoolLimits(2))
    until(lambda: len(pool.processes) == 2)
    yield pool
    pool.close()


def test_hanging_fork_server_is_unresponsive_and_then_replaced(pool: Pool) -> None:
    before = pool.processes
    fork_server = parent_process(before[0])
    os.kill(fork_server, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        pool.ask({}, SLEEP, seconds=0.1)  # the fork server should kill and replace this worker
    until(lambda: pool.state is ForkServerState.UNRESPONSIVE)
    assert pool.ask({}, WORK, seconds=60), "the other worker still answers"
    until(lambda: pool.state is ForkServerState.RELOADING)
    until(lambda: pool.state is ForkServerState.READY)
    assert pool.ask({}, WORK, seconds=60)
    assert not psutil.pid_exists(fork_server)
    until(lambda: len(pool.processes) == 2)
    assert not {*before} & {*pool.processes}


def test_caller_gets_a_worker_after_a_hanging_fork_server_is_replaced(pool: Pool) -> None:
    workers = pool.processes
    fork_server = parent_process(workers[0])
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    os.kill(fork_server, signal.SIGSTOP)
    for _ in workers:
        with suppress(WorkerDied):  # if the pool has not noticed yet that this one has ended
            pool.ask({}, WORK, seconds=60)
    assert pool.ask({}, WORK, seconds=60)


def test_commands_to_a_hanging_fork_server_do_not_block() -> None:
    fork_server = ForkServer("cybilgraph.runtime.parallel", (), os.environ)
    connection, process = fork_server.fork()
    with connection:
        until(lambda: fork_server.state is ForkServerState.READY)
        process.send_signal(signal.SIGSTOP)
        for _ in range(2_000):  # more than the socket buffer takes
            fork_server.send(process.pid, signal.SIGCONT)
        process.send_signal(signal.SIGCONT)
        assert connection.recv(100), "the worker announces itself"
    fork_server.close()
    assert process.returncode is not None


def test_caller_learns_that_data_is_being_reloaded(release: Release) -> None:
    fork_server = NewForkServer()
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    engine.answer("ASK {}", JSON)
    fork_server.kill()
    until(lambda: "loaded again" in engine.trouble)
    process = fork_server.suspend()  # keeps loading
    with pytest.raises(EngineUnavailable, match="loaded again"):
        engine.answer("ASK {}", JSON, 0.1)
    assert "loaded again" in engine.trouble
    os.kill(process, signal.SIGCONT)
    assert engine.answer("ASK {}", JSON, 60).content
    assert not engine.trouble
    engine.close()


@pytest.mark.timeout(180)
def test_time_limit_includes_the_reload(release: Release) -> None:
    fork_server = NewForkServer()
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    engine.answer("ASK {}", JSON)
    fork_server.kill()
    until(lambda: "loaded again" in engine.trouble)
    resume_after(2.5, fork_server.suspend())
    heavy = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    with pytest.raises(EngineUnavailable, match="loaded"):  # not a timeout with advice on the query
        engine.answer(heavy, JSON, 8)
    with pytest.raises(QueryTimeout):
        engine.answer(heavy, JSON, 1)
    engine.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("free_startup", [True, False])
def test_first_load_counts_unless_startup_is_free(release: Release, free_startup: bool) -> None:
    fork_server = NewForkServer()
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, free_startup=free_startup))
    resume_after(3, fork_server.suspend())
    if free_startup:
        assert engine.answer("ASK {}", JSON, 1).content
    else:
        assert "being loaded" in engine.trouble
        with pytest.raises(EngineUnavailable, match="being loaded"):
            engine.answer("ASK {}", JSON, 1)
    engine.close()


@pytest.mark.parametrize(("code", "how"), [(-9, "signal SIGKILL"), (1, "exit code 1"), (-999, "signal 999")])
def test_exit_is_described_by_its_signal_or_code(code: int, how: str) -> None:
    assert str(ProcessExit("A worker", 7, code, "it was replaced")) == (
        f"A worker (process 7) ended by {how}: it was replaced"
    )
