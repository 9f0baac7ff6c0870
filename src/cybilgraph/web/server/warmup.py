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
from cybilgraph.web.api.protocol import FOR_PAGE
from cybilgraph.web.pages import entity_lists
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey

#: What pages show that visitors ask for first.
_PAGES = (
    *("page-numbers", "page-outcomes", "example-projects-per-country"),
    *("page-coverage", "page-timeline", "page-network", "example-active-projects-per-year"),
)
_YEARS = 15
_TABLE = (BY_NAME["csv"],)
#: In each round, a query may take so many times the seconds of the one before.
_MORE = 4


def up_to(query: Query, release: Release) -> str:
    """The text of a query; years that it asks for end with the one after its release was made."""
    if not {"from", "to"} <= {parameter.name for parameter in query.parameters}:
        return query.text
    last = int(release.manifest["created"][:4]) + 1
    return query.bind({"from": [str(last - _YEARS)], "to": [str(last)]})


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    question: CacheKey


def _first(release: Release) -> Iterator[_Wanted]:
    """What most will ask for, and what takes longest of what pages ask."""
    yield from (_Wanted(query.name, CacheKey.of(query.text, FOR_PAGE)) for query in queries.examples())
    for name in _PAGES:
        yield _Wanted(name, CacheKey.of(up_to(queries.load(name), release), _TABLE))
    for kind in entity_lists.KINDS.values():
        yield _Wanted(kind.title, CacheKey.of(entity_lists.listed(kind), _TABLE))
    for theme in entity_lists.themes():
        for text in (entity_lists.linked, entity_lists.beside):
            yield _Wanted(theme.name, CacheKey.of(text("theme", theme.key), _TABLE))


class WarmUp:
    """The answers over one release that are asked ahead; what becomes of them is ``told``."""

    def __init__(self, release: Release, answers: AnswerCache, told: Callable[[str], None]) -> None:
        self._number = release.number
        self._answers = answers
        self._told = told
        self._caller = Caller("what is asked ahead")
        self._waiting = deque(_first(release))
        self._done: list[_Wanted] = []
        self._why: dict[_Wanted, str] = {}

    def ahead(self, seconds: float) -> None:
        """Ask for so many seconds, round by round: each query has its part of the half of them, then more."""
        until = time.monotonic() + seconds
        each = max(seconds / max(2 * len(self._waiting), 1), 0.001)
        while self._waiting and time.monotonic() < until:
            for _ in range(len(self._waiting)):
                if (left := until - time.monotonic()) > 0:
                    self._ask(min(left, each))
            each *= _MORE
        if self._waiting:
            number, late = len(self._waiting) + len(self._done), len(self._waiting)
            what = f"{late} of {number} answers that most ask for are not there after {seconds:g} seconds, and follow"
            self._told(f"Release {self._number:04d}: {what} (--warm-seconds)")
        else:
            self._tell()

    def behind(self) -> None:
        """Ask what is left in a thread, until all is there or ``stop`` is called."""
        if self._waiting:
            threading.Thread(target=self._rest, daemon=True, name="asked ahead").start()

    def stop(self) -> None:
        """Ask no more."""
        self._waiting.clear()
        self._caller.leave()

    def _rest(self) -> None:
        while self._waiting:
            self._ask(math.inf)
        if not self._caller.gone:
            self._tell()

    def _ask(self, seconds: float) -> None:
        """Ask what is next; what takes longer than these seconds, fewer than a query may take, comes last then."""
        try:
            wanted = self._waiting.popleft()
        except IndexError:  # stopped
            return
        try:
            self._answers.find(wanted.question, seconds, self._caller)
        except QueryError as error:
            if isinstance(error, QueryTimeout | EngineUnavailable) and seconds < self._answers.engine.timeout:
                self._waiting.append(wanted)
                return
            self._why[wanted] = error.what
        self._done.append(wanted)

    def _tell(self) -> None:
        for wanted in self._left_out():
            why = self._why.get(wanted, "There is no room for it (--cache-bytes)")
            self._told(f"Release {self._number:04d}: the answer to {wanted.name} is not there ahead. {why}")

    def _left_out(self) -> list[_Wanted]:
        return [wanted for wanted in self._done if not self._answers.keeps(wanted.question)]

    @property
    def state(self) -> dict[str, int]:
        """How many of the answers are kept, wait to be asked, or are left out."""
        left_out = len(self._left_out())
        return {"kept": len(self._done) - left_out, "waiting": len(self._waiting), "left_out": left_out}
