"""The HTTP server: serves the current release until stopped, and stops without losing a request.

The only way to stop a listening socket from accepting connections is to close it, but then the kernel resets those
that are established but not yet accepted. In addition, a client with a persistent connection may find it closed just
when it sends its next request. Therefore the listening socket first ignores new connections, and each response
announces that its connection will be closed; the server stops when no client is connected any more, or shortly after.

While running, the server supervises the serving process: it restarts and logs one that ended unexpectedly, and kills
one that stays suspended (SIGSTOP).
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels, logger
from granian.server.mp import MPServer, WorkerProcess
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from cybilgraph.errors import ServeError
from cybilgraph.model.overlay import use_overlay
from cybilgraph.release import Release, Releases
from cybilgraph.runtime.files import TemporaryFolder
from cybilgraph.runtime.pool import ProcessExit
from cybilgraph.runtime.processes import exit_with_parent, limit_kept_memory
from cybilgraph.runtime.sandbox import missing_protection
from cybilgraph.sparql import AnswerBudget
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
from cybilgraph.sparql.pooled_engine import QueryLimits
from cybilgraph.sync.graph_store import require_loaded
from cybilgraph.web.application import BUNDLE, create_app
from cybilgraph.web.checker import Checker
from cybilgraph.web.curator_logins import CuratorFile
from cybilgraph.web.server.access_log import AccessLog, http_server_logging, process_end_fields
from cybilgraph.web.server.connections import Connections, accepted_connections
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import ReleaseOpener
from cybilgraph.web.server.quotas import is_among
from cybilgraph.web.server.settings import Settings
from cybilgraph.web.suggestions import SuggestionQueue

#: The largest request head, in bytes.
_MAX_HEAD_BYTES = 131_072
#: The most connections waiting to be accepted, which is the default limit of Linux (listen(2)).
_MAX_BACKLOG = 4096
#: The time for connected clients to send a last request; the HTTP server itself waits for requests in progress.
_DRAIN_SECONDS, _POLL_SECONDS = 2.0, 0.02
#: A process that is suspended this long is killed and restarted.
_MAX_SUSPENDED_SECONDS = 10
#: A process that ends within this time of the previous end is restarted after a pause, which doubles up to the maximum.
_STABLE_SECONDS, _MAX_PAUSE_SECONDS = 60.0, 10.0
#: The tables of local TCP connections (proc(5)), and the state ESTABLISHED (include/net/tcp_states.h).
_CONNECTION_TABLES, _ESTABLISHED = ("/proc/self/net/tcp", "/proc/self/net/tcp6"), "01"
#: Tells the serving process to close each connection after its next response.
_DRAIN_SIGNAL = signal.SIGUSR1
#: From asm-generic/socket.h; see socket(7).
_SO_ATTACH_FILTER = 26
#: A packet filter that drops TCP segments with the flag SYN, which open connections (RFC 9293, section 3.1), and passes
#: all others. Instructions of linux/filter.h: code, jump if true, jump if false, operand.
_REJECT_SYN_FILTER = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x45, 0, 1, 0x02),  # test SYN
    (0x06, 0, 0, 0),  # drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # pass the whole packet
)


def serve(folder: Path, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the current release of a folder or, if it is damaged, the last good one, and announce that.

    Raises ReleaseError if there is none, EndpointFailed and EngineUnavailable if the configured endpoint does not
    have the release, SuggestionsFull if the suggestions folder cannot be used, CuratorError if the file of curators
    cannot be read, and ServeError if the address is in use.
    """
    release = Releases(folder).select_intact(lambda _: None)  # the worker selects it again, and logs what is refused
    if settings.endpoint:
        require_loaded(Endpoint(settings.endpoint, Credentials.of(settings.credentials)), release)
    if settings.suggestions:
        SuggestionQueue(settings.suggestions).secure()
    if settings.curators:
        CuratorFile(settings.curators).read()
    _require_free_address(settings.host, settings.port)
    announce(f"Serving release {release.number:04d} at http://{settings.host}:{settings.port}/ (stop with Ctrl-C)")
    if not BUNDLE.is_file():
        announce("The site's scripts were not bundled at installation. The site falls back to plain forms.")
    with _reference_of(release):
        GracefulServer(
            target=str(folder),
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=1,
            websockets=False,
            backlog=_MAX_BACKLOG,
            backpressure=accepted_connections(settings.total_connections),
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=math.ceil(settings.header_seconds * 1000), max_buffer_size=_MAX_HEAD_BYTES
            ),
            log_level=LogLevels.error,
            log_dictconfig=http_server_logging(settings.log_format),
            respawn_failed_workers=True,
            workers_kill_timeout=settings.stop_seconds,
        ).serve(target_loader=partial(_load, settings=settings))


