"""Decide which records describe one project, under which key, and which of them is the newest.

Records with the same code or IATI identifier are one project. So are records with the same slug or title,
unless their codes differ: then a record with that title but without a code remains a project of its own and
is reported. Records with the same key are one project too, since they have the same IRI. Records that are
only similar are reported, but never merged.

Keys are permanent: if a project gets another key (for example a code), the old one becomes an alias. So are the numbers
of earlier captures, whatever is added later: a capture is known by the checksum of its file.
``rows`` are what a release keeps of this, and the next build receives them as ``earlier``.

The data are in a database on disk and evaluated by queries, so that memory does not grow with the number of
records.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Self

from cybilgraph.identity.duplicates import find_duplicates
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import KEY_PATTERN, Basis, Place, Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.web_archives import split_page_name
from cybilgraph.runtime.spill import TemporaryDatabase

#: If a project has more captures than this, they are reported together.
_MAX_REPORTED_CAPTURES = 20
# A row of ``captures`` is a record. ``key`` is its own key, and ``slugged`` tells whether that is a slug.
# ``updated`` (``Record.as_of``), ``recent`` and ``number`` determine its age. ``root`` is the first record of its
# group, and ``project`` the common key. Names that are ``strong`` identify a project; others may be shared.
_SCHEMA = """
CREATE TABLE captures (
    number INTEGER PRIMARY KEY, project TEXT, root INTEGER, key TEXT, code TEXT, iati TEXT, slugged INTEGER,
    updated TEXT, recent INTEGER, source TEXT, sha256 TEXT, line INTEGER, position INTEGER, title TEXT,
    started TEXT, ended TEXT, countries TEXT, actors TEXT);
