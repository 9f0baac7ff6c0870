"""Searches projects by words and facets, with an index in one file of a release (SQLite, FTS5).

The file is written once with the release, and opened read-only. It also contains the findings of each record, so that
a project page need not read the whole report. Equal releases give equal bytes with the same SQLite library.

Words match by their English stems, ignoring accents, and as prefixes. A word without matches is replaced by the most
similar ones. No search text is an error, because only its words reach the index.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from operator import and_, or_
from pathlib import Path
from typing import Any, NamedTuple

from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from cybilgraph.errors import EngineUnavailable, QueryTimeout
from cybilgraph.model.dates import active_years, date_bounds
from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.gazetteer import PLACES, load_gazetteer
from cybilgraph.model.record import DEFAULT_LEVEL, Basis, EvidenceLevel
from cybilgraph.model.vocabulary import CYB, DCTERMS, RDF, SKOS, kind_of_iri, thing_iri
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts, term_text
from cybilgraph.runtime.spill import Spool

#: The filters in the order of the page: a kind of concept, a role (or any: actor), or a property of the project.
#: Regions, groups, themes and organisations include what is within them.
FACETS = ("country", "region", "group", "theme", "status", "funder", "implementer", "actor", "money", "year", "basis")
#: Version of the file format.
_INDEX_VERSION = 6
PAGE_SIZE = 20
#: Limits of a search text, beyond which the rest is ignored, and of the values of a facet in a URL: all years, such as
#: 1980 to 2099.
_MAX_WORDS, _MAX_WORD_CHARS, MAX_FACET_VALUES = 12, 40, 120
#: Accepted typos (a wrong, extra, missing or swapped letter) in a word and in a short one, and corrections per word.
_MAX_TYPOS, _MAX_TYPOS_IN_SHORT_WORD, _SHORT_WORD_CHARS, _MAX_CORRECTIONS = 2, 1, 6, 5
#: Few, because each result has about a hundred facet values.
_MAX_CACHED_RESULTS = 32
_TIMEOUT_SECONDS = 3.0
_BY_TITLE = "title = '', title COLLATE NOCASE, iri"
_ORDER_BY = {
    "relevance": _BY_TITLE,
    "title": _BY_TITLE,
    "newest": f"first_day = '', first_day DESC, {_BY_TITLE}",
    "oldest": f"first_day = '', first_day, {_BY_TITLE}",
}
ORDERS = tuple(_ORDER_BY)
#: Instructions of SQLite's virtual machine between checks of the clock.
_STEPS_PER_CLOCK_CHECK = 10_000
_WORD = re.compile(r"\w+")

#: Limits per project.
_MAX_TEXT_CHARS, _MAX_YEARS, _MAX_SUMMARY_CHARS = 100_000, 60, 400
#: Number of words, the most frequent, that serve as corrections of misspelt ones, and their minimum length.
_MAX_TERMS, _MIN_TERM_LETTERS = 300_000, 3
_MAX_CACHED_NAMES = 50_000
_ONGOING = thing_iri("status", "ongoing")
_PROJECT = f"<{CYB.Project}>"
_PROSE_TERMS = tuple(row.term for row in FIELDS if row.kind is FieldKind.PROSE)
_ITEM_TERMS = tuple(row.term for row in FIELDS if row.kind is FieldKind.ITEMS)

_SCHEMA = """
    CREATE TABLE project
        (id INTEGER PRIMARY KEY, iri, title, code, status, start, "end", summary, first_day);
    CREATE TABLE links (project, level, number, places, funders, themes, PRIMARY KEY (project, level)) WITHOUT ROWID;
    CREATE TABLE facet (kind, value, level, label, projects BLOB, PRIMARY KEY (kind, value, level)) WITHOUT ROWID;
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

#: A part of a search: a word, or a facet with the chosen values.
QueryPart = str | tuple[str, tuple[str, ...]]


class SearchHit(NamedTuple):
    """A project in the results. Several places, funders or themes, at the level of the search, are separated by
    semicolons.
    """

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str
    places: str
    funders: str
    themes: str


