"""An open release, with everything that answers requests about it, and the settings to open one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.search import SearchIndex
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
from cybilgraph.sparql.pooled_engine import PooledEngine, ProcessExit, QueryLimits
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.sync.graph_store import require_loaded
from cybilgraph.web.server.answer_cache import AnswerCache
from cybilgraph.web.server.warmup import WarmUp

#: Compressed graphs up to this size load into memory in about a second.
_SMALL_GRAPH_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class OpenRelease:
    """An open release with its engine, answer cache, search index and cache warm-up."""

    release: Release
    engine: PooledEngine
    answers: AnswerCache
    search: SearchIndex
    warm_up: WarmUp

    def start_warm_up(self, seconds: float) -> None:
        """Load the search index and warm up the answer cache in a thread; see ``WarmUp.run``."""

        def run() -> None:
            try:
                self.search.preload()
            finally:  # a damaged search index must not keep the release from being served
                self.warm_up.run(seconds)

        threading.Thread(target=run, daemon=True, name="warm-up").start()

    @property
    def storage_problem(self) -> str:
        """Why the store must be verified before it answers more queries; empty if no problem is known.

        Reads only the status of the store's files.
        """
        if error := self.engine.storage_error:
            return f"The store of release {self.release.number} could not be read ({error})"
        if self.engine.reads_disk and not self.release.is_store_unchanged():
            return f"The files of the store of release {self.release.number} have changed on the disk"
        return ""

    def refuse_queries(self) -> bool:
        """Answer no more queries from the store; return whether that is new."""
        self.answers.clear()  # some may come from damaged data
        return self.engine.refuse(
            f"The data of release {self.release.number} has changed or cannot be read on the server's disk, and is "
            "being verified"
        )

    def close(self) -> None:
        """Stop the engine's workers and drop the cached answers."""
        self.warm_up.stop()
        self.engine.close()
        self.answers.clear()
        self.search.close()


@dataclass(frozen=True, slots=True)
class ReleaseOpener:
    """Opens releases with the limits of queries and ``cache_bytes`` for their answers.

    If ``endpoint`` is given, that SPARQL server answers queries, with the credentials in the file ``credentials``.
    ``on_event`` receives log messages, and ``on_process_end`` processes that ended unexpectedly.
    """

    limits: QueryLimits
    cache_bytes: int
    on_event: Callable[[str], None]
    on_process_end: Callable[[ProcessExit], object] = lambda _: None
    endpoint: str = ""
    credentials: str = ""

    def remote(self) -> Endpoint | None:
        """Return a client of the endpoint, if there is one."""
        return Endpoint(self.endpoint, Credentials.of(self.credentials)) if self.endpoint else None

    def open(self, release: Release) -> OpenRelease:
        """Open a release with the engine that the settings demand. It may still have to load its data.

        Raises EndpointFailed and EngineUnavailable if the endpoint does not have the release.
        """
        checksum = release.checksum(GRAPH)
        engine: PooledEngine
        if remote := self.remote():
            require_loaded(remote, release)
            engine = RemoteEngine(
                *(self.endpoint, self.limits),
                credentials=self.credentials,
                store=release.store,
                checksum=checksum,
                on_process_end=self.on_process_end,
            )
        else:
            engine = EmbeddedEngine(
                *(release.store, self.limits),
                graph=release.folder / GRAPH,
                checksum=checksum,
                on_process_end=self.on_process_end,
            )
        self.on_event(f"Release {release.number:04d} is {engine.storage}")
        return self._with_caches(release, engine)

    def open_on_disk(self, release: Release, workers: int = 1) -> OpenRelease:
        """Open a release from its store on disk, which takes a moment whatever its size."""
        limits = replace(self.limits, workers=workers, long_workers=workers, store=0)
        return self._with_caches(release, EmbeddedEngine(release.store, limits, on_process_end=self.on_process_end))

    def is_slow_to_load(self, opened: OpenRelease) -> bool:
        """Return whether an open release has to load so much data into memory that its disk should answer meanwhile."""
        is_large = opened.release.file_size(GRAPH) > _SMALL_GRAPH_BYTES
        return is_large and not self.endpoint and bool(opened.engine.trouble)

    def _with_caches(self, release: Release, engine: PooledEngine) -> OpenRelease:
        tag = f"{release.number}/{release.checksum(GRAPH)}/{engine.location}"
        answers = AnswerCache(engine, tag, self.cache_bytes)
        warm_up = WarmUp(release, answers, self.on_event)
        return OpenRelease(release, engine, answers, SearchIndex(release.search), warm_up)
