"""What a visitor looks for → what the index of a release has."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from operator import and_, or_
from pathlib import Path
from typing import NamedTuple

from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.release.search.index_writer import FACETS, INDEX_VERSION

PAGE_SIZE = 20
#: So many words of a text are looked for, of so many characters; and so many values of a facet are taken.
_MAX_WORDS, _MAX_WORD_CHARS, MAX_FACET_VALUES = 12, 40, 20
#: Slips (a letter that is wrong, too many, missing, or changed with its neighbour) that are forgiven in a word,
#: and in one of fewer letters; so many words that are equally near are taken.
_MAX_TYPOS, _MAX_TYPOS_IN_SHORT_WORD, _SHORT_WORD_CHARS, _MAX_CORRECTIONS = 2, 1, 6, 5
#: What was found last is kept so many times: each has some hundred values of facets.
_MAX_CACHED_RESULTS = 32
#: A search is stopped after so many seconds.
_TIMEOUT_SECONDS = 3.0
_ORDER_BY = {
    "relevance": "title COLLATE NOCASE, iri",
    "title": "title COLLATE NOCASE, iri",
    "newest": "start = '', start DESC, title COLLATE NOCASE, iri",
    "oldest": "start = '', start, title COLLATE NOCASE, iri",
}
ORDERS = tuple(_ORDER_BY)
#: The clock is looked at after so many steps of the database.
_STEPS_PER_CLOCK_CHECK = 10_000
_WORD = re.compile(r"\w+")

#: A part of what is wished for: a word, or a facet with the values that were chosen.
QueryPart = str | tuple[str, tuple[str, ...]]


class SearchHit(NamedTuple):
    """A project that was found."""

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str


class FacetValue(NamedTuple):
    """A value of a facet: its IRI (of a year, the year), its name, how many results have it, whether it was chosen."""

    value: str
    label: str
    results: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: words, and values by facet, of which a result has one of each facet."""

    text: str = ""
    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    order: str = ORDERS[0]
    page: int = 1

    @property
    def words(self) -> list[str]:
        """The words that are looked for."""
        return [word[:_MAX_WORD_CHARS] for word in _WORD.findall(self.text[: _MAX_WORDS * _MAX_WORD_CHARS * 2])][
            :_MAX_WORDS
        ]


