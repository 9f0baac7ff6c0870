"""Finding projects by words and by what they are linked to: an index in one file of a release (SQLite, FTS5).

The file is written once, with the release, and opened for reading only. Beside the index it has what was
found wrong in each record, so that the page of a project need not read the whole report. Equal releases
have equal bytes of it, where the library of SQLite is the same.

Words are compared by their English stems and without accents; the last one may be a beginning. A word that
nothing has is replaced by those that are nearly the same. No text that is searched for is an error: only its
words reach the index.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from rapidfuzz import fuzz, process

from cybilgraph import queries
from cybilgraph.errors import QueryTimeout
from cybilgraph.findings import Finding
from cybilgraph.vocab import BASE

#: What results are narrowed by, in the order of the page: a kind of thing, a role, or a value of the project.
FACETS = ("country", "region", "theme", "status", "funder", "implementer", "year", "basis")
ORDERS = ("relevance", "title", "newest", "oldest")
PAGE = 20
#: So many words of a text are looked for, of so many characters; and so many values of a facet are taken.
_WORDS, _LETTERS, _VALUES = 12, 40, 20
#: Of a project, so many characters of text are in the index, and so many years.
_TEXT, _YEARS, _SUMMARY = 100_000, 60, 400
#: Words that are nearly the same are as much alike as this (0 to 100); so many of all words are compared.
_ALIKE, _NEAREST, _VOCABULARY = 70, 5, 300_000
#: A search is stopped after so many seconds.
_SECONDS = 3.0
#: The clock is looked at after so many steps of the database.
_STEPS = 10_000
_ONGOING = f"{BASE}id/status/ongoing"
_WORD = re.compile(r"\w+")
_YEAR = re.compile(r"\d{4}")

Ask = Callable[[str], Iterator[Mapping[str, str]]]

_SCHEMA = """
    CREATE TABLE project (id INTEGER PRIMARY KEY, iri, title, code, status, start, "end", summary, facets BLOB);
    CREATE TABLE facet (id INTEGER PRIMARY KEY, kind, value, label, UNIQUE (kind, value));
    CREATE TABLE link (facet INTEGER, project INTEGER, PRIMARY KEY (facet, project)) WITHOUT ROWID;
    CREATE TABLE finding (record, file, severity, rule, message, suggestion, line);
    CREATE INDEX of_record ON finding (record);
    CREATE VIRTUAL TABLE words USING fts5
        (title, names, body, content = '', prefix = '2 3', tokenize = 'porter unicode61 remove_diacritics 2');
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
    CREATE TEMP TABLE raw (iri, title, code, status, start, "end", summary);
    CREATE TEMP TABLE linked (iri, kind, thing, basis);
    CREATE TEMP TABLE named (thing, name, preferred);
    CREATE TEMP TABLE said (iri, text);
    CREATE INDEX temp.by_link ON linked (iri);
    CREATE INDEX temp.by_name ON named (thing);
    CREATE INDEX temp.by_text ON said (iri);