CREATE TABLE names (name TEXT, number INTEGER, strong INTEGER);
CREATE TABLE parents (number INTEGER, key TEXT, label TEXT, line INTEGER, position INTEGER, printed TEXT);
CREATE TABLE ambiguous (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE earlier (key TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE aliases (alias TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
CREATE TABLE versions (key TEXT, version INTEGER, sha256 TEXT, PRIMARY KEY (key, version)) WITHOUT ROWID;
CREATE TABLE projects (key TEXT PRIMARY KEY, first INTEGER, newest INTEGER, captures INTEGER) WITHOUT ROWID;
"""
_SHARED = """
SELECT name, number FROM names
JOIN (SELECT name, min(number) AS first FROM names WHERE strong = ? GROUP BY name HAVING count(*) > 1) USING (name)
ORDER BY first, name, number
"""
#: The key of a group: its code, else the slug of the newest record, else the key from an identifier.
_KEYS = """
UPDATE captures SET project = named.key FROM (
    SELECT root AS joined, key, row_number() OVER (
        PARTITION BY root ORDER BY code <> '' DESC, slugged DESC, updated DESC, recent DESC, number DESC) AS place
    FROM captures WHERE root IS NOT NULL) AS named
WHERE root = named.joined AND named.place = 1
"""
_PROJECTS = """
INSERT INTO projects SELECT project, min(number), (
    SELECT number FROM captures AS other WHERE other.project = captures.project
    ORDER BY updated DESC, recent DESC, number DESC LIMIT 1), count(*)
FROM captures GROUP BY project ORDER BY project
"""
#: Own keys of records that now have another key. If two projects could have had the same key, the last one gets
#: it.
_ALIASES = """
INSERT OR REPLACE INTO aliases SELECT key, project FROM captures
WHERE key <> project AND key NOT IN (SELECT key FROM projects) ORDER BY number
"""
#: Rows of the previous release with keys that no project has now.
_FORMER_KEYS = """
SELECT key, name FROM earlier
WHERE name GLOB 'key:*' OR (name NOT GLOB 'version:*' AND key NOT IN (SELECT key FROM projects)) ORDER BY rowid
"""
#: Numbers of captures in the previous release. If projects were merged, the one that keeps its key keeps its numbers.
_FORMER_VERSIONS = """
SELECT key, name FROM earlier WHERE name GLOB 'version:*' ORDER BY key NOT IN (SELECT key FROM projects), rowid
"""
_KEY_OF = """
SELECT coalesce(
    (SELECT key FROM projects WHERE key = ?), (SELECT key FROM aliases WHERE alias = ?),
    (SELECT project FROM names JOIN captures USING (number) WHERE name = 'slug:' || ? LIMIT 1))
"""
#: What a release keeps. Numbers of captures stay when their file is gone, but its checksum does not.
_ROWS = """
WITH named AS (SELECT project, name FROM names JOIN captures USING (number)),
present AS (SELECT DISTINCT project AS key, sha256 FROM captures WHERE project IN (SELECT key FROM versions))
SELECT * FROM named
UNION SELECT key, 'key:' || alias FROM aliases
UNION SELECT key, 'key:' || key FROM projects WHERE key NOT IN (SELECT project FROM named)
UNION SELECT key, 'version:' || version || ':' || coalesce(present.sha256, '')
    FROM versions LEFT JOIN present USING (key, sha256)
ORDER BY 1, 2
"""


class RecordIdentity(NamedTuple):
    """The identifying data of a record: see the columns of ``captures`` and the kinds of names."""

    key: str
    code: str
    iati: str
    slugged: bool
    updated: str
    recent: bool
    source: str
    sha256: str
    line: int
    column: int
    title: str
    started: str
    ended: str
    countries: str
    actors: str
    #: Each name, and whether it is strong.
    names: tuple[tuple[str, bool], ...]
    #: The stated larger projects: the columns of ``parents`` after the number.
    parents: tuple[tuple[str, str, int, int, str], ...]


def identity_of(record: Record) -> RecordIdentity:
    """Return the identifying data of a record."""
    code = record.code.text if record.code and KEY_PATTERN.fullmatch(record.code.text) else ""
    iati = record.iati.text if record.iati else ""
    title = record.title.text if record.title else ""
    place = record.title.place if record.title else None
    if record.code and record.code.place and record.code.place.is_cell:
        place = record.code.place
    slugs = {record.slug.text if record.slug else "", slug(title)} - {""}
    names = [(f"{kind}:{text}", True) for kind, text in (("code", code), ("iati", iati)) if text]
    names += [(f"slug:{text}", False) for text in slugs] or [(f"key:{record.key}", False)]
    # Older pages print "GFCE Code".
    label = record.labels.get("code", ("", None))[0].casefold()
    counted = record.counted()
    return RecordIdentity(
        key=record.key,
        code=code,
        iati=iati,
        slugged=not code and record.key in slugs,
        updated=record.as_of,
        recent=not label.startswith("gfce"),
        source=record.source.name,
        sha256=record.source.sha256,
        line=place.line if place else 0,
        column=place.column if place and place.is_cell else 0,
        title=title,
        started=record.start.value[:7] if record.start else "",
        ended=record.end.value[:7] if record.end else "",
        countries=json.dumps([link.concept.key for link in counted.scopes if link.concept.kind == "country"]),
        actors=json.dumps([link.actor.key for link in counted.participations]),
        names=tuple(names),
        parents=tuple(_parents(record)),
    )


def _parents(record: Record) -> Iterator[tuple[str, str, int, int, str]]:
    label = record.labels.get("part_of", ("", None))[0]
    for link in record.relations:
        if link.kind == "part_of" and link.basis is Basis.STATED:
            printed = link.project.printed
            place = printed.place or Place(0, 0)
            yield link.project.key, label, place.line, place.column, printed.text


class Identities:
    """A context manager that collects records and identifies their projects. Add all records before asking."""

    def __init__(
        self,
        earlier: Iterable[tuple[str, str]] = (),
        same: Iterable[tuple[str, str]] = (),
        distinct: Collection[frozenset[str]] = (),
    ) -> None:
        """Begin; ``earlier`` are rows of the previous release: a key, and a name of its project.

        Curators decided that the pairs of keys ``same`` are one project each, and the pairs ``distinct`` are two.
        """
        self._same, self._distinct = list(same), distinct
        self._base = TemporaryDatabase(_SCHEMA)
        self._base.fill("INSERT OR IGNORE INTO earlier VALUES (?, ?)", earlier)
        self._strong = bytearray()  # 1 for each record with a strong name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def __len__(self) -> int:
        """Return the number of projects."""
        return int(self._resolved.value("SELECT count(*) FROM projects"))

    def add(self, record: Record) -> None:
        """Add a record; its number is that of the records before it."""
        self.add_identity(identity_of(record))

    def add_identity(self, identity: RecordIdentity) -> None:
        """Add a record by its identity."""
        assert "_resolved" not in vars(self)
        number, (*columns, names, parents) = len(self._strong), identity
        self._base.run(
            "INSERT INTO captures VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(number, identity.key, *columns),
        )
        self._base.fill("INSERT INTO names VALUES (?, ?, ?)", ((name, number, is_strong) for name, is_strong in names))
        self._base.fill("INSERT INTO parents VALUES (?, ?, ?, ?, ?, ?)", ((number, *parent) for parent in parents))
        self._strong.append(any(is_strong for _, is_strong in names))

    def projects(self) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Yield each project's key, in order, with the number and own key of each of its records, oldest first."""
        rows = self._resolved.rows(
            "SELECT project, number, key FROM captures ORDER BY project, updated, recent, number"
        )
        for project, records in groupby(rows, key=itemgetter(0)):
            yield project, [(number, key) for _, number, key in records]

    def captures_of(self, key: str) -> list[tuple[int, str]]:
        """Return the number and own key of each record of a project, oldest first."""
        return list(
            self._resolved.rows(
                "SELECT number, key FROM captures WHERE project = ? ORDER BY updated, recent, number", key
            )
        )

    def place_of(self, number: int) -> tuple[str, int]:
        """Return the name of the source of a record, and the line of its title."""
        [place] = self._resolved.rows("SELECT source, line FROM captures WHERE number = ?", number)
        source, line = place
        return source, line

    def key_of(self, key: str) -> str | None:
        """Return the current key of a project with this key, slug or identifier, or None."""
        found: str | None = self._resolved.value(_KEY_OF, key, key, key)
        return found

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield each former or possible key of a project with its current key, in order."""
        return self._resolved.rows("SELECT alias, key FROM aliases ORDER BY alias")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each project's key with each of its names, in order, and with the numbers given to its captures.

        A project without a unique name gets its key as a name.
        """
        return self._resolved.rows(_ROWS)

    def number_earlier(self, key: str, captures: list[tuple[int, str]]) -> list[tuple[int, tuple[int, str]]]:
        """Return each capture of a project but the newest with its permanent number, given and returned oldest first.

        The number is that of the previous release, or the next one that the project never had.
        """
        rows = self._resolved.rows("SELECT version, sha256 FROM versions WHERE key = ? ORDER BY version", key)
        last, known = 0, defaultdict[str, deque[int]](deque)
        for last, checksum in rows:
            known[checksum].append(last)
        numbered = []
        for capture in captures[:-1]:
            checksum = self._resolved.value("SELECT sha256 FROM captures WHERE number = ?", capture[0])
            if not known[checksum]:
                known[checksum].append(last := last + 1)
                self._resolved.run("INSERT INTO versions VALUES (?, ?, ?)", key, last, checksum)
            numbered.append((known[checksum].popleft(), capture))
        return numbered

    def findings(self) -> Iterator[Finding]:
        """Yield the findings about records that were merged, similar ones, and larger projects without a record."""
        yield from self._second_captures()
        yield from find_duplicates(self._resolved, self._distinct)
        yield from self._unknown_parents()

    def _unknown_parents(self) -> Iterator[Finding]:
        rows = self._resolved.rows(
            "SELECT captures.key, source, parents.key, label, parents.line, parents.position, printed "
            "FROM parents JOIN captures USING (number) ORDER BY number, parents.rowid"
        )
        for key, file, parent, label, line, column, printed in rows:
            if self.key_of(parent) is None:
                values = {"parent": printed}
                yield finding(
                    "unknown-parent", file, values, record=key, label=label, line=line, column=column, text=printed
                )

    def _second_captures(self) -> Iterator[Finding]:
        rows = self._resolved.rows(
            "SELECT project, captures, captures.key, source, line, position, title, code, iati "
            "FROM captures JOIN projects ON projects.key = project WHERE captures > 1 "
            "ORDER BY first, updated, recent, number"
        )
        for (_, count), captures in groupby(rows, key=itemgetter(0, 1)):
            if count > _MAX_REPORTED_CAPTURES:  # one finding, at the newest capture
                [(_, _, key, file, line, column, *_)] = deque(captures, maxlen=1)
                yield finding("many-captures", file, {"count": f"{count:,}"}, record=key, line=line, column=column)
                continue
            older: list[tuple[tuple[str, int], str, list[str]]] = []  # newest first
            for _, _, key, file, line, column, title, *ids in captures:
                by_id = [
                    place
                    for place, _, other in older
                    if any(one and one == two for one, two in zip(ids, other, strict=True))
                ]
                by_title = [place for place, called, _ in older if called == slug(title)]
                for source, row in (by_id or by_title or [place for place, *_ in older])[:1]:
                    if (address := split_page_name(source)[1]) and address == split_page_name(file)[1]:
                        continue  # a later capture of the same page
                    is_same_table = source == file and column
                    of_code = "same-code-in-table" if is_same_table else "second-capture"
                    values = {"other": f"{source}:{row}" if is_same_table else source, "row": row}
                    yield finding(
                        of_code if by_id else "same-title", file, values, record=key, line=line, column=column
                    )
                older.insert(0, ((file, line), slug(title), ids))

    @cached_property
    def _resolved(self) -> TemporaryDatabase:
        """The database after records were grouped into projects."""
        base = self._base
        base.run("CREATE INDEX by_name ON names (name, number, strong)")
        joined = self._joined()
        base.run("DELETE FROM names WHERE name IN (SELECT name FROM ambiguous)")
        base.fill(
            "UPDATE captures SET root = ? WHERE number IN (?, ?)", ((first, first, other) for first, other in joined)
        )
        base.run("CREATE INDEX by_root ON captures (root) WHERE root IS NOT NULL")
        base.run(_KEYS)
        base.run("CREATE INDEX by_project ON captures (project, updated, recent, number, key)")
        base.run(_PROJECTS)
        base.run(_ALIASES)
        for old, name in base.rows(_FORMER_KEYS):
            present = base.value("SELECT project FROM names JOIN captures USING (number) WHERE name = ? LIMIT 1", name)
            for key in (old, *([name.removeprefix("key:")] if name.startswith("key:") else ())):
                present = present or base.value(_KEY_OF, old, old, old)
                if present and not base.value("SELECT 1 FROM projects WHERE key = ?", key):
                    base.run("INSERT OR IGNORE INTO aliases VALUES (?, ?)", key, present)
        for old, name in list(base.rows(_FORMER_VERSIONS)):
            _, version, checksum = name.split(":")
            present = base.value(_KEY_OF, old, old, old) or old  # all its captures may be missing only for now
            base.run("INSERT OR IGNORE INTO versions VALUES (?, ?, ?)", present, int(version), checksum)
        return base

    def _joined(self) -> Iterator[tuple[int, int]]:
        """Yield the first record of each project with each of the others."""
        groups = _Groups(self._strong)
        for pair in self._same:
            numbers = [self._base.value("SELECT min(number) FROM captures WHERE key = ?", key) for key in pair]
            if None not in numbers:
                groups.join(numbers)
        for _, numbers in self._shared(strong=True):
            groups.join(numbers)
        for name, numbers in self._shared(strong=False):
            identified = groups.identified(numbers)
            if len(identified) > 1:  # the codes differ, although the title is the same
                self._base.run("INSERT INTO ambiguous VALUES (?)", name)
                numbers = [number for number in numbers if groups.root(number) not in identified]
            groups.join(numbers)
        return groups.joined()

    def _shared(self, strong: bool) -> Iterator[tuple[str, list[int]]]:
        """Yield each name shared by several records with these records, in order of appearance."""
        for name, rows in groupby(self._base.rows(_SHARED, strong), key=itemgetter(0)):
            yield name, [number for _, number in rows]


class _Groups:
    """A union-find structure over record numbers; the root of a group is its smallest number."""

    def __init__(self, strong: bytearray) -> None:
        self._parents = array("Q", range(len(strong)))
        self._strong = strong

    def root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    def join(self, numbers: list[int]) -> None:
        for number in numbers[1:]:
            identity, other = sorted((self.root(numbers[0]), self.root(number)))
            self._parents[other] = identity
            self._strong[identity] |= self._strong[other]

    def identified(self, numbers: list[int]) -> set[int]:
        """Return the roots of these numbers whose groups have a strong name."""
        return {root for number in numbers if self._strong[root := self.root(number)]}

    def joined(self) -> Iterator[tuple[int, int]]:
        """Yield each root with each other number of its group."""
        for number in range(len(self._parents)):
            if (root := self.root(number)) != number:
                yield root, number
