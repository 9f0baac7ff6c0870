"""What most will ask for is asked before the first visitor does, for as long as a release may keep visitors waiting.

What takes longer follows behind, while the release is served already; what cannot be kept is told of.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
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

#: What pages show that visitors ask for first.
_PAGE_QUERIES = (
    *("page-numbers", "page-outcomes", "example-projects-per-country"),
    *("page-coverage", "page-timeline", "page-network", "example-active-projects-per-year"),
)
_RECENT_YEARS = 15
_TABLE = (BY_NAME["csv"],)
#: In each round, a query may take so many times the seconds of the one before.
_TIMEOUT_GROWTH = 4


def bind_recent_years(query: Query, release: Release) -> str:
    """The text of a query; years that it asks for end with the one after its release was made."""
    if not {"from", "to"} <= {parameter.name for parameter in query.parameters}:
        return query.text
    last = int(release.manifest["created"][:4]) + 1
    return query.bind({"from": [str(last - _RECENT_YEARS)], "to": [str(last)]})


@dataclass(frozen=True, slots=True)
class _WarmUpQuery:
    name: str
    cache_key: CacheKey


def _warm_up_queries(release: Release) -> Iterator[_WarmUpQuery]:
    """What most will ask for, and what takes longest of what pages ask."""
    yield from (_WarmUpQuery(query.name, CacheKey.of(query.text, PAGE_FORMATS)) for query in queries.example_queries())
    for name in _PAGE_QUERIES:
        yield _WarmUpQuery(name, CacheKey.of(bind_recent_years(queries.load_query(name), release), _TABLE))
    for kind in entity_queries.KINDS.values():
        yield _WarmUpQuery(kind.title, CacheKey.of(entity_queries.list_query(kind), _TABLE))
    for theme in entity_queries.themes():
        for text in (entity_queries.projects_query, entity_queries.related_query):
            yield _WarmUpQuery(theme.name, CacheKey.of(text("theme", theme.key), _TABLE))


class WarmUp:
    """The answers over one release that are asked ahead; what becomes of them is ``on_event``."""

    def __init__(self, release: Release, answers: AnswerCache, on_event: Callable[[str], None]) -> None:
        self._number = release.number
        self._answers = answers
        self._on_event = on_event
        self._caller = Caller("what is asked ahead")
        self._waiting = deque(_warm_up_queries(release))
        self._done: list[_WarmUpQuery] = []
        self._failures: dict[_WarmUpQuery, str] = {}

    def run(self, seconds: float) -> None:
        """Ask for so many seconds, round by round: each query has its part of the half of them, then more."""
        until = time.monotonic() + seconds
        each = max(seconds / max(2 * len(self._waiting), 1), 0.001)
        while self._waiting and time.monotonic() < until:
            for _ in range(len(self._waiting)):
                if (seconds_left := until - time.monotonic()) > 0:
                    self._ask(min(seconds_left, each))
            each *= _TIMEOUT_GROWTH
        if self._waiting:
            number, late = len(self._waiting) + len(self._done), len(self._waiting)
            what = f"{late} of {number} answers that most ask for are not there after {seconds:g} seconds, and follow"
            self._on_event(f"Release {self._number:04d}: {what} (--warm-seconds)")
        else:
            self._report()

    def run_in_background(self) -> None:
        """Ask what is left in a thread, until all is there or ``stop`` is called."""
        if self._waiting:
            threading.Thread(target=self._run_rest, daemon=True, name="asked ahead").start()

    def stop(self) -> None:
        """Ask no more."""
        self._waiting.clear()
        self._caller.leave()

    def _run_rest(self) -> None:
        while self._waiting:
            self._ask(math.inf)
        if not self._caller.gone:
            self._report()

    def _ask(self, seconds: float) -> None:
        """Ask what is next; what takes longer than these seconds, fewer than a query may take, comes last then."""
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
            reason = self._failures.get(query, "There is no room for it (--cache-bytes)")
            self._on_event(f"Release {self._number:04d}: the answer to {query.name} is not there ahead. {reason}")

    def _left_out(self) -> list[_WarmUpQuery]:
        return [query for query in self._done if not self._answers.contains(query.cache_key)]

    @property
    def state(self) -> dict[str, int]:
        """How many of the answers are kept, wait to be asked, or are left out."""
        left_out = len(self._left_out())
        return {"kept": len(self._done) - left_out, "waiting": len(self._waiting), "left_out": left_out}