class FacetValue(NamedTuple):
    """A facet value: its IRI (or year), its label, the number of results with it, and whether it is chosen."""

    value: str
    label: str
    results: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search. Results match all words of the text, and one of the chosen values of each facet.

    Facets count the links of a level of evidence. Words match those of all links.
    """

    text: str = ""
    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    order: str = ORDERS[0]
    page: int = 1
    level: EvidenceLevel = DEFAULT_LEVEL

    @property
    def words(self) -> list[str]:
        """The words to search for."""
        return [word[:_MAX_WORD_CHARS] for word in _WORD.findall(self.text[: _MAX_WORDS * _MAX_WORD_CHARS * 2])][
            :_MAX_WORDS
        ]


class Relaxation(NamedTuple):
    """A less restrictive search, offered if the original finds nothing: without a part, or with this part only."""

    without: bool
    part: QueryPart
    query: SearchQuery
    results: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The results of a search: the hits are those of the page, and relaxations are offered if there are none."""

    total: int
    hits: list[SearchHit]
    facets: dict[str, list[FacetValue]]
    corrections: dict[str, list[str]]
    relaxations: list[Relaxation]


class Summary(NamedTuple):
    """The projects that a search finds: their number, and how many of them have some, or each, value of a facet."""

    projects: int
    having: dict[str, int]
    facets: dict[str, list[FacetValue]]


class _LevelData(NamedTuple):
    """What an index has at a level of evidence: labels and projects by facet and value, and the number of links.

    ``having`` are the projects with any value of a facet, except unrecognised names.
    """

    facets: dict[str, dict[str, tuple[str, BitMap]]]
    having: dict[str, BitMap]
    links: int


class _IndexData(NamedTuple):
    """The part of an index in memory: all project numbers in each order, the facets of each level, words."""

    orders: dict[str, array[int]]
    levels: dict[EvidenceLevel, _LevelData]
    terms: list[str]


class _Matches(NamedTuple):
    """The numbers of the matching projects in order, the corrections and, per facet, the matches without its filter."""

    numbers: Sequence[int]
    corrections: dict[str, list[str]]
    without: dict[str, BitMap]


