"""A process ends with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

#: Starts a child that watches its parent, prints its process id once it does, and waits.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
POLLING = """
import time
from cybilgraph.runtime.parent_exit import exit_with_parent
exit_with_parent()
print("ready", flush=True)
time.sleep(300)
"""
BY_THE_KERNEL = """
import os, time
from cybilgraph.runtime.parent_exit import kill_with_parent
kill_with_parent(os.getppid())
print("ready", flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("child", [POLLING, BY_THE_KERNEL], ids=["polling", "kernel"])
def test_child_ends_when_its_parent_is_killed(child: str) -> None:
    command = [sys.executable, "-c", PARENT, child]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        process = int(parent.stdout.readline())
        os.kill(process, 0)
        parent.kill()
    while _is_running(process):
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())  # empty for a process that has ended
    except OSError:
        return False
