# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH211
"""A worker that tries forbidden operations, and answers which of them its sandbox let through.

``python -m tests.support.confined MODULE ARGUMENT …`` starts the worker of MODULE by its own ``main``. Each request
names a ``target`` (a file), a ``store`` (a file) and two ports; the working thread and one that started before the
sandbox make each attempt.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib
import os
import resource
import socket
import stat
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from cybilgraph.runtime import worker

LIBRARY = ctypes.CDLL(None, use_errno=True)
IS_X86 = os.uname().machine == "x86_64"


def call(number: int, *arguments: Any) -> None:
    if LIBRARY.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def fork() -> None:
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


def attempts(request: dict[str, Any]) -> dict[str, Callable[[], object]]:
    target, parent = request["target"], os.getppid()
    found: dict[str, Callable[[], object]] = {
        "read": lambda: os.open(target, os.O_RDONLY),
        "environ": lambda: os.open("/proc/self/environ", os.O_RDONLY),
        "store": lambda: os.open(request["store"], os.O_RDONLY),
        "connect": lambda: connect(request["port"]),
        "connect elsewhere": lambda: connect(request["other"]),
        "listen": lambda: socket.socket().listen(),
        "write": lambda: os.open(target, os.O_WRONLY | os.O_APPEND),
        "write store": lambda: os.open(request["store"], os.O_RDWR),
        "create": lambda: os.open(target + ".new", os.O_WRONLY | os.O_CREAT),
        "unlink": lambda: os.unlink(target),
        "rename": lambda: os.rename(target, target + ".moved"),
        "link": lambda: os.link(target, target + ".link"),
        "symlink": lambda: os.symlink(target, target + ".symlink"),
        "mkdir": lambda: os.mkdir(target + ".folder"),
        "chmod": lambda: os.chmod(target, 0o777),
        "chown": lambda: os.chown(target, os.getuid(), os.getgid()),
        "truncate": lambda: os.truncate(target, 0),
        "utime": lambda: os.utime(target),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
        "fork": fork,
        "kill": lambda: os.kill(parent, 0),
        "kill all": lambda: os.kill(-1, 0),
        "pidfd": lambda: os.pidfd_open(parent),
        "ptrace": lambda: call(101 if IS_X86 else 117, 16, parent, 0, 0),
        "tgkill": lambda: call(234 if IS_X86 else 131, parent, parent, 0),
        "limit of another": lambda: resource.prlimit(parent, resource.RLIMIT_NPROC),
        "priority of another": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "processors of another": lambda: os.sched_setaffinity(parent, range(os.cpu_count() or 1)),
        "scheduler of another": lambda: os.sched_setscheduler(parent, os.SCHED_OTHER, os.sched_param(0)),
        "scheduling attributes of another": lambda: call(314 if IS_X86 else 274, parent, None, 0),
        "input priority of another": lambda: call(251 if IS_X86 else 30, 1, parent, 0),
        "signals by a descriptor": lambda: fcntl.fcntl(request["connection"], fcntl.F_SETOWN, parent),
        "which signal": lambda: fcntl.fcntl(request["connection"], 10, 9),
        "owner by ioctl": lambda: fcntl.ioctl(request["connection"], 0x8901, struct.pack("i", parent)),
        "own namespaces": lambda: call(272 if IS_X86 else 97, 0),
        "memory of others": lambda: call(310 if IS_X86 else 270, parent, None, 0, None, 0, 0),
        "io_uring": lambda: call(425, 1, ctypes.create_string_buffer(120)),
        "bpf": lambda: call(
            321 if IS_X86 else 280, 0, ctypes.create_string_buffer(struct.pack("=IIII", 2, 4, 4, 1)), 16
        ),
        "a newer call": lambda: call(463),
        "type into the terminal": lambda: call(16 if IS_X86 else 29, 2, 0x5412, ctypes.c_char_p(b"x")),
    }
    if IS_X86:
        found["x32"] = lambda: call(0x40000000 + 2, ctypes.c_char_p(target.encode()), os.O_RDONLY, 0)
    return found


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0] if error.errno else str(error)
    return "done"


def a_socket() -> int:
    """A descriptor of the connection to the server."""
    for descriptor in range(3, 1000):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return descriptor
    raise AssertionError("a worker has a connection")


def main(module: str, *arguments: str) -> None:
    confined = importlib.import_module(module)

    def fork_server(prepare: Callable[[], worker.Handler], *rest: Any) -> None:
        def prepare_attempts() -> worker.Handler:
            before = ThreadPoolExecutor(1)
            before.submit(int).result()  # starts its thread
            prepare()

            def answer(request: dict[str, Any], _: bytes, __: object) -> tuple[dict[str, Any], bytes]:
                for descriptor in (0, 1, 2):  # free descriptor numbers must not help
                    os.close(descriptor)
                tried = attempts(request | {"connection": a_socket()})
                here = {what: outcome(attempt) for what, attempt in tried.items()}
                there = {what: before.submit(outcome, attempt).result() for what, attempt in tried.items()}
                return {"here": here, "there": there, "environment": dict(os.environ)}, b""

            return answer

        worker.run_fork_server(prepare_attempts, *rest)

    confined.run_fork_server = fork_server
    confined.main(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
