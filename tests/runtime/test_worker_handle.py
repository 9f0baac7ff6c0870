"""A client learns how its worker ended, and gets a new one for the next request."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from cybilgraph.runtime.pool import Pool, PoolLimits
from cybilgraph.runtime.worker_handle import WorkerCrashed, WorkerDied
from tests.support.pools import WORK


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