@contextmanager
def _reference_of(release: Release) -> Iterator[None]:
    """Have the server use a copy of the reference data that a release was built with, so that it agrees with the graph.

    The release itself may be removed meanwhile.
    """
    use_overlay(None)
    with ExitStack() as stack:
        if texts := release.reference():
            copy = stack.enter_context(closing(TemporaryFolder("reference"))).path
            for name, text in texts.items():
                (copy / name).write_text(text, encoding="utf-8", newline="")
            use_overlay(copy)
        yield


def _require_free_address(host: str, port: int) -> None:
    """Raise ServeError if the address is not available; the HTTP server itself would not report the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(
                f"Cannot listen at {host}:{port}: {error.strerror}", "Choose another port with --port."
            ) from error


def _load(folder: str, settings: Settings) -> Any:
    """Create the application with its query workers; called in the serving process."""
    exit_with_parent()
    limit_kept_memory()
    access_log = AccessLog(settings.log_format, queries=settings.log_queries, addresses=settings.log_addresses)
    for sentence in missing_protection():
        access_log.log_event(sentence)
    limits = QueryLimits(
        timeout=settings.timeout,
        answer=settings.answer_bytes,
        memory=settings.worker_memory,
        workers=settings.quick_workers + 1,  # whatever one client sends, others find a free worker
        per_caller=settings.quick_workers,
        long_workers=settings.long_workers,
        store=settings.store_memory,
        services=frozenset(settings.service),
        free_startup=False,
        budget=AnswerBudget(settings.unsent_bytes, max(settings.unsent_bytes // 4, settings.answer_bytes)),
    )
    opener = ReleaseOpener(
        limits,
        settings.cache_bytes,
        access_log.log_event,
        access_log.log_process_end,
        settings.endpoint,
        settings.credentials,
    )
    live = LiveReleases(Releases(Path(folder)), opener, settings.warm_seconds)
    connections = Connections(
        settings.port,
        send_seconds=settings.send_seconds,
        per_client=settings.connections,
        total=(accepted_connections(settings.total_connections) + 1) // 2,
        is_proxy=partial(is_among, networks=settings.trusted_proxy),
    )
    connections.watch()
    app = create_app(live, Checker(on_process_end=access_log.log_process_end), settings, access_log)
    on_last_answers(app.drain)
    if settings.trusted_proxy:
        app = wrap_asgi_with_proxy_headers(app, list(settings.trusted_proxy))
    return connections.track_requests(app)


class RestartBackoff:
    """The pauses before restarts: longer after each exit, none after a stable period. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._exits, self._last_exit = 0, -math.inf

    def next_pause(self) -> float:
        """Return the seconds to wait before the restart of a process that has just ended."""
        now = self._clock()
        self._exits = self._exits + 1 if now < self._last_exit + _STABLE_SECONDS else 0
        self._last_exit = now
        return min(2.0 ** (self._exits - 1), _MAX_PAUSE_SECONDS) if self._exits else 0.0


