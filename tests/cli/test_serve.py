"""The server prints its address, and leaves no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from cybilgraph import pipeline
from tests.conftest import SEED, run, running_server

pytestmark = pytest.mark.slow

needs_pgrep = pytest.mark.skipif(shutil.which("pgrep") is None, reason="no pgrep on this machine (Debian: procps)")


@needs_pgrep
def test_no_process_outlives_a_killed_server(tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path)
    server = running_server(tmp_path, fresh=True)  # pgrep finds its processes by their arguments
    server.__enter__()
    server.process.kill()
    server.process.wait()
    server.output.close()
    deadline = time.monotonic() + 60
    while subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True).stdout:
        assert time.monotonic() < deadline, "processes outlive their server"
        time.sleep(0.1)


@needs_pgrep
def test_serve_prints_its_address_and_stops_on_interrupt(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    pipeline.build([SEED], releases)
    server = running_server(releases, fresh=True)
    with server as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            pass
        second = run("serve", releases, "--port", url.rpartition(":")[2])
        assert second.returncode == 2
        assert b"Address already in use" in second.stderr
        children = subprocess.run(
            ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True
        ).stdout.split()
        os.killpg(server.process.pid, signal.SIGINT)  # as Ctrl-C does
        assert server.process.wait(timeout=20) == 0
        shown = server.log
        assert f"Serving release 0001 at {url}/" in shown
        assert "Traceback" not in shown
    assert children
    deadline = time.monotonic() + 60
    while subprocess.run(["pgrep", "-f", f"engine.worker {releases}"], capture_output=True).stdout:
        assert time.monotonic() < deadline, "query workers outlive their server"
        time.sleep(0.1)