"""


# ---- written with a release -----------------------------------------------------------------


def write_index(path: Path, ask: Ask, findings: Iterable[Finding]) -> None:
    """Write the index of a graph, which ``ask`` answers queries about."""

    def rows(name: str) -> Iterator[Mapping[str, str]]:
        return ask(queries.load(name).text)

    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;" + _SCHEMA)
        columns = ("project", "title", "code", "status", "start", "end", "summary")
        base.executemany(
            "INSERT INTO raw VALUES (?, ?, ?, ?, ?, ?, ?)",
            ([row.get(column, "") for column in columns] for row in rows("page-index-projects")),
        )
        base.executemany(
            "INSERT INTO linked VALUES (?, ?, ?, ?)",
            (
                (row["project"], _kind(row), row["thing"], row.get("basis", "").rpartition("/")[2])
                for row in rows("page-index-links")
            ),
        )
        base.executemany(
            "INSERT INTO named VALUES (?, ?, ?)",
            (
                (row["thing"], row.get("name") or row.get("other"), ("name" in row) + (row.get("language") == "en"))
                for row in rows("page-index-names")
            ),
        )
        base.executemany(
            "INSERT INTO said VALUES (?, ?)", ((row["project"], row["text"]) for row in rows("page-index-texts"))
        )
        _fill(base)
        base.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    found.record,
                    found.file,
                    found.severity.value,
                    found.rule,
                    found.message,
                    found.suggestion,
                    found.line,
                )
                for found in findings
                if found.record
            ),
        )
        base.execute("COMMIT")


def _kind(row: Mapping[str, str]) -> str:
    """The facet of a link: the role of an actor, else the kind of thing."""
    path = (row.get("role") or row["thing"]).removeprefix(f"{BASE}id/")
    return path.rpartition("/")[2] if "role" in row else path.partition("/")[0]


def _fill(base: sqlite3.Connection) -> None:
    last = max((int(year[:4]) for (year,) in base.execute('SELECT max(max(start, "end")) FROM raw') if year), default=0)
    label = "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, length(name), name LIMIT 1"
    known: dict[tuple[str, str], int] = {}

    def facet(kind: str, value: str, named: str) -> int:
        if (kind, value) not in known:
            known[kind, value] = len(known) + 1
            base.execute("INSERT INTO facet VALUES (?, ?, ?, ?)", (len(known), kind, value, named))
        return known[kind, value]

    def name(thing: str) -> str:
        return str(next(base.execute(label, (thing,)), (thing.rpartition("/")[2],))[0])

    projects = base.execute('SELECT iri, min(title), min(code), min(status), min(start), max("end"), min(summary)'
                            " FROM raw GROUP BY iri ORDER BY iri").fetchall  # fmt: skip
    for number, (iri, title, code, status, start, end, summary) in enumerate(projects(), start=1):
        links = base.execute(
            "SELECT DISTINCT kind, thing, basis FROM linked WHERE iri = ? ORDER BY kind, thing, basis", (iri,)
        ).fetchall()
        own = {facet(kind, thing, name(thing)) for kind, thing, _ in links if kind in FACETS}
        own |= {
            facet("basis", f"{BASE}id/basis/{basis}", name(f"{BASE}id/basis/{basis}")) for *_, basis in links if basis
        }
        if status:
            own.add(facet("status", status, name(status)))
        own |= {facet("year", str(year), str(year)) for year in _years(start, end, status, last)}
        names = base.execute(
            "SELECT DISTINCT name FROM named WHERE thing IN (SELECT thing FROM linked WHERE iri = ?) ORDER BY name",
            (iri,),
        )
        texts = base.execute("SELECT text FROM said WHERE iri = ? ORDER BY text", (iri,))
        called = name(status) if status else ""
        base.execute(
            "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                iri,
                title[:_SUMMARY],
                code,
                called,
                start,
                end,
                summary[:_SUMMARY],
                array("I", sorted(own)).tobytes(),
            ),
        )
        base.executemany("INSERT INTO link VALUES (?, ?)", ((one, number) for one in sorted(own)))
        words = (" ".join(text for (text,) in found)[:_TEXT] for found in (names, texts))
        base.execute("INSERT INTO words (rowid, title, names, body) VALUES (?, ?, ?, ?)",
                     (number, f"{title[:_TEXT]} {code}", *words))  # fmt: skip


def _years(start: str, end: str, status: str, last: int) -> range:
    """The years in which a project is active; an ongoing one without an end up to the last year of all."""
    if not _YEAR.match(start):
        return range(0)
    first = int(start[:4])
    until = int(end[:4]) if _YEAR.match(end) else last if status == _ONGOING else first
    return range(first, min(until, first + _YEARS) + 1)


# ---- read by the site -----------------------------------------------------------------------


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

    def _in_time(self) -> _InTime:
        return _InTime(self._base())


class _InTime:
    """A block of work with a database, which is stopped at the limit of time."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> sqlite3.Connection:
        until = time.monotonic() + _SECONDS
        self._base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        return self._base

    def __exit__(self, kind: Any, error: object, trace: object) -> None:
        self._base.set_progress_handler(None, 0)
        if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
            raise QueryTimeout(f"The search took more than {_SECONDS:g} seconds", "Look for fewer words.") from error
