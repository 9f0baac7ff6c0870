"""Serves a release over HTTP until stopped."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from cybilgraph.checker import Checker
from cybilgraph.engine.embedded import Limits
from cybilgraph.errors import ServeError
from cybilgraph.release import Releases
from cybilgraph.suggestions import Suggestions
from cybilgraph.web import create_app
from cybilgraph.web.clients import Clients
from cybilgraph.web.front import Front
from cybilgraph.web.live import Live
from cybilgraph.workers.orphan import leave_with_parent

_log = logging.getLogger(__name__)

#: Bytes of memory for answers that are kept, and for the store: what does not fit stays on disk.
ROOM_OF_ANSWERS = 64_000_000
_ROOM_OF_STORE = 2_000_000_000
#: Who types has a check each half second or so.
RATE = 240


def serve(
    folder: Path,
    host: str,
    port: int,
    announce: Callable[[str], None],
    suggestions: Path | None = None,
    rate: int = RATE,
    services: frozenset[str] = frozenset(),
) -> None:
    """Serve the current release of a folder. What visitors suggest goes to another, if one is given;
    each may have ``rate`` records checked in a minute. Queries may call ``services``.

    Raises ReleaseError where it is not there or damaged, ServeError where the address is taken.
    """
    release = Releases(folder).current()
    release.verify()
    _probe(host, port)
    announce(f"Serving release {release.number:04d} at http://{host}:{port}/ (stop with Ctrl-C)")
    Granian(
        target=str(folder),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=5,  # a worker that misses the signal to stop, or is in a long query, is ended
    ).serve(target_loader=partial(_load, suggestions=suggestions, rate=rate, services=services))


def _probe(host: str, port: int) -> None:
    """Raise ServeError where nobody can listen at this address; the server itself would not say why."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(
                f"Cannot listen at {host}:{port}: {error.strerror}", "Choose another port with --port."
            ) from error


def _load(folder: str, suggestions: Path | None, rate: int, services: frozenset[str]) -> Front:
    """Called in the server's own process: the application, with its query workers."""
    leave_with_parent()
    live = Live(Releases(Path(folder)), Limits(store=_ROOM_OF_STORE, services=services), ROOM_OF_ANSWERS, _log.info)
    queue = Suggestions(suggestions) if suggestions else None
    checking = Clients(burst=max(rate // 4, 1), each_second=rate / 60, at_once=4)
    return create_app(live, Checker(), queue, checking)
