"""Cache warm-up: run the most common queries of a new release before visitors do, within a time limit.

The remaining queries run in the background while the release is already being served. Answers that cannot be cached
are logged.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cybilgraph.errors import EngineUnavailable, QueryError, QueryTimeout
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import queries
from cybilgraph.sparql.queries import Query
from cybilgraph.web.api.protocol import PAGE_FORMATS
from cybilgraph.web.pages import entity_queries
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey

#: The queries of the pages that visitors see first.
_PAGE_QUERIES = (
    *("page-numbers", "page-outcomes", "example-projects-per-country"),
    *("page-coverage", "page-timeline", "page-network", "example-active-projects-per-year"),
)
_RECENT_YEARS = 15
_TABLE = (BY_NAME["csv"],)
#: The factor by which the time limit of a query grows in each round.
_TIMEOUT_GROWTH = 4


def bind_recent_years(query: Query, release: Release) -> str:
    """Return the text of a query, with its range of years ending one year after the release was built."""
    if not {"from", "to"} <= {parameter.name for parameter in query.parameters}:
        return query.text
    last = int(release.manifest["created"][:4]) + 1
    return query.bind({"from": [str(last - _RECENT_YEARS)], "to": [str(last)]})


@dataclass(frozen=True, slots=True)
class WarmUpQuery:
    """A query whose answer is cached before visitors ask for it; ``name`` identifies it in the log."""

    name: str
    cache_key: CacheKey


def warm_up_queries(release: Release) -> Iterator[WarmUpQuery]:
    """Yield the most common queries, and the slowest ones of the pages."""
    yield from (WarmUpQuery(query.name, CacheKey.of(query.text, PAGE_FORMATS)) for query in queries.example_queries())
    for name in _PAGE_QUERIES:
        yield WarmUpQuery(name, CacheKey.of(bind_recent_years(queries.load_query(name), release), _TABLE))
    for kind in entity_queries.ENTITY_KINDS.values():
        yield WarmUpQuery(kind.title, CacheKey.of(entity_queries.list_query(kind), _TABLE))
    for theme in entity_queries.themes():
        for text in (entity_queries.projects_query, entity_queries.related_query):
            yield WarmUpQuery(theme.name, CacheKey.of(text("theme", theme.key), _TABLE))


class WarmUp:
    """The cache warm-up of one release; reports its results to ``on_event``."""

    def __init__(
        self,
        release: Release,
        answers: AnswerCache,
        on_event: Callable[[str], None],
        wanted: Iterable[WarmUpQuery] | None = None,
    ) -> None:
        """Prepare to run the ``wanted`` queries, by default those of ``warm_up_queries``."""
        self._number = release.number
        self._answers = answers
        self._on_event = on_event
        self._caller = Caller("cache warm-up")
        self._waiting = deque(warm_up_queries(release) if wanted is None else wanted)
        self._done: list[WarmUpQuery] = []
        self._failures: dict[WarmUpQuery, str] = {}

    def run(self, seconds: float) -> None:
        """Run the queries for at most ``seconds``.

        In the first round, all queries together may take half of the time; in each further round, the time limit of
        those left grows.
        """
        until = time.monotonic() + seconds
        each = max(seconds / max(2 * len(self._waiting), 1), 0.001)
        while self._waiting and time.monotonic() < until:
            for _ in range(len(self._waiting)):
                if (seconds_left := until - time.monotonic()) > 0:
                    self._ask(min(seconds_left, each))
            each *= _TIMEOUT_GROWTH
        if self._waiting:
            number, late = len(self._waiting) + len(self._done), len(self._waiting)
            what = f"cache warm-up has {late} of {number} queries left after {seconds:g} seconds (--warm-seconds)"
            self._on_event(f"Release {self._number:04d}: {what}; they continue in the background")
        else:
            self._report()

    def run_in_background(self) -> None:
        """Run the remaining queries in a thread, until all are done or ``stop`` is called."""
        if self._waiting:
            threading.Thread(target=self._run_rest, daemon=True, name="warm-up").start()

    def stop(self) -> None:
        """Stop running queries."""
        self._waiting.clear()
        self._caller.leave()

    def _run_rest(self) -> None:
        while self._waiting:
            self._ask(math.inf)
        if not self._caller.gone:
            self._report()

    def _ask(self, seconds: float) -> None:
        """Run the next query; move it to the end if it exceeds ``seconds``, unless that is the general limit."""
        try:
            query = self._waiting.popleft()
        except IndexError:  # stopped
            return
        try:
            self._answers.find(query.cache_key, seconds, self._caller)
        except QueryError as error:
            if isinstance(error, QueryTimeout | EngineUnavailable) and seconds < self._answers.engine.timeout:
                self._waiting.append(query)
                return
            self._failures[query] = error.what
        self._done.append(query)

    def _report(self) -> None:
        for query in self._left_out():
            reason = self._failures.get(query, "It does not fit into the cache (--cache-bytes)")
            self._on_event(f"Release {self._number:04d}: the result of {query.name} is not cached. {reason}")

    def _left_out(self) -> list[WarmUpQuery]:
        return [query for query in self._done if not self._answers.contains(query.cache_key)]

    @property
    def state(self) -> dict[str, int]:
        """The number of answers that are cached ("kept"), waiting, or not cached ("left_out")."""
        left_out = len(self._left_out())
        return {"kept": len(self._done) - left_out, "waiting": len(self._waiting), "left_out": left_out}