class SearchIndex:
    """The search index of a release. Thread-safe."""

    def __init__(self, path: Path, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """Open the index. It is not available for releases of earlier versions, where searches find nothing.

        Each search may take ``timeout_seconds``.
        """
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._loaded: _IndexData | None = None
        #: Connections that no thread is using; None once the index is closed.
        self._idle: list[sqlite3.Connection] | None = []
        self._idle_lock = threading.Lock()
        self.is_available = path.is_file() and self._is_current()
        self.find = lru_cache(maxsize=_MAX_CACHED_RESULTS)(self._find)
        self.summarise = lru_cache(maxsize=_MAX_CACHED_RESULTS)(self._summarise)
        self.totals = lru_cache(maxsize=_MAX_CACHED_RESULTS)(self._totals)

    def close(self) -> None:
        """Close the index; a running search closes its own connection."""
        with self._idle_lock:
            idle, self._idle = self._idle or [], None
        for base in idle:
            base.close()

    def findings(self, record: str, file: str) -> list[dict[str, str]]:
        """Return the findings of a record as read from a file, the most severe first."""
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
        """Return whether any project has this facet value, at any level of evidence."""
        return self.is_available and value in self._data().levels[EvidenceLevel.POSSIBLE].facets[kind]

    def links(self) -> dict[EvidenceLevel, int]:
        """Return the number of links of all projects to organisations, places and themes at each level."""
        return {level: found.links for level, found in self._data().levels.items()} if self.is_available else {}

    def preload(self) -> None:
        """Load the part of the index that every search needs into memory."""
        if self.is_available:
            self._data()

    def all(self, query: SearchQuery) -> Iterator[SearchHit]:
        """Yield all results of a search, in its order."""
        if not self.is_available:
            return
        with self._limited_time() as base:
            yield from self._hits(base, query, self._ids(base, query).numbers)

    def _totals(self, query: SearchQuery) -> dict[EvidenceLevel, int]:
        """Count the projects that a search finds at each level of evidence. Raises QueryTimeout."""
        if not self.is_available:
            return {}
        with self._limited_time() as base:
            return {level: len(self._ids(base, replace(query, level=level)).numbers) for level in EvidenceLevel}

    def _summarise(self, query: SearchQuery) -> Summary:
        """Count the projects that a search finds by facet. Raises QueryTimeout."""
        if not self.is_available:
            return Summary(0, {}, {})
        with self._limited_time() as base:
            found = BitMap(self._ids(base, query).numbers)
        known = self._data().levels[query.level].having
        having = {kind: found.intersection_cardinality(projects) for kind, projects in known.items()}
        return Summary(len(found), having, self._facets(SearchQuery(level=query.level), dict.fromkeys(FACETS, found)))

    def _find(self, query: SearchQuery) -> SearchResult:
        """Run a search. Raises QueryTimeout."""
        if not self.is_available:
            return SearchResult(0, [], {}, {}, [])
        with self._limited_time() as base:
            found = self._ids(base, query)
            first = (max(query.page, 1) - 1) * PAGE_SIZE
            hits = list(self._hits(base, query, found.numbers[first : first + PAGE_SIZE]))
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
        having = {kind: self._having(query.level, kind, values) for kind, values in query.chosen}
        without = {
            kind: reduce(and_, (chosen for other, chosen in having.items() if other != kind), matched)
            for kind in FACETS
        }
        result = reduce(and_, having.values(), matched)
        numbers = order if len(result) == len(order) else [number for number in order if number in result]
        return _Matches(numbers, corrections, without)

    def _relaxations(self, base: sqlite3.Connection, query: SearchQuery) -> list[Relaxation]:
        """Return searches without one part, most results first, or else searches for each part alone."""
        parts: list[QueryPart] = [*query.words, *query.chosen]
        if len(parts) < 2:
            return []
        for without in (True, False):
            found = []
            for index, part in enumerate(parts):
                rest = parts[:index] + parts[index + 1 :] if without else [part]
                text = " ".join(one for one in rest if isinstance(one, str))
                less = replace(query, text=text, chosen=tuple(one for one in rest if not isinstance(one, str)), page=1)
                if numbers := self._ids(base, less).numbers:
                    found.append(Relaxation(without, part, less, len(numbers)))
            if found:
                return sorted(found, key=lambda one: -one.results)
        return []

    def _having(self, level: EvidenceLevel, kind: str, values: tuple[str, ...]) -> BitMap:
        """Return the projects that have one of these facet values."""
        known = self._data().levels[level].facets[kind]
        return reduce(or_, (known[value][1] for value in values if value in known), BitMap())

    def _facets(self, query: SearchQuery, without: dict[str, BitMap]) -> dict[str, list[FacetValue]]:
        """Return the facet values that occur in the results or are chosen.

        The counts of a facet ignore the values chosen in that facet. Unrecognised names of places and themes occur
        only if chosen, as in all other counts of countries, regions, groups and themes.
        """
        chosen = {(kind, value) for kind, values in query.chosen for value in values}
        facets = {}
        for kind, known in self._data().levels[query.level].facets.items():
            counted = (
                FacetValue(value, label, having.intersection_cardinality(without[kind]), (kind, value) in chosen)
                for value, (label, having) in known.items()
                if (kind, value) in chosen or _is_recognised(kind, value)
            )
            values = [one for one in counted if one.results or one.chosen]
            if kind == "year":
                values.sort(key=lambda one: one.label, reverse=True)
            else:
                values.sort(key=lambda one: (not one.chosen, -one.results, one.label))
            facets[kind] = values
        return facets

    def _hits(self, base: sqlite3.Connection, query: SearchQuery, numbers: Sequence[int]) -> Iterator[SearchHit]:
        columns = ", ".join(f'"{name}"' for name in SearchHit._fields)
        # A join on project = id would scan all links, because the columns differ in affinity.
        one = f"SELECT {columns} FROM project, links WHERE id = ?1 AND project = ?1 AND level = ?2"  # noqa: S608 - names of our own
        return (SearchHit(*base.execute(one, (number, query.level)).fetchone()) for number in numbers)

    def _pattern(self, base: sqlite3.Connection, words: list[str], corrections: dict[str, list[str]]) -> str:
        """Return the FTS5 expression (FTS5 documentation, section 3) for words, quoted so that none is an operator.

        A word without matches is replaced by similar words, which go into ``corrections``. Returns "" if there are
        none for some word.
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
        """Return the most similar words, the most frequent first."""
        typos = _MAX_TYPOS_IN_SHORT_WORD if len(word) < _SHORT_WORD_CHARS else _MAX_TYPOS
        found = process.extract(
            word, self._data().terms, scorer=OSA.distance, score_cutoff=typos, limit=_MAX_CORRECTIONS
        )
        return [term for term, distance, _ in found if distance == found[0][1]]

    def _data(self) -> _IndexData:
        """Return the part of the index in memory, loading it the first time."""
        with self._lock:
            if self._loaded is None:
                with self._connection() as base:
                    self._loaded = _read(base)
            return self._loaded

    def _is_current(self) -> bool:
        with self._connection() as base:
            version: tuple[int] = base.execute("PRAGMA user_version").fetchone()
            return version == (_INDEX_VERSION,)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for exclusive use."""
        with self._idle_lock:
            base = self._idle.pop() if self._idle else None
        if base is None:
            address = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
            base = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            yield base
        except BaseException:
            base.close()
            raise
        with self._idle_lock:
            is_open = self._idle is not None
            if self._idle is not None:
                self._idle.append(base)
        if not is_open:
            base.close()

    @contextmanager
    def _limited_time(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that is interrupted at the time limit.

        Raises QueryTimeout at the limit, EngineUnavailable if the index is damaged.
        """
        until = time.monotonic() + self._timeout_seconds
        try:
            with self._connection() as base:
                base.set_progress_handler(lambda: time.monotonic() > until, _STEPS_PER_CLOCK_CHECK)
                yield base
                base.set_progress_handler(None, 0)
        except sqlite3.DatabaseError as error:
            if "interrupted" in str(error):
                raise QueryTimeout(
                    f"The search took more than {self._timeout_seconds:g} s", "Search for fewer words."
                ) from error
            what = f"The search index is damaged ({error})"
            raise EngineUnavailable(
                what, "SPARQL queries still work. Build the release again, or serve another."
            ) from error


def _read(base: sqlite3.Connection) -> _IndexData:
    """Load the part of an index that stays in memory."""
    orders = {
        order: array("I", (number for (number,) in base.execute(f"SELECT id FROM project ORDER BY {by}")))  # noqa: S608
        for order, by in _ORDER_BY.items()
    }
    facets: dict[EvidenceLevel, dict[str, dict[str, tuple[str, BitMap]]]] = {
        level: {kind: {} for kind in FACETS} for level in EvidenceLevel
    }
    for kind, value, first, label, bitmap in base.execute("SELECT kind, value, level, label, projects FROM facet"):
        added = BitMap.deserialize(bitmap)
        for level in list(EvidenceLevel)[list(EvidenceLevel).index(EvidenceLevel(first)) :]:
            known = facets[level][kind].get(value)
            facets[level][kind][value] = (label, known[1] | added if known else added)
    numbers = dict(base.execute("SELECT level, SUM(number) FROM links GROUP BY level"))
    levels = {
        level: _LevelData(
            found,
            {
                kind: BitMap().union(*(having for one, (_, having) in found[kind].items() if _is_recognised(kind, one)))
                for kind in FACETS
            },
            numbers.get(level, 0),
        )
        for level, found in facets.items()
    }
    terms = [term for (term,) in base.execute("SELECT term FROM term ORDER BY rowid")]
    return _IndexData(orders, levels, terms)


def _is_recognised(kind: str, value: str) -> bool:
    """Return whether a facet value is more than an unrecognised name in a field for places or themes."""
    return kind not in (*PLACES, "theme") or load_gazetteer().get(kind, _local_name(value)) is not None


def _word_expression(word: str) -> str:
    """Return the FTS5 expression for a word and for words that begin with it."""
    return f'("{word}" OR "{word}" *)'


class IndexLink(NamedTuple):
    """A link of a project: its facet, its resource and its basis.

    It is not direct if the project is only linked to something within the resource.
    """

    kind: str
    thing: str
    basis: Basis
    is_direct: bool


class IndexEntry(NamedTuple):
    """The index entry of a project."""

    iri: str
    title: str
    code: str
    status: str
    start: str
    end: str
    summary: str
    links: tuple[IndexLink, ...]
    texts: tuple[str, ...]


#: A name of a resource: its IRI, the name, and a rank (higher is preferred).
Name = tuple[str, str, int]


def index_entries(
    graph: StatementsBySubject, containers: Mapping[str, list[str]]
) -> tuple[list[IndexEntry], list[Name]]:
    """Return the entries of the projects in a part of a graph, and the names of its resources.

    The part contains each of its projects completely; ``containers`` comes from the whole graph.
    """
    projects = [
        _index_entry(graph, containers, iri) for iri in sorted(graph) if _PROJECT in graph[iri].get(RDF.type, ())
    ]
    names = [
        (thing, term_text(term), preferred + (preferred and term.endswith('"@en')))
        for thing, own in graph.items()
        for label, preferred in ((SKOS.prefLabel, 1), (SKOS.altLabel, 0))
        for term in own.get(label, ())
    ]
    return projects, names


def _index_entry(graph: StatementsBySubject, containers: Mapping[str, list[str]], iri: str) -> IndexEntry:
    own = graph[iri]

    def parts(*terms: str) -> Iterator[dict[str, list[str]]]:
        return (graph.get(part, {}) for term in terms for part in object_texts(own, term))

    # Of several values, take the first in order, but the last end date.
    title, code, status, start, summary = (
        min(object_texts(own, term), default="")
        for term in (DCTERMS.title, DCTERMS.identifier, CYB.status, CYB.start, DCTERMS.abstract)
    )
    links: set[IndexLink] = set()
    for node in parts(CYB.scope):
        things = object_texts(node, CYB.concept)
        links |= {IndexLink(kind_of_iri(thing), thing, basis, True) for thing in things for basis in _bases(node)}
    for node in parts(CYB.participation):
        kinds = ("actor", *map(_local_name, object_texts(node, CYB.role)))
        actors = object_texts(node, CYB.actor)
        links |= {IndexLink(kind, actor, basis, True) for kind in kinds for actor in actors for basis in _bases(node)}
    for node in parts(CYB.funding):
        kinds_of_sum = object_texts(node, CYB.fundingKind)
        links |= {IndexLink("money", kind, basis, False) for kind in kinds_of_sum for basis in _bases(node)}
    for kind, thing, basis, _ in list(links):
        for above in _all_containers(thing, containers):
            # An organisation passes its role on to its parents; a country belongs to regions and groups.
            facet = kind if kind_of_iri(above) == kind_of_iri(thing) else kind_of_iri(above)
            links.add(IndexLink(facet, above, basis, False))
    texts = [text for term in _PROSE_TERMS for text in object_texts(own, term)]
    for item in parts(*_ITEM_TERMS):
        texts += object_texts(item, DCTERMS.description)
    end = max(object_texts(own, CYB.end), default="")
    return IndexEntry(iri, title, code, status, start, end, summary, tuple(sorted(links)), tuple(sorted(texts)))


def _all_containers(thing: str, containers: Mapping[str, list[str]]) -> set[str]:
    """Return everything that contains a thing, transitively."""
    above: set[str] = set()
    waiting = [thing]
    while waiting:
        new = [one for one in containers.get(waiting.pop(), ()) if one not in above]
        above.update(new)
        waiting += new
    return above


def _local_name(iri: str) -> str:
    return iri.rpartition("/")[2]


def _bases(node: dict[str, list[str]]) -> list[Basis]:
    return [Basis(_local_name(basis)) for basis in object_texts(node, CYB.basis)]


def read_facet(path: Path, kind: str) -> frozenset[str]:
    """Return all values of a facet in an index, at any level of evidence; none if it cannot be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            return frozenset(value for (value,) in base.execute("SELECT value FROM facet WHERE kind = ?", (kind,)))
    except sqlite3.Error:
        return frozenset()


def write_index(path: Path, parts: Spool, findings: Iterable[Mapping[str, Any]]) -> None:
    """Write the index from the results of ``index_entries`` and the findings of a report."""
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = {_INDEX_VERSION}; "
            f"BEGIN; {_SCHEMA}"
        )
        last = 0
        for projects, names in parts:
            last = max((last, *(year for project in projects for year in _years(project, 0)[-1:])))
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
    having: dict[tuple[str, str, EvidenceLevel], BitMap] = {}

    @lru_cache(maxsize=_MAX_CACHED_NAMES)
    def names(thing: str) -> list[str]:
        """Return all names of a resource, the displayed one first."""
        rows = base.execute(
            "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, length(name), name", (thing,)
        )
        return [name for (name,) in rows]

    def name(thing: str) -> str:
        return next(iter(names(thing)), thing.rpartition("/")[2])

    def linked_names(links: list[IndexLink], *kinds: str) -> str:
        things = (link.thing for kind in kinds for link in links if link.kind == kind)
        return "; ".join(dict.fromkeys(map(name, things)))

    for number, project in enumerate(projects):
        own = {
            (link.kind, link.thing, EvidenceLevel.first_with(link.basis))
            for link in project.links
            if link.kind in FACETS
        }
        values = {("basis", thing_iri("basis", link.basis)) for link in project.links if link.is_direct}
        values |= {("status", project.status)} if project.status else set()
        values |= {("year", str(year)) for year in _years(project, last)}
        own |= {(*value, next(iter(EvidenceLevel))) for value in values}  # whatever the level
        for facet in own:
            having.setdefault(facet, BitMap()).add(number)
        base.execute(
            "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                project.iri,
                project.title[:_MAX_SUMMARY_CHARS],
                project.code,
                name(project.status) if project.status else "",
                project.start,
                project.end,
                project.summary[:_MAX_SUMMARY_CHARS],
                date_bounds(project.start)[0] if project.start else "",
            ),
        )
        for level in EvidenceLevel:
            # Only what the project itself links to, without anything broader; the role of an actor is a link.
            links = [link for link in project.links if link.is_direct and link.basis in level.bases]
            base.execute(
                "INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    level,
                    sum(link.kind != "actor" for link in links),
                    linked_names(links, "country", "region", "group"),
                    linked_names(links, "funder"),
                    linked_names(links, "theme"),
                ),
            )
        # The names of groups would make most projects match, since most countries are in some large groups.
        named = {
            link.thing
            for link in project.links
            if link.is_direct or (link.basis.counts and kind_of_iri(link.thing) != "group")
        }
        linked = sorted({name for thing in named for name in names(thing)})
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
        "INSERT INTO facet VALUES (?, ?, ?, ?, ?)",
        ((kind, of, level, name(of), numbers.serialize()) for (kind, of, level), numbers in sorted(having.items())),
    )
    base.execute(
        "INSERT INTO term SELECT term FROM vocabulary WHERE length(term) >= ? ORDER BY doc DESC, term LIMIT ?",
        (_MIN_TERM_LETTERS, _MAX_TERMS),
    )


def _years(project: IndexEntry, last: int) -> range:
    """Return the years in which a project is active; an ongoing one without an end lasts until ``last``."""
    if not project.start:
        return range(0)
    years = active_years(project.start, project.end, last if project.status == _ONGOING else 0)
    return years[: _MAX_YEARS + 1]
