"""A worker ends without messages when it is no longer needed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from cybilgraph.runtime.worker import COMMAND_DONE, FORK, MESSAGE

_FORK_SERVER = """
from cybilgraph.runtime.worker import run_fork_server
from cybilgraph.runtime.sandbox import Policy

def answer(head, content, send):
    try:
        while True:
            send(bytes(1_000_000))
    except OSError as error:
        return {"error": str(error)}, b""

run_fork_server(lambda: answer, 0, Policy())
"""


def test_worker_ends_quietly_when_its_client_leaves_while_it_sends() -> None:
    control, theirs = socket.socketpair()
    command = [sys.executable, "-c", _FORK_SERVER]
    with subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE) as process, theirs, control:
        ours, connection = socket.socketpair()
        with ours, connection:
            socket.send_fds(control, [MESSAGE.pack(FORK, 0)], [connection.fileno()])
            connection.close()
            worker = json.loads(ours.recv(1000))["pid"]
            ours.sendall(b'{"size": 0}\n')
            assert ours.recv(1000)
        while Path(f"/proc/{worker}/cmdline").read_bytes():  # empty once the process has ended
            time.sleep(0.005)
        control.close()
        assert process.stderr
        assert process.stderr.read() == b""


def test_commands_and_reports_have_a_fixed_size() -> None:
    assert MESSAGE.unpack(MESSAGE.pack(FORK, 0)) == (FORK, 0)
    assert MESSAGE.unpack(MESSAGE.pack(2**22, -11)) == (2**22, -11)
    assert len(MESSAGE.pack(*COMMAND_DONE)) == MESSAGE.size