class GracefulServer(MPServer):
    """The HTTP server; it answers connected clients before it stops, and always restarts its serving process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cast("Any", super()).__init__(*args, **kwargs)
        self._stopping = threading.Event()
        self._backoff = RestartBackoff()

    def startup(self, *arguments: Any) -> None:
        """Start; ignore the drain signal until the serving process has installed its handler."""
        signal.signal(_DRAIN_SIGNAL, signal.SIG_IGN)  # child processes inherit this
        cast("Any", super()).startup(*arguments)
        threading.Thread(target=self._end_stopped, daemon=True).start()

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> WorkerProcess:
        """Start a serving process, and log if it ends unexpectedly."""
        worker: Any = cast("Any", super())._spawn_worker(*args, **kwargs)
        usual = worker._watcher

        def watcher() -> None:
            worker.inner.join()
            if not worker.interrupt_by_parent:
                pause = self._backoff.next_pause()
                done = f"it and its child processes are restarted{f' in {pause:g} s' if pause else ''}"
                what = "The process that answers requests"
                ended = ProcessExit(what, worker.inner.pid, worker.inner.exitcode, done)
                logger.error(str(ended), extra={"fields": process_end_fields(ended)})
                self._stopping.wait(pause)
                cast("Any", self).respawned_wrks.clear()  # otherwise two exits within 5.5 seconds stop the server
            usual()

        worker._watcher = watcher
        return cast("WorkerProcess", worker)

    def _end_stopped(self) -> None:
        """Kill a serving process that stays suspended.

        Seconds are counted by polls, so that no time passes while this process is suspended as well.
        """
        seconds: dict[int, int] = {}
        while True:
            time.sleep(1)
            stopped = [worker.inner.pid for worker in cast("Any", self).wrks if _is_suspended(worker.inner.pid)]
            seconds = {number: seconds.get(number, 0) + 1 for number in stopped}
            for number in stopped:
                if seconds[number] == _MAX_SUSPENDED_SECONDS:
                    logger.error(f"The process that answers requests ({number}) was suspended, so it is killed")
                    os.kill(number, signal.SIGKILL)

    def signal_handler_interrupt(self, *_: Any) -> None:
        """Stop at a signal.

        A separate thread sets the events: the signal may arrive while this thread holds the lock of an event, for
        example when a serving process has just ended.
        """
        self.interrupt_signal = True
        for event in (self._stopping, cast("Any", self).main_loop_interrupt):
            threading.Thread(target=event.set, daemon=True).start()

    def shutdown(self, exit_code: int = 0) -> None:
        """Drain the connections, then stop."""
        own, base = cast("Any", self), cast("Any", super())  # Granian has no types here
        if own._sfd is not None:
            refuse_connections(own._sfd)
        for worker in own.wrks:
            worker.interrupt_by_parent = True  # Ctrl-C also reaches it, and it may end first
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, _DRAIN_SIGNAL)
        until = time.monotonic() + _DRAIN_SECONDS
        while has_connections(own.bind_port) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        base.shutdown(exit_code)


def on_last_answers(last: Callable[[], None]) -> None:
    """Call ``last`` when the serving process has to close each connection after its next response."""
    signal.signal(_DRAIN_SIGNAL, lambda *_: last())


def _is_suspended(process: int) -> bool:
    """Return whether a process is suspended (proc(5): state T); False if that is unknown."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def has_connections(port: int) -> bool:
    """Return whether a local port has connections, accepted or not; True if that is unknown."""
    tables = [path for path in map(Path, _CONNECTION_TABLES) if path.exists()]
    lines = [line.split() for path in tables for line in path.read_text("ascii").splitlines()[1:]]
    return not tables or any(int(line[1].rpartition(":")[2], 16) == port and line[3] == _ESTABLISHED for line in lines)


def refuse_connections(listening: int) -> None:
    """Ignore new connections to a listening socket.

    Their clients retry after a second, and are then refused, or accepted by the server that has replaced this one.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _REJECT_SYN_FILTER)
    code = ctypes.create_string_buffer(program, len(program))
    with socket.socket(fileno=os.dup(listening)) as heard, suppress(OSError):  # the kernel may lack support for filters
        heard.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_REJECT_SYN_FILTER), ctypes.addressof(code))
        )
