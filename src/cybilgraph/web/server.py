"""Serves a release over HTTP until stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from cybilgraph.checker import Checker
from cybilgraph.engine.embedded import EmbeddedEngine, Limits
from cybilgraph.errors import ServeError
from cybilgraph.release import Release, Releases
from cybilgraph.suggestions import Suggestions
from cybilgraph.web import create_app
from cybilgraph.web.clients import Clients
from cybilgraph.workers.orphan import leave_with_parent

#: Requests that are handled at once; each query still waits for a query worker.
THREADS = 64
#: Who types has a check each half second or so.
RATE = 240


def serve(
    folder: Path,
    host: str,
    port: int,
    announce: Callable[[str], None],
    suggestions: Path | None = None,
    rate: int = RATE,
) -> None:
    """Serve the current release of a folder. What visitors suggest goes to another, if one is given;
    each may have ``rate`` records checked in a minute.

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
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        backpressure=THREADS * 8,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=5,  # a worker that misses the signal to stop, or is in a long query, is ended
    ).serve(target_loader=partial(_load, suggestions=suggestions, rate=rate))


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


def _load(folder: str, suggestions: Path | None, rate: int) -> Flask:
    """Called in the server's own process: the application, with its query workers."""
    release: Release = Releases(Path(folder)).current()
    leave_with_parent()
    # Pages have a worker of their own, so that heavy queries cannot keep them waiting.
    pages = EmbeddedEngine(release.store, Limits(timeout=10, workers=1))
    queue = Suggestions(suggestions) if suggestions else None
    checking = Clients(burst=max(rate // 4, 1), each_second=rate / 60, at_once=4)
    return create_app(EmbeddedEngine(release.store), release, Checker(), pages, queue, checking)
