"""What a visitor looks for → what the index of a release has."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rapidfuzz import fuzz, process

from cybilgraph.errors import QueryTimeout
from cybilgraph.search.written import FACETS

ORDERS = ("relevance", "title", "newest", "oldest")
PAGE = 20
#: So many words of a text are looked for, of so many characters; and so many values of a facet are taken.
_WORDS, _LETTERS, _VALUES = 12, 40, 20
#: Words that are nearly the same are as much alike as this (0 to 100); so many of all words are compared.
_ALIKE, _NEAREST, _VOCABULARY = 70, 5, 300_000
#: A search is stopped after so many seconds.
_SECONDS = 3.0
#: The clock is looked at after so many steps of the database.
_STEPS = 10_000
_WORD = re.compile(r"\w+")


class Hit(NamedTuple):
    """A project that was found."""

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str


class Value(NamedTuple):
    """A value of a facet: its IRI (of a year, the year), its name, how many results have it, whether it was chosen."""

    value: str
    label: str
    results: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for: words, and values by facet, of which a result has one of each facet."""

    text: str = ""
    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    order: str = ORDERS[0]
    page: int = 1

    @property
    def words(self) -> list[str]:
        """The words that are looked for."""
        return [word[:_LETTERS] for word in _WORD.findall(self.text[: _WORDS * _LETTERS * 2])][:_WORDS]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: how many, those of this page, the facets, and words that only nearly fit."""

    total: int
    hits: list[Hit]
    facets: dict[str, list[Value]]
    near: dict[str, list[str]]


class Search:
    """The index of a release. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Of a release of an earlier make there is no file: nothing is found in it."""
        self._path = path
        self._own = threading.local()
        self._lock = threading.Lock()
        self._terms: list[str] | None = None
        self._orders: dict[str, list[int]] = {}
        self._named: dict[int, tuple[str, str, str]] = {}
        self._whole: Counter[int] = Counter()
        self._many = 0
        self.there = path.is_file()
        self.find = lru_cache(maxsize=512)(self._find)

    def findings(self, record: str, file: str) -> list[dict[str, str]]:
        """What was found wrong or missing in a record as read from a file, the worst first."""
        if not self.there:
            return []
        columns = ("severity", "rule", "message", "suggestion", "line")
        rows = self._base().execute(
            f"SELECT DISTINCT {', '.join(columns)} FROM finding WHERE record = ? AND file = ? "  # noqa: S608 - names of our own
            "ORDER BY severity = 'info', severity, line, rule LIMIT 50",
            (record, file),
        )
        return [dict(zip(columns, map(str, row), strict=True)) for row in rows]

    def has(self, kind: str, value: str) -> bool:
        """Whether any project has this value of a facet."""
        known = "SELECT 1 FROM facet WHERE kind = ? AND value = ?"
        return self.there and self._base().execute(known, (kind, value)).fetchone() is not None

    def all(self, wish: Wish) -> Iterator[Hit]:
        """All that a wish finds, in its order."""
        if not self.there:
            return
        with self._in_time() as base:
            yield from (self._hit(base, number) for number in self._ids(base, wish)[0])

    def _find(self, wish: Wish) -> Found:
        """What a wish finds. Raises QueryTimeout."""
        if not self.there:
            return Found(0, [], {}, {})
        with self._in_time() as base:
            ids, near, without = self._ids(base, wish)
            first = (max(wish.page, 1) - 1) * PAGE
            hits = [self._hit(base, number) for number in ids[first : first + PAGE]]
            return Found(len(ids), hits, self._facets(base, wish, ids, without), near)

    def _ids(
        self, base: sqlite3.Connection, wish: Wish
    ) -> tuple[list[int], dict[str, list[str]], dict[str, list[int]]]:
        """The projects in their order; words that were replaced; and for each facet with chosen values, the
        projects that would be there without these.
        """
        near: dict[str, list[str]] = {}
        if words := wish.words:
            pattern = self._pattern(base, words, near)
            best = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 10, 4, 1), rowid"
            ranked = [number for (number,) in base.execute(best, (pattern,))] if pattern else []
            if wish.order != ORDERS[0]:
                allowed = set(ranked)
                ranked = [number for number in self._sorted(base, wish.order) if number in allowed]
        else:
            ranked = self._sorted(base, wish.order)
        having = {kind: self._having(base, kind, values) for kind, values in wish.chosen}
        result = [number for number in ranked if all(number in ids for ids in having.values())]
        without = {
            kind: [number for number in ranked if all(number in ids for other, ids in having.items() if other != kind)]
            for kind in having
        }
        return result, near, without

    def _having(self, base: sqlite3.Connection, kind: str, values: tuple[str, ...]) -> set[int]:
        one = "SELECT project FROM link JOIN facet ON facet.id = link.facet WHERE kind = ? AND value = ?"
        return {number for value in values[:_VALUES] for (number,) in base.execute(one, (kind, value))}

    def _facets(
        self, base: sqlite3.Connection, wish: Wish, ids: list[int], without: dict[str, list[int]]
    ) -> dict[str, list[Value]]:
        counts = self._counted(base, ids)
        by_kind = {kind: self._counted(base, numbers) for kind, numbers in without.items()}
        chosen = {(kind, value) for kind, values in wish.chosen for value in values}
        facets: dict[str, list[Value]] = {kind: [] for kind in FACETS}
        for kind in FACETS:
            for number, count in by_kind.get(kind, counts).items():
                of, value, label = self._named[number]
                if of == kind:
                    facets[kind].append(Value(value, label, count, (kind, value) in chosen))
        seen = {(kind, one.value) for kind, values in facets.items() for one in values}
        named = "SELECT label FROM facet WHERE kind = ? AND value = ?"
        for kind, value in chosen - seen:
            facets[kind] += [Value(value, label, 0, True) for (label,) in base.execute(named, (kind, value))]
        for kind, values in facets.items():
            if kind == "year":
                values.sort(key=lambda one: one.label, reverse=True)
            else:
                values.sort(key=lambda one: (not one.chosen, -one.results, one.label))
        return facets

    def _sorted(self, base: sqlite3.Connection, order: str) -> list[int]:
        """All projects in an order; it never changes."""
        if order not in self._orders:
            by = {
                "newest": "start = '', start DESC, title COLLATE NOCASE, iri",
                "oldest": "start = '', start, title COLLATE NOCASE, iri",
            }.get(order, "title COLLATE NOCASE, iri")
            self._orders[order] = [number for (number,) in base.execute(f"SELECT id FROM project ORDER BY {by}")]  # noqa: S608
        return self._orders[order]

    def _counted(self, base: sqlite3.Connection, numbers: list[int]) -> Counter[int]:
        """How many of these projects have each value of a facet; of all projects that is counted once."""
        with self._lock:
            if not self._named:
                self._named = {row[0]: row[1:] for row in base.execute("SELECT id, kind, value, label FROM facet")}
                self._whole = Counter(dict(base.execute("SELECT facet, count(*) FROM link GROUP BY facet")))
                self._many = next(base.execute("SELECT count(*) FROM project"))[0]
        if len(numbers) == self._many:
            return self._whole
        if len(numbers) > self._many // 4:
            blobs = dict(base.execute("SELECT id, facets FROM project"))
            return Counter(chain.from_iterable(array("I", blobs[number]) for number in numbers))
        one = "SELECT facets FROM project WHERE id = ?"
        return Counter(chain.from_iterable(array("I", base.execute(one, (n,)).fetchone()[0]) for n in numbers))

    def _hit(self, base: sqlite3.Connection, number: int) -> Hit:
        row = base.execute(
            'SELECT iri, title, code, status, start, "end", summary FROM project WHERE id = ?', (number,)
        ).fetchone()
        return Hit(*row)

    def _pattern(self, base: sqlite3.Connection, words: list[str], near: dict[str, list[str]]) -> str:
        """The expression of FTS5 (section 3) for words, each in quotes: nothing in them has a meaning there.
        What nothing has is put into ``near`` with what nearly fits; empty where nothing does.
        """
        parts = []
        for word in words:
            part = f'("{word}" OR "{word}" *)'
            if base.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (part,)).fetchone() is None:
                near[word] = self._nearest(base, word.casefold())
                part = "(" + " OR ".join(f'"{other}"' for other in near[word]) + ")"
            if part == "()":
                return ""
            parts.append(part)
        return " AND ".join(parts)

    def _nearest(self, base: sqlite3.Connection, word: str) -> list[str]:
        with self._lock:
            if self._terms is None:
                rows = base.execute("SELECT term FROM vocabulary ORDER BY doc DESC, term LIMIT ?", (_VOCABULARY,))
                self._terms = [term for (term,) in rows if len(term) > 2]
        found = process.extract(word, self._terms, scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=_NEAREST)
        return [term for term, *_ in found]

    def _base(self) -> sqlite3.Connection:
        """The connection of this thread."""
        if not hasattr(self._own, "base"):
            address = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
            self._own.base = sqlite3.connect(address, uri=True)
        found: sqlite3.Connection = self._own.base
        return found

    @contextmanager
    def _in_time(self) -> Iterator[sqlite3.Connection]:
        """A block of work with the database. Raises QueryTimeout at the limit of time."""
        base, until = self._base(), time.monotonic() + _SECONDS
        base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            yield base
        except sqlite3.OperationalError as error:
            if "interrupted" not in str(error):
                raise
            raise QueryTimeout(f"The search took more than {_SECONDS:g} seconds", "Look for fewer words.") from error
        finally:
            base.set_progress_handler(None, 0)