class Relaxation(NamedTuple):
    """A wish for less, where all together finds nothing: without a part of what was wished for, or with this part
    only.
    """

    without: bool
    part: QueryPart
    query: SearchQuery
    results: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found: how many, those of this page, the facets, and words that only nearly fit; where nothing was
    found, what would be with fewer words or choices.
    """

    total: int
    hits: list[SearchHit]
    facets: dict[str, list[FacetValue]]
    corrections: dict[str, list[str]]
    relaxations: list[Relaxation]


class _IndexData(NamedTuple):
    """What is kept of an index in memory, since every search looks at all of it: the numbers of the projects
    in each order; the values of each facet with their names and the projects that have them; and words.
    """

    orders: dict[str, array[int]]
    facets: dict[str, dict[str, tuple[str, BitMap]]]
    terms: list[str]


class _Matches(NamedTuple):
    """The numbers of the projects that were found, in their order; words that were replaced; and for each facet
    those that would be there if nothing were chosen of it.
    """

    numbers: Sequence[int]
    corrections: dict[str, list[str]]
    without: dict[str, BitMap]


class SearchIndex:
    """The index of a release. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Of a release of an earlier make there is no file, or another: nothing is found in it."""
        self._path = path
        self._lock = threading.Lock()
        self._loaded: _IndexData | None = None
        #: Connections that no thread uses at this moment; None once the index is closed.
        self._idle: list[sqlite3.Connection] | None = []
        self._taking = threading.Lock()
        self.is_available = path.is_file() and self._is_current()
        self.find = lru_cache(maxsize=_MAX_CACHED_RESULTS)(self._find)

    def close(self) -> None:
        """Close the file; a search that still runs closes its own connection to it."""
        with self._taking:
            idle, self._idle = self._idle or [], None
        for base in idle:
            base.close()

    def findings(self, record: str, file: str) -> list[dict[str, str]]:
        """What was found wrong or missing in a record as read from a file, the worst first."""
        if not self.is_available:
            return []
        columns = ("severity", "rule", "message", "suggestion", "line")
        with self._connection() as base:
            rows = base.execute(
                f"SELECT DISTINCT {', '.join(columns)} FROM finding WHERE record = ? AND file = ? "  # noqa: S608 - names of our own
                "ORDER BY severity = 'info', severity, line, rule LIMIT 50",
                (record, file),
            )
            return [dict(zip(columns, map(str, row), strict=True)) for row in rows]

    def has_value(self, kind: str, value: str) -> bool:
        """Whether any project has this value of a facet."""
        return self.is_available and value in self._data().facets[kind]

    def preload(self) -> None:
        """Have in memory what every search needs."""
        if self.is_available:
            self._data()

    def all(self, query: SearchQuery) -> Iterator[SearchHit]:
        """All that a wish finds, in its order."""
        if not self.is_available:
            return
        with self._in_time() as base:
            yield from self._hits(base, self._ids(base, query).numbers)

    def _find(self, query: SearchQuery) -> SearchResult:
        """What a wish finds. Raises QueryTimeout."""
        if not self.is_available:
            return SearchResult(0, [], {}, {}, [])
        with self._in_time() as base:
            found = self._ids(base, query)
            first = (max(query.page, 1) - 1) * PAGE_SIZE
            hits = list(self._hits(base, found.numbers[first : first + PAGE_SIZE]))
            relaxations = [] if found.numbers else self._relaxations(base, query)
            return SearchResult(
                len(found.numbers), hits, self._facets(query, found.without), found.corrections, relaxations
            )

    def _ids(self, base: sqlite3.Connection, query: SearchQuery) -> _Matches:
        kept = self._data()
        corrections: dict[str, list[str]] = {}
        order = kept.orders[query.order]
        if words := query.words:
            pattern = self._pattern(base, words, corrections)
            best = " ORDER BY bm25(words, 10, 4, 1), rowid" if query.order == ORDERS[0] else ""
            rows = base.execute(f"SELECT rowid FROM words WHERE words MATCH ?{best}", (pattern,)) if pattern else ()  # noqa: S608
            found = array("I", (number for (number,) in rows))
            order, matched = (found if best else order), BitMap(found)
        else:
            matched = BitMap(order)
        having = {kind: self._having(kind, values) for kind, values in query.chosen}
        without = {
            kind: reduce(and_, (chosen for other, chosen in having.items() if other != kind), matched)
            for kind in FACETS
        }
        result = reduce(and_, having.values(), matched)
        numbers = order if len(result) == len(order) else [number for number in order if number in result]
        return _Matches(numbers, corrections, without)

    def _relaxations(self, base: sqlite3.Connection, query: SearchQuery) -> list[Relaxation]:
        """What is found, most first, when one part of a wish is left out; if nothing is, what each alone finds."""
        parts: list[QueryPart] = [*query.words, *query.chosen]
        if len(parts) < 2:
            return []
        for without in (True, False):
            found = []
            for place, part in enumerate(parts):
                rest = parts[:place] + parts[place + 1 :] if without else [part]
                text = " ".join(one for one in rest if isinstance(one, str))
                less = replace(query, text=text, chosen=tuple(one for one in rest if not isinstance(one, str)), page=1)
                if numbers := self._ids(base, less).numbers:
                    found.append(Relaxation(without, part, less, len(numbers)))
            if found:
                return sorted(found, key=lambda one: -one.results)
        return []

    def _having(self, kind: str, values: tuple[str, ...]) -> BitMap:
        """The projects that have one of these values of a facet."""
        known = self._data().facets[kind]
        return reduce(or_, (known[value][1] for value in values[:MAX_FACET_VALUES] if value in known), BitMap())

    def _facets(self, query: SearchQuery, without: dict[str, BitMap]) -> dict[str, list[FacetValue]]:
        """The values that the projects have, or that were chosen. Those of a facet are counted as if nothing were
        chosen of it.
        """
        chosen = {(kind, value) for kind, values in query.chosen for value in values}
        facets = {}
        for kind, known in self._data().facets.items():
            counted = (
                FacetValue(value, label, having.intersection_cardinality(without[kind]), (kind, value) in chosen)
                for value, (label, having) in known.items()
            )
            values = [one for one in counted if one.results or one.chosen]
            if kind == "year":
                values.sort(key=lambda one: one.label, reverse=True)
            else:
                values.sort(key=lambda one: (not one.chosen, -one.results, one.label))
            facets[kind] = values
        return facets

    def _hits(self, base: sqlite3.Connection, numbers: Sequence[int]) -> Iterator[SearchHit]:
        one = 'SELECT iri, title, code, status, start, "end", summary FROM project WHERE id = ?'
        return (SearchHit(*base.execute(one, (number,)).fetchone()) for number in numbers)

    def _pattern(self, base: sqlite3.Connection, words: list[str], corrections: dict[str, list[str]]) -> str:
        """The expression of FTS5 (section 3) for words, each in quotes: nothing in them has a meaning there.
        What nothing has is put into ``corrections`` with what nearly fits; empty where nothing does.
        """
        parts = []
        for word in words:
            part = _word_expression(word)
            if base.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (part,)).fetchone() is None:
                corrections[word] = self._nearest(word.casefold())
                part = " OR ".join(map(_word_expression, corrections[word]))
            if not part:
                return ""
            parts.append(f"({part})")
        return " AND ".join(parts)

    def _nearest(self, word: str) -> list[str]:
        """The words that are spelt most alike, the most frequent first."""
        slips = _MAX_TYPOS_IN_SHORT_WORD if len(word) < _SHORT_WORD_CHARS else _MAX_TYPOS
        found = process.extract(
            word, self._data().terms, scorer=OSA.distance, score_cutoff=slips, limit=_MAX_CORRECTIONS
        )
        return [term for term, distance, _ in found if distance == found[0][1]]

    def _data(self) -> _IndexData:
        """What is kept in memory, read once."""
        with self._lock:
            if self._loaded is None:
                with self._connection() as base:
                    self._loaded = _read(base)
            return self._loaded

    def _is_current(self) -> bool:
        with self._connection() as base:
            version: tuple[int] = base.execute("PRAGMA user_version").fetchone()
            return version == (INDEX_VERSION,)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses meanwhile."""
        with self._taking:
            base = self._idle.pop() if self._idle else None
        if base is None:
            address = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
            base = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            yield base
        except BaseException:
            base.close()
            raise
        with self._taking:
            is_open = self._idle is not None
            if self._idle is not None:
                self._idle.append(base)
        if not is_open:
            base.close()

    @contextmanager
    def _in_time(self) -> Iterator[sqlite3.Connection]:
        """A block of work with the database. Raises QueryTimeout at the limit of time, EngineUnavailable where the
        index is damaged.
        """
        until = time.monotonic() + _TIMEOUT_SECONDS
        try:
            with self._connection() as base:
                base.set_progress_handler(lambda: time.monotonic() > until, _STEPS_PER_CLOCK_CHECK)
                yield base
                base.set_progress_handler(None, 0)
        except sqlite3.DatabaseError as error:
            if "interrupted" in str(error):
                raise QueryTimeout(
                    f"The search took more than {_TIMEOUT_SECONDS:g} s", "Look for fewer words."
                ) from error
            what = f"The index of the search is damaged ({error})"
            raise EngineUnavailable(what, "Queries are answered. Build the release again, or serve another.") from error


def _read(base: sqlite3.Connection) -> _IndexData:
    """What is kept of an index in memory."""
    orders = {
        order: array("I", (number for (number,) in base.execute(f"SELECT id FROM project ORDER BY {by}")))  # noqa: S608
        for order, by in _ORDER_BY.items()
    }
    facets: dict[str, dict[str, tuple[str, BitMap]]] = {kind: {} for kind in FACETS}
    for kind, value, label, bitmap in base.execute("SELECT kind, value, label, projects FROM facet"):
        facets[kind][value] = (label, BitMap.deserialize(bitmap))
    terms = [term for (term,) in base.execute("SELECT term FROM term ORDER BY rowid")]
    return _IndexData(orders, facets, terms)


def _word_expression(word: str) -> str:
    """The expression of FTS5 for a word, or one that begins so."""
    return f'("{word}" OR "{word}" *)'
