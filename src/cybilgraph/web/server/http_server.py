"""The HTTP server: serves the current release until stopped."""

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

from cybilgraph.errors import ServeError
from cybilgraph.release import Releases
from cybilgraph.runtime.processes import exit_with_parent, limit_kept_memory
from cybilgraph.runtime.sandbox import missing_protection
from cybilgraph.sparql import AnswerBudget
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
from cybilgraph.sparql.pooled_engine import QueryLimits
from cybilgraph.sync.graph_store import require_loaded
from cybilgraph.web import BUNDLE, create_app
from cybilgraph.web.checker import Checker
from cybilgraph.web.server.access_log import AccessLog, http_server_logging
from cybilgraph.web.server.connections import Connections, accepted_connections
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import ReleaseOpener
from cybilgraph.web.server.quotas import is_among
from cybilgraph.web.server.settings import Settings
from cybilgraph.web.server.shutdown import GracefulServer, on_last_answers
from cybilgraph.web.suggestions import SuggestionQueue

#: The largest request head, in bytes.
_MAX_HEAD_BYTES = 131_072
#: The most connections waiting to be accepted, which is the default limit of Linux (listen(2)).
_MAX_BACKLOG = 4096


def serve(folder: Path, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the current release of a folder or, if it is damaged, the last good one, and announce that.

    Raises ReleaseError if there is none, EndpointFailed and EngineUnavailable if the configured endpoint does not
    have the release, SuggestionsFull if the suggestions folder cannot be used, and ServeError if the address is in
    use.
    """
    release = Releases(folder).select_intact(announce)
    if settings.endpoint:
        require_loaded(Endpoint(settings.endpoint, Credentials.of(settings.credentials)), release)
    if settings.suggestions:
        SuggestionQueue(settings.suggestions).secure()
    _require_free_address(settings.host, settings.port)
    announce(f"Serving release {release.number:04d} at http://{settings.host}:{settings.port}/ (stop with Ctrl-C)")
    if not BUNDLE.is_file():
        announce("The site's scripts were not bundled at installation. The site falls back to plain forms.")
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
    access_log = AccessLog(settings.log_format, queries=settings.log_queries)
    for sentence in missing_protection():
        access_log.log_event(sentence)
    limits = QueryLimits(
        timeout=settings.timeout,
        answer=settings.answer_bytes,
        memory=settings.worker_memory,
        workers=settings.quick_workers,
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
