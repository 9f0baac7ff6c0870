"""Writes the search index from a graph and its findings, in one file (SQLite, FTS5)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.values import value
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, RDF, SKOS
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts, term_text
from cybilgraph.release.search import FACETS, INDEX_VERSION
from cybilgraph.runtime.spill import Spool

#: Limits per project.
_MAX_TEXT_CHARS, _MAX_YEARS, _MAX_SUMMARY_CHARS = 100_000, 60, 400
#: Number of words, the most frequent, that serve as corrections of misspelt ones, and their minimum length.
_MAX_TERMS, _MIN_TERM_LETTERS = 300_000, 3
_MAX_CACHED_NAMES = 50_000
_ONGOING = f"{BASE}id/status/ongoing"
_PROJECT = f"<{CYB.Project}>"
_PROSE_TERMS = tuple(row.term for row in FIELDS if row.kind is FieldKind.PROSE)
_ITEM_TERMS = tuple(row.term for row in FIELDS if row.kind is FieldKind.ITEMS)
_YEAR = re.compile(r"\d{4}")

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
    CREATE TEMP TABLE named (thing, name, preferred);
    CREATE INDEX temp.by_name ON named (thing);
"""


@value(slots=True)
class IndexEntry:
    """The index entry of a project. ``links`` are triples of facet, linked resource and basis."""

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str
    links: tuple[tuple[str, str, str], ...]
    texts: tuple[str, ...]


#: A name of a resource: its IRI, the name, and a rank (higher is preferred).
Name = tuple[str, str, int]


def index_entries(graph: StatementsBySubject, broader: Mapping[str, list[str]]) -> tuple[list[IndexEntry], list[Name]]:
    """Return the entries of the projects in a part of a graph, and the names of its resources.

    The part contains each of its projects completely; ``broader`` comes from the whole graph.
    """
    projects = [_index_entry(graph, broader, iri) for iri in sorted(graph) if _PROJECT in graph[iri].get(RDF.type, ())]
    names = [
        (thing, term_text(term), preferred + (preferred and term.endswith('"@en')))
        for thing, own in graph.items()
        for label, preferred in ((SKOS.prefLabel, 1), (SKOS.altLabel, 0))
        for term in own.get(label, ())
    ]
    return projects, names


def _index_entry(graph: StatementsBySubject, broader: Mapping[str, list[str]], iri: str) -> IndexEntry:
    own = graph[iri]

    def parts(*terms: str) -> Iterator[dict[str, list[str]]]:
        return (graph.get(part, {}) for term in terms for part in object_texts(own, term))

    # Of several values, take the first in order, but the last end date.
    title, code, status, start, summary = (
        min(object_texts(own, term), default="")
        for term in (DCTERMS.title, DCTERMS.identifier, CYB.status, CYB.start, DCTERMS.abstract)
    )
    links = {(_facet_of(thing), thing, "") for thing in _all_broader(object_texts(own, CYB.country), broader)}
    links |= {
        (_facet_of(thing), thing, "") for theme in object_texts(own, CYB.theme) for thing in broader.get(theme, ())
    }
    for node in parts(CYB.scope):
        links |= {
            (_facet_of(thing), thing, basis) for thing in object_texts(node, CYB.concept) for basis in _bases(node)
        }
    for node in parts(CYB.participation):
        roles, actors = (object_texts(node, term) for term in (CYB.role, CYB.actor))
        links |= {(_local_name(role), actor, basis) for role in roles for actor in actors for basis in _bases(node)}
    texts = [text for term in _PROSE_TERMS for text in object_texts(own, term)]
    for item in parts(*_ITEM_TERMS):
        texts += object_texts(item, DCTERMS.description)
    end = max(object_texts(own, CYB.end), default="")
    return IndexEntry(iri, title, code, status, start, end, summary, tuple(sorted(links)), tuple(sorted(texts)))


def _all_broader(things: Iterable[str], broader: Mapping[str, list[str]]) -> set[str]:
    """Return all concepts that are broader than these, transitively."""
    above: set[str] = set()
    waiting = list(things)
    while waiting:
        new = [thing for thing in broader.get(waiting.pop(), ()) if thing not in above]
        above.update(new)
        waiting += new
    return above


