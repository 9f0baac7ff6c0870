"""Cache warm-up: run the queries of the pages that visitors see first, before they do.

The set is small, because each query competes with those of visitors. All other answers are cached on first use.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cybilgraph.errors import QueryError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import queries
from cybilgraph.sparql.queries import Query
from cybilgraph.web.pages import entity_queries
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey

#: The queries of the home page, the charts and the list of outcomes.
_PAGE_QUERIES = (
    *("page-numbers", "example-projects-per-country", "page-outcomes"),
    *("page-coverage", "page-timeline", "page-network", "example-active-projects-per-year"),
)
_RECENT_YEARS = 15
_TABLE = (BY_NAME["csv"],)
#: The interval at which a warm-up checks whether the data is loaded.
_POLL_SECONDS = 0.1


def bind_recent_years(query: Query, release: Release) -> str:
    """Return the text of a query, with its range of years ending one year after the release was built."""
    if not {"from", "to"} <= {parameter.name for parameter in query.parameters}:
        return query.text
    last = int(release.manifest["created"][:4]) + 1
    return query.bind({"from": [str(last - _RECENT_YEARS)], "to": [str(last)]})


class WarmUpQuery(NamedTuple):
    """A query whose answer is cached before visitors ask for it; ``name`` identifies it in the log."""

    name: str
    cache_key: CacheKey


def warm_up_queries(release: Release) -> Iterator[WarmUpQuery]:
    """Yield the queries of the pages that visitors see first, those of the home page before the others."""
    for name in _PAGE_QUERIES:
        yield WarmUpQuery(name, CacheKey.of(bind_recent_years(queries.load_query(name), release), _TABLE))
    for kind in entity_queries.ENTITY_KINDS.values():
        yield WarmUpQuery(kind.title, CacheKey.of(entity_queries.list_query(kind), _TABLE))


class WarmUp:
    """The cache warm-up of one release; reports answers that cannot be cached to ``on_event``."""

    def __init__(
        self,
        release: Release,
        answers: AnswerCache,
        on_event: Callable[[str], None],
        wanted: Iterable[WarmUpQuery] | None = None,
    ) -> None:
        """Prepare to run the ``wanted`` queries, by default those of ``warm_up_queries``."""
        self._release = f"Release {release.number:04d}"
        self._answers = answers
        self._on_event = on_event
        self._caller = Caller("cache warm-up")
        self._wanted = tuple(warm_up_queries(release) if wanted is None else wanted)
        self._done: list[WarmUpQuery] = []
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
        for query in self._wanted:
            if self._stopped.is_set():
                return
            reason = "It does not fit into the cache (--cache-bytes)"
            try:
                self._answers.find(query.cache_key, caller=self._caller)
            except QueryError as error:
                reason = error.what
            self._done.append(query)
            if not self._answers.contains(query.cache_key) and not self._stopped.is_set():
                self._on_event(f"{self._release}: the result of {query.name} is not cached. {reason}")
        _freeze_garbage_collector()
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
        kept = sum(self._answers.contains(query.cache_key) for query in done)
        return {"kept": kept, "waiting": len(self._wanted) - len(done), "left_out": len(done) - kept}


def _freeze_garbage_collector() -> None:
    """Exclude all present objects from garbage collection.

    They live as long as the release, and scanning them takes a tenth of a second or more, which blocks all requests.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
