"""A database of record identities, and the grouping of records into projects."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import KEY_PATTERN, Record
from cybilgraph.model.values import value
from cybilgraph.runtime.spill import TemporaryDatabase

# A row of ``captures`` is a record. ``key`` is its own key, and ``slugged`` tells whether that is a slug.
# ``updated``, ``recent`` and ``number`` determine its age. ``root`` is the first record of its group, and
# ``project`` the common key. Names that are ``strong`` identify a project; others may be shared.
_SCHEMA = """
CREATE TABLE captures (
    number INTEGER PRIMARY KEY, key TEXT, project TEXT, root INTEGER, code TEXT, iati TEXT, slugged INTEGER,
    updated TEXT, recent INTEGER, source TEXT, line INTEGER, title TEXT,
    started TEXT, ended TEXT, countries TEXT, actors TEXT);
CREATE TABLE names (name TEXT, number INTEGER, strong INTEGER);
CREATE TABLE ambiguous (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE earlier (key TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE aliases (alias TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID;
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
WHERE name GLOB 'key:*' OR key NOT IN (SELECT key FROM projects) ORDER BY rowid
"""
_KEY_OF = """
SELECT coalesce(
    (SELECT key FROM projects WHERE key = ?), (SELECT key FROM aliases WHERE alias = ?),
    (SELECT project FROM names JOIN captures USING (number) WHERE name = 'slug:' || ? LIMIT 1))
"""


@value(frozen=True, slots=True)
class RecordIdentity:
    """The identifying data of a record: see the columns of ``captures`` and the kinds of names."""

    key: str
    code: str
    iati: str
    slugged: bool
    updated: str
    recent: bool
    line: int
    title: str
    started: str
    ended: str
    countries: str
    actors: str
    strong: tuple[str, ...]
    weak: tuple[str, ...]


def identity_of(record: Record) -> RecordIdentity:
    """Return the identifying data of a record."""
    code = record.code.text if record.code and KEY_PATTERN.fullmatch(record.code.text) else ""
    iati = record.iati.text if record.iati else ""
    title = record.title.text if record.title else ""
    place = record.title.place if record.title else None
    slugs = {record.slug.text if record.slug else "", slug(title)} - {""}
    # Older pages print "GFCE Code".
    label = record.labels.get("code", ("", None))[0].casefold()
    return RecordIdentity(
        key=record.key,
        code=code,
        iati=iati,
        slugged=not code and record.key in slugs,
        updated=record.updated.text if record.updated else "",
        recent=not label.startswith("gfce"),
        line=place.line if place else 0,
        title=title,
        started=record.start.value[:7] if record.start else "",
        ended=record.end.value[:7] if record.end else "",
        countries=json.dumps([link.concept.key for link in record.scopes if link.concept.kind == "country"]),
        actors=json.dumps([link.actor.key for link in record.participations]),
        strong=tuple(f"{kind}:{text}" for kind, text in (("code", code), ("iati", iati)) if text),
        weak=tuple(f"slug:{text}" for text in slugs) or (f"key:{record.key}",),
    )


class IdentityDatabase:
    """All records as rows of a database; the first query groups them into projects."""

    def __init__(self, earlier: Iterable[tuple[str, str]]) -> None:
        self._base = TemporaryDatabase(_SCHEMA)
        self._base.fill("INSERT OR IGNORE INTO earlier VALUES (?, ?)", earlier)
        self._strong = bytearray()  # 1 for each record with a strong name
        self._is_resolved = False

    def close(self) -> None:
        """Delete the database."""
        self._base.close()

    def add(self, identity: RecordIdentity, file: str) -> None:
        """Add a record and its file. Call this before the first query."""
        assert not self._is_resolved
        number = len(self._strong)
        key, place = identity.key, (file, identity.line)
        age = (identity.slugged, identity.updated, identity.recent)
        facts = (identity.title, identity.started, identity.ended, identity.countries, identity.actors)
        self._base.run(
            "INSERT INTO captures VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(number, key, key, identity.code, identity.iati, *age, *place, *facts),
        )
        self._base.fill(
            "INSERT INTO names VALUES (?, ?, ?)",
            [(name, number, names is identity.strong) for names in (identity.strong, identity.weak) for name in names],
        )
        self._strong.append(bool(identity.strong))

    @property
    def resolved_database(self) -> TemporaryDatabase:
        """The database after records were grouped into projects."""
        if not self._is_resolved:
            self._is_resolved = True
            self._resolve()
        return self._base

    def key_of(self, key: str) -> str | None:
        """Return the current key of a project with this key, slug or identifier, or None."""
        found: str | None = self.resolved_database.value(_KEY_OF, key, key, key)
        return found

    def _resolve(self) -> None:
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
                present = present or self.key_of(old)
                if present and not base.value("SELECT 1 FROM projects WHERE key = ?", key):
                    base.run("INSERT OR IGNORE INTO aliases VALUES (?, ?)", key, present)

    def _joined(self) -> Iterator[tuple[int, int]]:
        """Yield the first record of each project with each of the others."""
        groups = _Groups(self._strong)
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