def _facet_of(thing: str) -> str:
    """Return the facet of a link to a resource that is not an actor."""
    return thing.removeprefix(f"{BASE}id/").partition("/")[0]


def _local_name(iri: str) -> str:
    return iri.rpartition("/")[2]


def _bases(node: dict[str, list[str]]) -> list[str]:
    return [_local_name(basis) for basis in object_texts(node, CYB.basis)]


def write_index(path: Path, parts: Spool, findings: Iterable[Mapping[str, Any]]) -> None:
    """Write the index from the results of ``index_entries`` and the findings of a report."""
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = {INDEX_VERSION}; "
            f"BEGIN; {_SCHEMA}"
        )
        last = 0
        for projects, names in parts:
            years = (int(day[:4]) for project in projects for day in (project.start, project.end) if day)
            last = max((last, *years))
            base.executemany("INSERT INTO named VALUES (?, ?, ?)", names)
        _fill(base, (project for projects, _ in parts for project in projects), last)
        columns = ("record", "file", "severity", "rule", "message", "suggestion", "line")
        base.executemany(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)",
            ([found[name] for name in columns] for found in findings if found["record"]),
        )
        base.execute("COMMIT")


def _fill(base: sqlite3.Connection, projects: Iterable[IndexEntry], last: int) -> None:
    """Add projects to the index after all names are in the database; ``last`` is the last year of all projects."""
    having: dict[tuple[str, str], BitMap] = {}

    @lru_cache(maxsize=_MAX_CACHED_NAMES)
    def names(thing: str) -> list[str]:
        """Return all names of a resource, the displayed one first."""
        rows = base.execute(
            "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, length(name), name", (thing,)
        )
        return [name for (name,) in rows]

    def name(thing: str) -> str:
        return next(iter(names(thing)), thing.rpartition("/")[2])

    for number, project in enumerate(projects):
        own = {(kind, thing) for kind, thing, _ in project.links if kind in FACETS}
        own |= {("basis", f"{BASE}id/basis/{basis}") for *_, basis in project.links if basis}
        own |= {("status", project.status)} if project.status else set()
        own |= {("year", str(year)) for year in _years(project.start, project.end, project.status, last)}
        for facet in own:
            having.setdefault(facet, BitMap()).add(number)
        base.execute(
            "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                project.iri,
                project.title[:_MAX_SUMMARY_CHARS],
                project.code,
                name(project.status) if project.status else "",
                project.start,
                project.end,
                project.summary[:_MAX_SUMMARY_CHARS],
            ),
        )
        linked = sorted({name for _, thing, _ in project.links for name in names(thing)})
        words = [
            f"{project.title[:_MAX_TEXT_CHARS]} {project.code}",
            " ".join(linked)[:_MAX_TEXT_CHARS],
            " ".join(project.texts)[:_MAX_TEXT_CHARS],
        ]
        base.execute("INSERT INTO words (rowid, title, names, body) VALUES (?, ?, ?, ?)", (number, *words))
        base.execute("INSERT INTO spelt (rowid, text) VALUES (?, ?)", (number, " ".join(words)))
    for numbers in having.values():
        numbers.run_optimize()  # otherwise the bytes depend on the order of insertion
    base.executemany(
        "INSERT INTO facet VALUES (?, ?, ?, ?)",
        ((kind, of, name(of), numbers.serialize()) for (kind, of), numbers in sorted(having.items())),
    )
    base.execute(
        "INSERT INTO term SELECT term FROM vocabulary WHERE length(term) >= ? ORDER BY doc DESC, term LIMIT ?",
        (_MIN_TERM_LETTERS, _MAX_TERMS),
    )


def _years(start: str, end: str, status: str, last: int) -> range:
    """Return the years in which a project is active; an ongoing one without an end lasts until ``last``."""
    if not _YEAR.match(start):
        return range(0)
    first = int(start[:4])
    until = int(end[:4]) if _YEAR.match(end) else last if status == _ONGOING else first
    return range(first, min(until, first + _MAX_YEARS) + 1)
