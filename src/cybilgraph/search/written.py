"""A graph, and what was found wrong in it → the index of the search, in one file (SQLite, FTS5)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from cybilgraph import queries
from cybilgraph.vocab import BASE

#: What results are narrowed by, in the order of the page: a kind of thing, a role, or a value of the project.
FACETS = ("country", "region", "group", "theme", "status", "funder", "implementer", "year", "basis")
#: Of the form of this file.
VERSION = 3
#: Of a project, so many characters of text are in the index, and so many years.
_TEXT, _YEARS, _SUMMARY = 100_000, 60, 400
#: So many words as they are spelt, the most frequent, are compared with one that nothing has; of so many letters.
_VOCABULARY, _LETTERS = 300_000, 3
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
    CREATE TEMP TABLE raw (iri, title, code, status, start, "end", summary);
    CREATE TEMP TABLE linked (iri, kind, thing, basis);
    CREATE TEMP TABLE named (thing, name, preferred);
    CREATE TEMP TABLE said (iri, text);
    CREATE INDEX temp.by_link ON linked (iri);
    CREATE INDEX temp.by_name ON named (thing);
    CREATE INDEX temp.by_text ON said (iri);
"""


def write_index(path: Path, ask: Ask, findings: Iterable[Mapping[str, Any]]) -> None:
    """Write the index of a graph, which ``ask`` answers queries about; ``findings`` are as a report holds them."""

    def rows(name: str) -> Iterator[Mapping[str, str]]:
        return ask(queries.load(name).text)

    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = {VERSION}; BEGIN; {_SCHEMA}"
        )
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
        told = ("record", "file", "severity", "rule", "message", "suggestion", "line")
        base.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)",
            ([found[name] for name in told] for found in findings if found["record"]),
        )
        base.execute("COMMIT")


def _kind(row: Mapping[str, str]) -> str:
    """The facet of a link: the role of an actor, else the kind of thing."""
    path = (row.get("role") or row["thing"]).removeprefix(f"{BASE}id/")
    return path.rpartition("/")[2] if "role" in row else path.partition("/")[0]


def _fill(base: sqlite3.Connection) -> None:
    last = max((int(year[:4]) for (year,) in base.execute('SELECT max(max(start, "end")) FROM raw') if year), default=0)
    label = "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, length(name), name LIMIT 1"
    having: dict[tuple[str, str], list[int]] = {}

    @cache
    def name(thing: str) -> str:
        return str(next(base.execute(label, (thing,)), (thing.rpartition("/")[2],))[0])

    projects = base.execute('SELECT iri, min(title), min(code), min(status), min(start), max("end"), min(summary)'
                            " FROM raw GROUP BY iri ORDER BY iri").fetchall  # fmt: skip
    for number, (iri, title, code, status, start, end, summary) in enumerate(projects()):
        links = base.execute("SELECT DISTINCT kind, thing, basis FROM linked WHERE iri = ?", (iri,)).fetchall()
        own = {(kind, thing) for kind, thing, _ in links if kind in FACETS}
        own |= {("basis", f"{BASE}id/basis/{basis}") for *_, basis in links if basis}
        own |= {("status", status)} if status else set()
        own |= {("year", str(year)) for year in _years(start, end, status, last)}
        for value in own:
            having.setdefault(value, []).append(number)
        names = base.execute(
            "SELECT DISTINCT name FROM named WHERE thing IN (SELECT thing FROM linked WHERE iri = ?) ORDER BY name",
            (iri,),
        )
        texts = base.execute("SELECT text FROM said WHERE iri = ? ORDER BY text", (iri,))
        called = name(status) if status else ""
        base.execute(
            "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, iri, title[:_SUMMARY], code, called, start, end, summary[:_SUMMARY]),
        )
        words = [f"{title[:_TEXT]} {code}", *(" ".join(text for (text,) in found)[:_TEXT] for found in (names, texts))]
        base.execute("INSERT INTO words (rowid, title, names, body) VALUES (?, ?, ?, ?)", (number, *words))
        base.execute("INSERT INTO spelt (rowid, text) VALUES (?, ?)", (number, " ".join(words)))
    base.executemany(
        "INSERT INTO facet VALUES (?, ?, ?, ?)",
        ((kind, value, name(value), BitMap(numbers).serialize()) for (kind, value), numbers in sorted(having.items())),
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
