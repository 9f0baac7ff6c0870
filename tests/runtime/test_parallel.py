"""Functions done in other processes: values, faults, and processes that are lost."""

from __future__ import annotations

import gc
import os
import signal
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cybilgraph.cli.common import Command
from cybilgraph.errors import SourceError
from cybilgraph.runtime.parallel import ProcessPool


def lost(parent: int) -> int:
    """The number of the process; of any other than the parent, only when it is too late."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def refuse(name: str) -> None:
    raise SourceError(f"{name}: damaged", "Mend it.")


def test_work_is_done_elsewhere_and_its_faults_come_back() -> None:
    with ProcessPool() as crew:
        assert crew.submit(os.getpid).result() != os.getpid()
        with pytest.raises(FileNotFoundError):
            crew.submit(os.listdir, "/nowhere").result()
        with pytest.raises(SourceError, match="Mend it"):
            crew.submit(refuse, "a.txt").result()


def test_what_a_lost_process_had_to_do_is_done_all_the_same() -> None:
    with ProcessPool() as crew:
        assert crew.submit(lost, os.getpid()).result() == os.getpid()
        assert crew.submit(os.path.basename, Path("/a/b")).result() == "b"


def interrupted() -> None:
    with ProcessPool() as crew:
        assert crew.submit(os.getpid).result()
        crew.submit(time.sleep, 60)
        time.sleep(0.2)  # it is under way
        raise KeyboardInterrupt


@pytest.mark.timeout(60)
def test_a_failed_block_waits_for_nothing() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_an_interrupted_command_ends_as_one() -> None:
    @click.command(cls=Command)
    def stopped() -> None:
        raise KeyboardInterrupt

    done = CliRunner().invoke(stopped)
    assert (done.exit_code, done.output) == (130, "Aborted!\n")


def test_worker_collects_garbage_less_often_after_its_first_task() -> None:
    with ProcessPool() as pool:
        frozen = [pool.submit(gc.get_freeze_count).result() for _ in range(pool.size + 1)]
        threshold = pool.submit(gc.get_threshold).result()[0]
    assert any(frozen)
    assert threshold > 10_000  # Python starts with 2,000 or less; this process may have been changed by other tests
