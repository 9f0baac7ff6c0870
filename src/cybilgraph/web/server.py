"""Serves a release over HTTP until stopped."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from cybilgraph.checker import Checker
from cybilgraph.engine import AnswerBudget
from cybilgraph.engine.endpoint import Credentials, Endpoint
from cybilgraph.engine.pooled import Limits
from cybilgraph.errors import ServeError
from cybilgraph.loading import require
from cybilgraph.release import Releases
from cybilgraph.settings import Settings
from cybilgraph.suggestions import Suggestions
from cybilgraph.web import BUNDLE, create_app
from cybilgraph.web.clients import is_among
from cybilgraph.web.connections import Connections
from cybilgraph.web.journal import Journal, of_http_server
from cybilgraph.web.live import Live
from cybilgraph.web.stopping import StoppingServer, when_told
from cybilgraph.workers.orphan import leave_with_parent
from cybilgraph.workers.sandbox import missing_protection

#: The head of a request has no more bytes than this.
_HEAD_BYTES = 131_072


def serve(folder: Path, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the current release of a folder; where it is damaged, the last good one, which is announced.

    Raises ReleaseError where there is none, EndpointFailed and EngineUnavailable where the endpoint of the
    settings does not hold it, SuggestionsFull where the folder of suggestions cannot be used, ServeError where the
    address is taken.
    """
    release = Releases(folder).sound(announce)
    if settings.endpoint:
        require(Endpoint(settings.endpoint, Credentials.of(settings.credentials)), release)
    if settings.suggestions:
        Suggestions(settings.suggestions).secure()
    _probe(settings.host, settings.port)
    announce(f"Serving release {release.number:04d} at http://{settings.host}:{settings.port}/ (stop with Ctrl-C)")
    if not BUNDLE.is_file():
        announce("The scripts of the site were not bundled when it was installed. It works with plain forms.")
    StoppingServer(
        target=str(folder),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=math.ceil(settings.header_seconds * 1000), max_buffer_size=_HEAD_BYTES
        ),
        log_level=LogLevels.error,
        log_dictconfig=of_http_server(settings.log_format),
        respawn_failed_workers=True,
        workers_kill_timeout=settings.stop_seconds,
    ).serve(target_loader=partial(_load, settings=settings))


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


def _load(folder: str, settings: Settings) -> Any:
    """Called in the server's own process: the application, with its query workers."""
    leave_with_parent()
    journal = Journal(settings.log_format, queries=settings.log_queries)
    for sentence in missing_protection():
        journal.tell(sentence)
    limits = Limits(
        timeout=settings.timeout,
        answer=settings.answer_bytes,
        memory=settings.worker_memory,
        workers=settings.quick_workers,
        long=settings.long_workers,
        store=settings.store_memory,
        services=frozenset(settings.service),
        patient=False,
        budget=AnswerBudget(settings.unsent_bytes, max(settings.unsent_bytes // 4, settings.answer_bytes)),
    )
    where = (settings.endpoint, settings.credentials)
    times = (settings.warm_seconds, settings.look_seconds)
    live = Live(Releases(Path(folder)), limits, settings.cache_bytes, journal.tell, *where, *times, journal.ended)
    is_proxy = partial(is_among, networks=settings.trusted_proxy)
    connections = Connections(
        settings.port, seconds=settings.send_seconds, most=settings.connections, is_proxy=is_proxy
    )
    live.tended.append(connections.tend)
    app = create_app(live, Checker(told=journal.ended), settings, journal)
    when_told(app.end)
    return wrap_asgi_with_proxy_headers(app, list(settings.trusted_proxy)) if settings.trusted_proxy else app
