"""A stop that costs nobody a request.

A socket that listens cannot be told to take no more connections but by closing it, and then the kernel resets those
that it has taken and nobody has accepted yet; and a client that keeps its connection finds it closed in the moment in
which it sends its next request. So the listening socket is first made deaf to new connections, and each answer says
that its connection ends; the server stops when nobody is connected any more, or a moment later.

Until then it looks after the process that answers: one that ends unasked is begun anew and told of, and one that
somebody has stopped (SIGSTOP), and not let go on, is ended.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from granian.log import logger
from granian.server.mp import MPServer, WorkerProcess

from cybilgraph.runtime.pool import ProcessExit
from cybilgraph.web.server.access_log import process_end_fields

#: Who is connected has so many seconds to ask and be answered; what is in work then, the server itself waits for.
_DRAIN_SECONDS, _POLL_SECONDS = 2.0, 0.02
#: What is stopped for so many seconds is ended, and begun anew.
_MAX_SUSPENDED_SECONDS = 10
#: What ends within so many seconds of the end before it is begun anew after a pause, which doubles up to this.
_STABLE_SECONDS, _MAX_PAUSE_SECONDS = 60.0, 10.0
#: Connections of this machine (proc(5)), by their own address and state; ESTABLISHED (include/net/tcp_states.h).
_CONNECTION_TABLES, _ESTABLISHED = ("/proc/self/net/tcp", "/proc/self/net/tcp6"), "01"
#: Sent to the process that answers: from now on, every connection ends with its answer.
_DRAIN_SIGNAL = signal.SIGUSR1
#: socket(7), of asm-generic/socket.h.
_SO_ATTACH_FILTER = 26
#: A packet without its IP header is passed but where it asks for a connection: its flag SYN is set (RFC 9293, section
#: 3.1). Instructions of linux/filter.h: code, jump if true, jump if false, operand.
_REJECT_SYN_FILTER = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x45, 0, 1, 0x02),  # is SYN among them?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # pass it, whole
)


class GracefulServer(MPServer):
    """The HTTP server; who is connected when it is told to stop is answered first. What answers is begun anew however
    often it ends.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        cast("Any", super()).__init__(*given, **named)
        self._stopping = threading.Event()
        self._ends, self._last_end = 0, -math.inf

    def startup(self, *arguments: Any) -> None:
        """Start; a process that is told to stop before it has begun to answer has nobody to tell."""
        signal.signal(_DRAIN_SIGNAL, signal.SIG_IGN)  # also in the processes that are begun from now on
        cast("Any", super()).startup(*arguments)
        threading.Thread(target=self._end_stopped, daemon=True).start()

    def _spawn_worker(self, *given: Any, **named: Any) -> WorkerProcess:
        """A process that answers; how it ends unasked is told."""
        worker: Any = cast("Any", super())._spawn_worker(*given, **named)
        usual = worker._watcher

        def watcher() -> None:
            worker.inner.join()
            if not worker.interrupt_by_parent:
                what, code, pause = "The process that answers requests", worker.inner.exitcode, self._pause()
                when = f" in {pause:g} s" if pause else ""
                ended = ProcessExit(what, worker.inner.pid, code, f"it and all that it began are begun anew{when}")
                logger.error(str(ended), extra={"told": process_end_fields(ended)})
                self._stopping.wait(pause)
                cast("Any", self).respawned_wrks.clear()  # else two deaths in 5.5 seconds would be the end of all
            usual()

        worker._watcher = watcher
        return cast("WorkerProcess", worker)

    def _pause(self) -> float:
        """Seconds before what has ended is begun anew: more each time, but after a while without an end none."""
        now = time.monotonic()
        self._ends = self._ends + 1 if now < self._last_end + _STABLE_SECONDS else 0
        self._last_end = now
        return min(2.0 ** (self._ends - 1), _MAX_PAUSE_SECONDS) if self._ends else 0.0

    def _end_stopped(self) -> None:
        """End a process that answers nobody because it was stopped. Seconds are counted by looks: where this process
        was stopped as well, no time has gone.
        """
        looks: dict[int, int] = {}
        while True:
            time.sleep(1)
            stopped = [worker.inner.pid for worker in cast("Any", self).wrks if _is_suspended(worker.inner.pid)]
            looks = {number: looks.get(number, 0) + 1 for number in stopped}
            for number in stopped:
                if looks[number] == _MAX_SUSPENDED_SECONDS:
                    logger.error(f"The process that answers requests ({number}) was stopped, and is ended")
                    os.kill(number, signal.SIGKILL)

    def signal_handler_interrupt(self, *_: Any) -> None:
        """Stop at a signal. It may come while this thread holds the lock of the event that is to be set, as when a
        process that answers has just ended: so another thread sets it.
        """
        self.interrupt_signal = True
        for event in (self._stopping, cast("Any", self).main_loop_interrupt):
            threading.Thread(target=event.set, daemon=True).start()

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop as above."""
        own, base = cast("Any", self), cast("Any", super())  # Granian has no types here
        if own._sfd is not None:
            _refuse_connections(own._sfd)
        for worker in own.wrks:
            worker.interrupt_by_parent = True  # Ctrl-C reaches it, too, and it may be the first to end
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, _DRAIN_SIGNAL)
        until = time.monotonic() + _DRAIN_SECONDS
        while _has_connections(own.bind_port) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        base.shutdown(exit_code)


def on_last_answers(last: Callable[[], None]) -> None:
    """Have the process that answers call this when each answer is to be the last of its connection."""
    signal.signal(_DRAIN_SIGNAL, lambda *_: last())


def _is_suspended(process: int) -> bool:
    """Whether a process was told to do nothing (proc(5): state T); False where the system does not tell."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _has_connections(port: int) -> bool:
    """Whether anybody is connected to a port of this machine, accepted or not; True where the system does not tell."""
    there = [path for path in map(Path, _CONNECTION_TABLES) if path.exists()]
    lines = [line.split() for path in there for line in path.read_text("ascii").splitlines()[1:]]
    return not there or any(int(line[1].rpartition(":")[2], 16) == port and line[3] == _ESTABLISHED for line in lines)


def _refuse_connections(listening: int) -> None:
    """Who asks for a connection gets no reply, asks again after a second, and is refused then, or is heard by the
    server that has taken the place of this one.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _REJECT_SYN_FILTER)
    code = ctypes.create_string_buffer(program, len(program))
    with socket.socket(fileno=os.dup(listening)) as heard, suppress(OSError):  # a kernel may know no filters
        heard.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_REJECT_SYN_FILTER), ctypes.addressof(code))
        )
