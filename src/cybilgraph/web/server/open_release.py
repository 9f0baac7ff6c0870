"""An open release with its cache warm-up and everything that answers requests about it, and the settings to open one.

The warm-up runs the queries of the pages that visitors see first, before they do. The set is small, because each query
competes with those of visitors. All other answers are cached on first use.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from cybilgraph.errors import QueryError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.model.resources import SAMPLE_TABLE
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.search import SearchIndex
from cybilgraph.runtime.files import sha256_of
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import queries
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
from cybilgraph.sparql.pooled_engine import PooledEngine, ProcessExit, QueryLimits
from cybilgraph.sparql.queries import Query
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.sync.graph_store import require_loaded
from cybilgraph.web.pages import entity_queries
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey

#: Compressed graphs up to this size load into memory in about a second.
_SMALL_GRAPH_BYTES = 4_000_000
#: The queries of the home page, the slow charts and the list of outcomes.
_PAGE_QUERIES = (
    *("example-projects-per-country", "page-outcomes"),
    *("page-coverage", "page-timeline", "page-flows"),
)
_RECENT_YEARS = 25
_TABLE = (BY_NAME["csv"],)
#: The interval at which a warm-up checks whether the data is loaded.
_POLL_SECONDS = 0.1


def chart_query(
    query: Query,
    release: Release,
    level: EvidenceLevel = DEFAULT_LEVEL,
    filters: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """Return the text of a query at a level of evidence, with its years ending one year after the release was built.

    ``filters`` are values of its other parameters.
    """
    last = int(release.manifest["created"][:4]) + 1
    values = {"from": str(last - _RECENT_YEARS), "to": str(last), "evidence": level}
    names = [parameter.name for parameter in query.parameters]
    return query.bind({name: [values[name]] for name in names if name in values} | dict(filters))


@cache
def key_figures_query(level: EvidenceLevel = DEFAULT_LEVEL) -> str:
    """Return the query for the figures on the home page, with the file of the sample, if it has not been deleted."""
    checksum = sha256_of(SAMPLE_TABLE) if SAMPLE_TABLE.is_file() else ""
    return queries.load_query("page-numbers").bind({"file": [checksum], "evidence": [level]})


def warm_up_queries(release: Release) -> Iterator[tuple[str, CacheKey]]:
    """Yield the names and keys of the queries of the pages that visitors see first, those of the home page before."""
    yield "page-numbers", CacheKey.of(key_figures_query(), _TABLE)
    for name in _PAGE_QUERIES:
        yield name, CacheKey.of(chart_query(queries.load_query(name), release), _TABLE)
    for kind in entity_queries.ENTITY_KINDS.values():
        yield kind.title, CacheKey.of(entity_queries.list_query(kind), _TABLE)
    # These two count nearly all projects.
    for level in EvidenceLevel:
        if level != DEFAULT_LEVEL:
            yield f"page-numbers with {level} links", CacheKey.of(key_figures_query(level), _TABLE)
        world = entity_queries.entity_query("page-first", "region", "001", level)
        yield f"page-first of the world with {level} links", CacheKey.of(world, _TABLE)
    # The slowest chart takes longest if all links count.
    every_flow = chart_query(queries.load_query("page-flows"), release, EvidenceLevel.POSSIBLE)
    yield "page-flows with possible links", CacheKey.of(every_flow, _TABLE)


class WarmUp:
    """The cache warm-up of one release; reports answers that cannot be cached to ``on_event``."""

    def __init__(
        self,
        release: Release,
        answers: AnswerCache,
        on_event: Callable[[str], None],
        wanted: list[tuple[str, CacheKey]] | None = None,
    ) -> None:
        """Prepare to run the ``wanted`` queries, by default those of ``warm_up_queries``."""
        self._release = f"Release {release.number:04d}"
        self._answers = answers
        self._on_event = on_event
        self._caller = Caller("cache warm-up")
        self._wanted = list(warm_up_queries(release)) if wanted is None else wanted
        self._done: list[CacheKey] = []
        self._stopped = threading.Event()
        self._until = math.inf

    def run(self, seconds: float = math.inf) -> None:
        """Run all queries, as soon as the engine has loaded its data; visitors need not wait longer than ``seconds``.

        Each takes at most the time limit of a query.
        """
        while self._answers.engine.trouble:
            if self._stopped.wait(_POLL_SECONDS):
                return
        self._until = time.monotonic() + seconds
        for name, key in self._wanted:
            if self._stopped.is_set():
                return
            reason = "It does not fit into the cache (--cache-bytes)"
            try:
                self._answers.find(key, caller=self._caller)
            except QueryError as error:
                reason = error.what
            self._done.append(key)
            if not self._answers.contains(key) and not self._stopped.is_set():
                self._on_event(f"{self._release}: the result of {name} is not cached. {reason}")
        # What is present lives as long as the release, and scanning it takes a tenth of a second or more, which blocks
        # all requests.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        """Whether all queries have run, or the time for them is over."""
        return time.monotonic() >= self._until

    def stop(self) -> None:
        """Stop running queries."""
        self._stopped.set()
        self._caller.leave()

    @property
    def state(self) -> dict[str, int]:
        """The number of answers that are cached ("kept"), waiting, or not cached ("left_out")."""
        done = list(self._done)
        kept = sum(map(self._answers.contains, done))
        return {"kept": kept, "waiting": len(self._wanted) - len(done), "left_out": len(done) - kept}


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
            f"The data of release {self.release.number} have changed or cannot be read on the server's disk, and are "
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
