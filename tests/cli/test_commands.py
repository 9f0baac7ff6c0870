"""Commands show their help; a forked one behaves like a started one, so that tests of the command line may fork."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from cybilgraph.cli import main
from tests.conftest import SEED
from tests.support.commands import forked

_STARTED = [sys.executable, "-c", "import sys; sys.argv[0] = 'cybilgraph'; from cybilgraph.cli import main; main()"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "-", "-f", "json"],
        ["check", "nowhere"],
        ["convert", "here.txt"],
        ["check", "--lang", "de"],
    ],
    ids=" ".join,
)
def test_forked_and_started_commands_print_the_same(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    (tmp_path / "here.txt").write_text("A project\n\nSummary\n\nIt helps Fiji.\n", encoding="utf-8")
    here = forked(arguments, SEED.read_bytes(), tmp_path, 100)
    there = subprocess.run([*_STARTED, *arguments], input=SEED.read_bytes(), capture_output=True, cwd=tmp_path)
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)
    assert here.stdout or here.stderr


def test_forked_command_is_stopped_at_its_timeout() -> None:
    others = set(multiprocessing.active_children())  # servers of other tests
    with pytest.raises(subprocess.TimeoutExpired):
        forked(["check", "-"], SEED.read_bytes(), Path(), 0)
    assert set(multiprocessing.active_children()) <= others


def test_help_shows_each_summary_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    summaries = forked(["--help"], b"", Path(), 100).stdout.decode().partition("Commands:\n")[2].splitlines()
    assert len(summaries) == len(main.commands)
    assert not [summary for summary in summaries if summary.endswith("...")]
