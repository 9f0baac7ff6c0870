"""What a process has given up, it cannot have again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TRIES = """
import os, socket, sys, threading
from cybilgraph.workers.doors import Door, close
tried = []
def attempt():
    begun.wait()
    for name, open_ in (("file", lambda: open(os.devnull)), ("socket", socket.socket)):
        try:
            open_().close()
            tried.append(name)
        except OSError:
            pass
begun = threading.Event()
thread = threading.Thread(target=attempt)
thread.start()
close(Door(sys.argv[1]), 0)
begun.set()
thread.join()
print(*tried)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
@pytest.mark.parametrize(("door", "opened"), [("", ""), ("files", "file"), ("open", "file socket")])
def test_a_door_lets_through_what_it_says(door: str, opened: str) -> None:
    """Also to threads that were there before."""
    ran = subprocess.run(
        [sys.executable, "-c", TRIES, door], stdin=subprocess.PIPE, capture_output=True, check=True, env=os.environ
    )
    assert ran.stdout.decode().strip() == opened
