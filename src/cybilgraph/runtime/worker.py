"""The side of the processes: a nursery loads what all workers share, and forks one when it is told to.

A worker gives up what its work must never have, then does it piece by piece.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cybilgraph.runtime.memory import limit_arenas, mapped_later, release_free_memory
from cybilgraph.runtime.sandbox import Policy, restrict_calls, restrict_files, take_attempt
from cybilgraph.runtime.watchdog import exit_with_parent, kill_with_parent
from cybilgraph.runtime.wire import COMMAND, COMMAND_DONE, CRASH_PREFIX, FORK, REPORT

#: Takes a part of an answer that is not whole yet.
SendPart = Callable[[bytes], None]
#: What answers a request: its head and content in, those of the answer out; large ones part by part.
Handler = Callable[[dict[str, Any], bytes, SendPart], tuple[dict[str, Any], bytes]]
#: So often it is looked whether a worker has ended.
_POLL_SECONDS = 1.0
#: After a request of this size, its memory is given back to the system, which takes a few milliseconds.
_LARGE_BYTES = 100_000


def run_fork_server(prepare: Callable[[], Handler], memory: int, policy: Policy | None) -> None:
    """Fork workers until the parent has ended. What is loaded before is shared by all, and never twice in memory.

    ``prepare`` runs in each worker and opens what cannot be shared; afterwards the worker has so many
    bytes of address space more, and can do what the ``policy`` grants (None: anything).
    The parent is told that this one has loaded, that it has done an order, and which worker has ended unasked.
    The process must have no threads: they do not survive a fork.
    """
    limit_arenas()
    for stop in (signal.SIGINT, signal.SIGTERM):  # they may reach all at once; the parent ends us
        signal.signal(stop, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    parent = os.getpid()
    children: dict[int, int] = {}  # with the signal that each was sent last
    while order := _acknowledge_and_receive(control, children):
        number, signal_number, connection = order
        if number != FORK:
            if number in children:  # only this process waits for them: the number is still its own
                children[number] = signal_number
                os.kill(number, signal_number)
            continue
        with connection:
            child = os.fork()
            if not child:
                kill_with_parent(parent)
                control.close()
                _run_worker(connection, prepare, memory, policy)
        children[child] = 0
    for child in children:  # one that is paused would not see that we leave
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    os._exit(0)


def _acknowledge_and_receive(control: socket.socket, children: dict[int, int]) -> tuple[int, int, socket.socket] | None:
    """The next order, after the parent was told that all before is done, and meanwhile of ``children`` that have
    ended; None at the end.
    """
    try:
        control.sendall(REPORT.pack(*COMMAND_DONE))
        while not select.select([control], [], [], _POLL_SECONDS)[0]:
            _reap(control, children)
        _reap(control, children)
        return _receive_command(control)
    except (BrokenPipeError, ConnectionResetError):  # the parent left without hearing what it was told last
        return None


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    """Let go of children that have ended, and tell the parent of those that were not killed by its order, and did
    not leave by themselves.
    """
    for child, sent in list(children.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            del children[child]
            code = os.waitstatus_to_exitcode(status)
            if code and -code != (sent == signal.SIGKILL) * signal.SIGKILL:
                control.sendall(REPORT.pack(child, code))


def _receive_command(control: socket.socket) -> tuple[int, int, socket.socket] | None:
    """The next order, and the connection of the new worker that came with it; None at the end."""
    message, handles, *_ = socket.recv_fds(control, COMMAND.size, 1)
    while message and len(message) < COMMAND.size:
        message += control.recv(COMMAND.size - len(message))
    if not message:
        return None
    number, signal_number = COMMAND.unpack(message)
    return number, signal_number, socket.socket(fileno=handles[0]) if handles else control


def _run_worker(connection: socket.socket, prepare: Callable[[], Handler], memory: int, policy: Policy | None) -> None:
    """The life of a worker, up to its end."""
    try:
        if policy:
            _keep_only(connection)
        mapped = mapped_later()
        if policy:
            restrict_files(policy)
        answer = prepare()
        if memory:
            limit = mapped() + memory
            most = resource.getrlimit(resource.RLIMIT_AS)[1]
            limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        faulthandler.enable(connection, all_threads=False)  # LAST_WORDS, where memory or stack end
        if policy:
            restrict_calls(policy)
        exit_with_parent()
        # Who asked may have gone, which the end of the stream meets once more.
        with suppress(BrokenPipeError, ConnectionResetError), connection.makefile("rwb") as stream:
            _serve(stream, answer)
    except (MemoryError, RecursionError):
        with suppress(OSError):
            connection.sendall(CRASH_PREFIX)
        raise
    finally:  # a worker never returns into the code of the nursery
        if (failure := sys.exc_info())[1]:
            if attempt := take_attempt():
                print(f"The sandbox of this worker had denied: {attempt}", file=sys.stderr, flush=True)
            sys.excepthook(*failure)
        os._exit(bool(failure[1]))


def _keep_only(connection: socket.socket) -> None:
    """Let go of what the worker inherited, but for its connection and the log."""
    for standard in (0, 1):
        os.dup2(os.open(os.devnull, os.O_RDWR), standard)
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        if int(name) not in (0, 1, 2, connection.fileno()):
            with suppress(OSError):  # it was that of the list
                os.close(int(name))


def _serve(stream: Any, answer: Handler) -> None:
    """Answer as long as somebody asks."""

    def send(head: dict[str, Any], content: bytes) -> None:
        if attempt := take_attempt():
            head["denied"] = attempt
        stream.write(json.dumps(head | {"size": len(content)}).encode() + b"\n" + content)
        stream.flush()

    send({"pid": os.getpid()}, b"")
    for line in stream:
        request = json.loads(line)
        send(*answer(request, stream.read(request["size"]), lambda part: send({"more": True}, part)))
        if request["size"] >= _LARGE_BYTES:
            release_free_memory()
