"""Functions in other processes: results, exceptions and lost processes."""

from __future__ import annotations

import gc
import os
import signal
import time
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cybilgraph.cli.common import Command
from cybilgraph.errors import SourceError
from cybilgraph.runtime.parallel import ProcessPool


def lost(parent: int) -> int:
    """Return the process id in the parent; in any other process, end it."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def refuse(name: str) -> None:
    raise SourceError(f"{name}: damaged", "Repair it.")


def test_pool_returns_results_and_exceptions_of_other_processes() -> None:
    with ProcessPool() as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        with pytest.raises(FileNotFoundError):
            pool.submit(os.listdir, "/nowhere").result()
        with pytest.raises(SourceError, match="Repair it"):
            pool.submit(refuse, "a.txt").result()


def test_processes_share_the_module_of_the_first_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os\nLOADED_BY = os.getpid()\ndef loads():\n    return LOADED_BY, os.getpid()\n"
    (tmp_path / "shared_module.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ProcessPool() as pool:
        loaded_by, worker = pool.submit(import_module("shared_module").loads).result()
    assert len({loaded_by, worker, os.getpid()}) == 3


def test_function_of_a_lost_process_is_repeated() -> None:
    with ProcessPool() as pool:
        assert pool.submit(lost, os.getpid()).result() == os.getpid()
        assert pool.submit(os.path.basename, Path("/a/b")).result() == "b"


def interrupted() -> None:
    with ProcessPool() as pool:
        assert pool.submit(os.getpid).result()
        pool.submit(time.sleep, 60)
        time.sleep(0.2)  # until it runs
        raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_failed_block_does_not_wait_for_running_functions() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_interrupted_command_exits_with_130() -> None:
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
