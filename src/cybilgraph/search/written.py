"""A graph, and what was found wrong in it → the index of the search, in one file (SQLite, FTS5)."""

from __future__ import annotations

import pickle
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from cybilgraph import queries
from cybilgraph.values import value
from cybilgraph.vocab import BASE

#: What results are narrowed by, in the order of the page: a kind of thing, a role, or a value of the project.
FACETS = ("country", "region", "group", "theme", "status", "funder", "implementer", "year", "basis")
#: Of the form of this file.
VERSION = 3
#: Of a project, so many characters of text are in the index, and so many years.
_TEXT, _YEARS, _SUMMARY = 100_000, 60, 400
#: So many words as they are spelt, the most frequent, are compared with one that nothing has; of so many letters.
_VOCABULARY, _LETTERS = 300_000, 3
#: The names of so many things are in memory.
_NAMES = 50_000
_ONGOING = f"{BASE}id/status/ongoing"
_YEAR = re.compile(r"\d{4}")

Ask = Callable[[str], Iterator[Mapping[str, str]]]

_SCHEMA = """
    CREATE TABLE project (id INTEGER PRIMARY KEY, iri, title, code, status, start, "end", summary);
    CREATE TABLE facet (kind, value, label, projects BLOB, PRIMARY KEY (kind, value)) WITHOUT ROWID;
    CREATE TABLE finding (record, file, severity, rule, message, suggestion, line);
    CREATE INDEX of_record ON finding (record);
    CREATE VIRTUAL TABLE words USING fts5
        (title, names, body, content = '', prefix = '2 3', tokenize = 'porter unicode61 remove_diacritics 2');
    CREATE TABLE term (term);
    CREATE VIRTUAL TABLE temp.spelt USING fts5
        (text, content = '', detail = 'none', tokenize = 'unicode61 remove_diacritics 2');
    CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab (temp, spelt, row);
    CREATE TEMP TABLE told (project BLOB);
    CREATE TEMP TABLE named (thing, name, preferred);
    CREATE INDEX temp.by_name ON named (thing);
"""


@value(slots=True)
class Told:
    """What a project tells the index: the kind, thing and basis of each link, and its texts, in order."""

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str
    links: tuple[tuple[str, str, str], ...]
    texts: tuple[str, ...]


#: A name of a thing: it, the name, and how much that is preferred.
Name = tuple[str, str, int]


@cache
def _query(name: str) -> str:
    return queries.load(name).text


def told(ask: Ask) -> tuple[list[Told], list[Name]]:
    """The projects of a part of a graph, in order, which ``ask`` answers queries about, and the names of things
    there. It has all of each of its projects, and what is broader than a country or theme.
    """

    def rows(name: str) -> Iterator[Mapping[str, str]]:
        return ask(_query(name))

    columns = ("title", "code", "status", "start", "end", "summary")
    raw: dict[str, list[list[str]]] = defaultdict(list)
    linked: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    said: dict[str, list[str]] = defaultdict(list)
    for row in rows("page-index-projects"):
        raw[row["project"]].append([row.get(column, "") for column in columns])
    for row in rows("page-index-links"):
        linked[row["project"]].add((_kind(row), row["thing"], row.get("basis", "").rpartition("/")[2]))
    for row in rows("page-index-texts"):
        said[row["project"]].append(row["text"])
    projects = []
    for iri in sorted(raw):
        title, code, status, start, _, summary = map(min, zip(*raw[iri], strict=True))
        end = max(row[columns.index("end")] for row in raw[iri])
        links, texts = tuple(sorted(linked[iri])), tuple(sorted(said[iri]))
        projects.append(Told(iri, title, code, status, start, end, summary, links, texts))
    names = [
        (row["thing"], row.get("name") or row.get("other", ""), ("name" in row) + (row.get("language") == "en"))
        for row in rows("page-index-names")
    ]
    return projects, names


def write_index(
    path: Path, parts: Iterable[tuple[list[Told], list[Name]]], findings: Iterable[Mapping[str, Any]]
) -> None:
    """Write the index of a graph, of which ``parts`` are told; ``findings`` are as a report holds them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = {VERSION}; BEGIN; {_SCHEMA}"
        )
        last = 0
        for projects, names in parts:
            years = (int(day[:4]) for project in projects for day in (project.start, project.end) if day)
            last = max((last, *years))
            base.executemany("INSERT INTO told VALUES (?)", ((pickle.dumps(project),) for project in projects))
            base.executemany("INSERT INTO named VALUES (?, ?, ?)", names)
        _fill(base, last)
        columns = ("record", "file", "severity", "rule", "message", "suggestion", "line")
        base.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)",
            ([found[name] for name in columns] for found in findings if found["record"]),
        )
        base.execute("COMMIT")


def _kind(row: Mapping[str, str]) -> str:
    """The facet of a link: the role of an actor, else the kind of thing."""
    path = (row.get("role") or row["thing"]).removeprefix(f"{BASE}id/")
    return path.rpartition("/")[2] if "role" in row else path.partition("/")[0]


def _fill(base: sqlite3.Connection, last: int) -> None:
    """Fill the index from what was told; ``last`` is the last year of all projects."""
    having: dict[tuple[str, str], list[int]] = {}

    @lru_cache(maxsize=_NAMES)
    def names(thing: str) -> list[str]:
        """All names of a thing, the one that is shown first."""
        rows = base.execute(
            "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, length(name), name", (thing,)
        )
        return [name for (name,) in rows]

    def name(thing: str) -> str:
        return next(iter(names(thing)), thing.rpartition("/")[2])

    for number, (packed,) in enumerate(base.execute("SELECT project FROM told ORDER BY rowid")):
        project: Told = pickle.loads(packed)  # noqa: S301 - our own, see write_index
        own = {(kind, thing) for kind, thing, _ in project.links if kind in FACETS}
        own |= {("basis", f"{BASE}id/basis/{basis}") for *_, basis in project.links if basis}
        own |= {("status", project.status)} if project.status else set()
        own |= {("year", str(year)) for year in _years(project.start, project.end, project.status, last)}
        for facet in own:
            having.setdefault(facet, []).append(number)
        base.execute(
            "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                project.iri,
                project.title[:_SUMMARY],
                project.code,
                name(project.status) if project.status else "",
                project.start,
                project.end,
                project.summary[:_SUMMARY],
            ),
        )
        linked = sorted({name for _, thing, _ in project.links for name in names(thing)})
        words = [
            f"{project.title[:_TEXT]} {project.code}",
            " ".join(linked)[:_TEXT],
            " ".join(project.texts)[:_TEXT],
        ]
        base.execute("INSERT INTO words (rowid, title, names, body) VALUES (?, ?, ?, ?)", (number, *words))
        base.execute("INSERT INTO spelt (rowid, text) VALUES (?, ?)", (number, " ".join(words)))
    base.executemany(
        "INSERT INTO facet VALUES (?, ?, ?, ?)",
        ((kind, of, name(of), BitMap(numbers).serialize()) for (kind, of), numbers in sorted(having.items())),
    )
    base.execute(
        "INSERT INTO term SELECT term FROM vocabulary WHERE length(term) >= ? ORDER BY doc DESC, term LIMIT ?",
        (_LETTERS, _VOCABULARY),
    )


def _years(start: str, end: str, status: str, last: int) -> range:
    """The years in which a project is active; an ongoing one without an end up to the last year of all."""
    if not _YEAR.match(start):
        return range(0)
    first = int(start[:4])
    until = int(end[:4]) if _YEAR.match(end) else last if status == _ONGOING else first
    return range(first, min(until, first + _YEARS) + 1)
