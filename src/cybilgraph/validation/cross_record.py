"""Groups records for the rules that compare them.

Stores the few statements that these rules read in a temporary file. Only records that share a value or link to each
other are validated together. The rules in shapes/across.ttl declare which properties they read (cyb:reads) and which
connect records (cyb:joinsOn).
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby, islice
from operator import itemgetter

from cybilgraph.model.rules import catalogue
from cybilgraph.model.vocabulary import BASE, RDF
from cybilgraph.runtime.spill import TemporaryDatabase

#: Records per batch, unless more are connected.
_GROUP_RECORDS = 500

#: If more records share a value, each is compared with only some of the others, and all with the same two,
#: so that the work stays linear.
_MAX_SHARED_RECORDS = 50

#: A quick test, which most lines of a record fail.
_OWN_SUBJECT_PREFIXES = (f"<{BASE}id/project/", f"<{BASE}id/actor/")

# ``names`` contains hashes of connecting values: a text of ``subject``, its own IRI, or an IRI it is ``linked`` to.
# Values of the reference data have the number -1.
_SCHEMA = """
CREATE TABLE record (number INTEGER PRIMARY KEY, statements TEXT, payload BLOB);
CREATE TABLE names (name INTEGER, number INTEGER, subject INTEGER, linked INTEGER);
"""
_SHARED_NAMES_QUERY = """
SELECT name, number, subject, linked FROM names WHERE number >= 0 AND name IN (
    SELECT name FROM names GROUP BY name HAVING count(DISTINCT subject) > 1 AND min(linked) = 0)
ORDER BY name, number
"""

#: A stored record: the statements that rules read, and the caller's data.
StoredRecord = tuple[list[str], bytes]


class CrossRecordGroups:
    """Collects records, and returns those that must be validated together. A context manager."""

    def __init__(self, context: str) -> None:
        """Create a collection; ``context`` contains the lines that are validated with every batch."""
        self._base = TemporaryDatabase(_SCHEMA)
        self._count = 0
        self._index(context.split("\n"), -1)

    def __enter__(self) -> CrossRecordGroups:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def add(self, lines: Iterable[str], payload: bytes = b"") -> None:
        """Add the lines of a record; ``payload`` is returned with them."""
        statements = self._index(lines, self._count)
        self._base.run("INSERT INTO record VALUES (?, ?, ?)", self._count, "\n".join(statements), payload)
        self._count += 1

    def batches(self) -> Iterator[list[StoredRecord]]:
        """Yield batches of connected records in order; very large groups are split."""
        parts: dict[tuple[int, ...], None] = {}
        batch: list[int] = []
        for numbers in self._groups(parts):
            if batch and len(batch) + len(numbers) > _GROUP_RECORDS:
                yield self._stored(batch)
                batch = []
            batch += numbers
        if batch:
            yield self._stored(batch)
        for part in parts:  # in batches of their own, because together they would be a large group again
            yield self._stored(part)

    def _stored(self, numbers: Iterable[int]) -> list[StoredRecord]:
        stored = []
        for number in numbers:
            [(statements, payload)] = self._base.rows("SELECT statements, payload FROM record WHERE number = ?", number)
            stored.append((statements.split("\n"), payload))
        return stored

    def _index(self, lines: Iterable[str], number: int) -> list[str]:
        """Store the connecting values of a record, and return the statements that rules read."""
        statements, names = [], set()
        for match in _matches(lines):
            statements.append(match[0])
            subject = hash(match["iri"])
            if match["kind"] == "project":  # another record may describe the same project
                subject = hash((subject, number))
                names.add((hash(match["iri"]), number, subject, 0))
            if match["predicate"] not in _joined_properties():
                continue
            if match["text"] is not None:
                names.add((hash(match["text"].casefold()), number, subject, 0))
            else:
                names.add((hash(match["other"]), number, hash((subject, "linked")), 1))
        self._base.fill("INSERT INTO names VALUES (?, ?, ?, ?)", names)
        return statements

    def _groups(self, parts: dict[tuple[int, ...], None]) -> Iterable[list[int]]:
        """Return the record numbers of each connected group.

        Large sets of records that share a value are added to ``parts`` instead; only their first record joins a group.
        """
        parents = array("q", range(self._count))

        def root(number: int) -> int:
            while parents[number] != number:
                parents[number] = number = parents[parents[number]]
            return number

        is_connected = bytearray(self._count)
        for _, rows in groupby(self._base.rows(_SHARED_NAMES_QUERY), key=itemgetter(0)):
            own: dict[int, int] = {}
            numbers = []
            for _, number, subject, linked in rows:
                numbers.append(number)
                if not linked:
                    own.setdefault(number, subject)
            if len(own) > _MAX_SHARED_RECORDS:
                parts.update(dict.fromkeys(_split(own)))
                first = next(iter(own))
                numbers = [first, *(number for number in numbers if number not in own)]
                if len(numbers) == 1:
                    continue
            for number in numbers:
                is_connected[number] = 1
                one, other = sorted((root(numbers[0]), root(number)))
                parents[other] = one
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(self._count):
            if is_connected[number]:
                groups[root(number)].append(number)
        return groups.values()


def _split(subjects: dict[int, int]) -> Iterator[tuple[int, ...]]:
    """Split record numbers, given with their subjects, into parts.

    Each part includes the first record, and the first one with another subject.
    """
    first, subject = next(iter(subjects.items()))
    common = [first, *islice((number for number, other in subjects.items() if other != subject), 1)]
    others = iter(sorted(subjects.keys() - common))
    while part := list(islice(others, _MAX_SHARED_RECORDS)):
        yield (*common, *part)


def comparison_lines(lines: Iterable[str]) -> list[str]:
    """Return the lines of a record that rules across records read."""
    return [match[0] for match in _matches(lines)]


def _matches(lines: Iterable[str]) -> Iterator[re.Match[str]]:
    statement = _comparison_pattern()
    return (match for line in lines if line.startswith(_OWN_SUBJECT_PREFIXES) and (match := statement.match(line)))


@cache
def _joined_properties() -> frozenset[str]:
    return frozenset(iri for rule in catalogue().values() for iri in rule.joins_on)


@cache
def _comparison_pattern() -> re.Pattern[str]:
    """Return the pattern of the statements about projects and actors that rules across records read."""
    read = {RDF.type, *_joined_properties(), *(iri for rule in catalogue().values() for iri in rule.reads)}
    predicates = "|".join(map(re.escape, sorted(read)))
    return re.compile(
        rf"^<(?P<iri>{re.escape(BASE)}id/(?P<kind>project|actor)/[^/>]+)> <(?P<predicate>{predicates})> "
        r'(?:"(?P<text>.*)"[^"\n]*|<(?P<other>[^>]*)>) \.$',
    )
