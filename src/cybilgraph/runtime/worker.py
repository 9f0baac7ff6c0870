"""The fork server, which loads shared data and forks workers on command, and the workers themselves.

A worker first gives up the rights that its work must not have, then handles one request after another.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cybilgraph.runtime.processes import (
    address_space_meter,
    exit_with_parent,
    kill_with_parent,
    limit_kept_memory,
    release_free_memory,
)
from cybilgraph.runtime.sandbox import Policy, restrict_calls, restrict_files, take_attempt

#: A command to the fork server or a report of it, two numbers. A command is a process id and a signal to send to it, or
#: FORK and 0 with the connection of the new worker attached. A report is COMMAND_DONE, or the process id and the exit
#: status (as in ``subprocess``) of a worker that ended unexpectedly.
MESSAGE = struct.Struct("!qq")
FORK, COMMAND_DONE = 0, (0, 0)
#: Exit code of a fork server whose shared data is damaged, so that a restart would not help (EX_DATAERR, sysexits.h).
BAD_DATA = 65
#: Sent by a worker that crashes, on its connection (Python's faulthandler).
CRASH_PREFIX = b"Fatal Python error: "
#: Sends a part of an answer that has more parts.
SendPart = Callable[[bytes], None]
#: Handles a request: takes its head and content, and returns those of the last part of the answer.
Handler = Callable[[dict[str, Any], bytes, SendPart], tuple[dict[str, Any], bytes]]
#: Seconds between checks for workers that have ended.
_POLL_SECONDS = 1.0
#: After larger requests, free memory is returned to the system, which takes a few milliseconds.
_LARGE_BYTES = 100_000


def run_fork_server(prepare: Callable[[], Handler], memory: int, policy: Policy | None) -> None:
    """Fork workers until the parent has ended. Workers share what the process has loaded before, in the same memory.

    ``prepare`` runs in each worker and opens what cannot be shared. Afterwards the worker may use ``memory`` more
    bytes of address space (0: any number), and may do what the ``policy`` grants (None: anything).
    Reports to the parent when this process has loaded, when it has executed a command, and which worker has ended
    unexpectedly. The process must have no threads, because threads do not survive a fork.
    """
    limit_kept_memory()
    for stop in (signal.SIGINT, signal.SIGTERM):  # these may reach the whole group; the parent ends this process
        signal.signal(stop, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    parent = os.getpid()
    children: dict[int, int] = {}  # by process id, the last signal sent to each
    with suppress(BrokenPipeError, ConnectionResetError):  # the parent has gone without reading the last report
        while message := _next_command(control, children):
            command, handles = message
            number, signal_number = MESSAGE.unpack(command)
            if handles:
                connection = socket.socket(fileno=handles[0])
                child = os.fork()
                if not child:
                    kill_with_parent(parent)
                    control.close()
                    _run_worker(connection, prepare, memory, policy)
                connection.close()
                children[child] = 0
            elif number in children:  # not reaped yet, so the process id cannot belong to another process
                children[number] = signal_number
                os.kill(number, signal_number)
    for child in children:  # a paused one would not notice that its connection closes
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    os._exit(0)


def _next_command(control: socket.socket, children: dict[int, int]) -> tuple[bytes, list[int]] | None:
    """Report that the last command is done, and return the next one with its attachments, or None at the end.

    While waiting, reports the ``children`` that end.
    """
    control.sendall(MESSAGE.pack(*COMMAND_DONE))
    while not select.select([control], [], [], _POLL_SECONDS)[0]:
        _reap(control, children)
    _reap(control, children)
    message, handles, *_ = socket.recv_fds(control, MESSAGE.size, 1)
    while message and len(message) < MESSAGE.size:
        message += control.recv(MESSAGE.size - len(message))
    return (message, handles) if message else None


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    """Reap children that have ended, and report those that failed and were not killed on command."""
    for child, sent in list(children.items()):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            del children[child]
            code = os.waitstatus_to_exitcode(status)
            if code and -code != (sent == signal.SIGKILL) * signal.SIGKILL:
                control.sendall(MESSAGE.pack(child, code))


def _run_worker(connection: socket.socket, prepare: Callable[[], Handler], memory: int, policy: Policy | None) -> None:
    """Run a worker until its connection closes, then end the process."""
    try:
        if policy:
            _keep_only(connection)
        measure = address_space_meter()
        if policy:
            restrict_files(policy)
        handler = prepare()
        if memory:
            limit = measure() + memory
            hard_limit = resource.getrlimit(resource.RLIMIT_AS)[1]
            limit = limit if hard_limit == resource.RLIM_INFINITY else min(limit, hard_limit)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        faulthandler.enable(connection, all_threads=False)  # sends CRASH_PREFIX if the process crashes
        if policy:
            restrict_calls(policy)
        exit_with_parent()
        # If the client has gone, closing the stream raises the error once more.
        with suppress(BrokenPipeError, ConnectionResetError), connection.makefile("rwb") as stream:
            _serve(stream, handler)
    except (MemoryError, RecursionError):
        with suppress(OSError):
            connection.sendall(CRASH_PREFIX)
        raise
    finally:  # a worker must never return to the code of the fork server
        if (failure := sys.exc_info())[1]:
            if attempt := take_attempt():
                print(f"The sandbox of this worker denied an operation: {attempt}", file=sys.stderr, flush=True)
            sys.excepthook(*failure)
        os._exit(bool(failure[1]))


def _keep_only(connection: socket.socket) -> None:
    """Close all inherited file descriptors except the connection and standard error."""
    for standard in (0, 1):
        os.dup2(os.open(os.devnull, os.O_RDWR), standard)
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        if int(name) not in (0, 1, 2, connection.fileno()):
            with suppress(OSError):  # listing the folder used a descriptor that is closed already
                os.close(int(name))


def _serve(stream: Any, handler: Handler) -> None:
    """Answer requests until the connection closes."""

    def send(head: dict[str, Any], content: bytes) -> None:
        if attempt := take_attempt():
            head["denied"] = attempt
        stream.write(json.dumps(head | {"size": len(content)}).encode() + b"\n" + content)
        stream.flush()

    send({"pid": os.getpid()}, b"")
    for line in stream:
        request = json.loads(line)
        send(*handler(request, stream.read(request["size"]), lambda part: send({"more": True}, part)))
        if request["size"] >= _LARGE_BYTES:
            release_free_memory()
