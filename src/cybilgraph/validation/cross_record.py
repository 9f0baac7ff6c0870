"""All records together: the few statements by which rules compare records wait in a file, and only
those records that share such a value, or lead to each other, are validated together.

The rules of shapes/across.ttl say themselves what they read (cyb:reads), and by which values
records meet in them (cyb:joinsOn).
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby, islice
from operator import itemgetter
from types import TracebackType

from cybilgraph.model.rules import catalogue
from cybilgraph.model.vocabulary import BASE, RDF
from cybilgraph.runtime.spill import TemporaryDatabase

#: Records that are validated together, unless they are more that belong together.
_GROUP_RECORDS = 500

#: More than these that share one value are a crowd. Each of them is held against some of the others, and
#: all against the same two: the work grows no faster than the records.
_MAX_SHARED_RECORDS = 50

#: What most lines of a record do not begin with is asked first.
_OWN_SUBJECT_PREFIXES = (f"<{BASE}id/project/", f"<{BASE}id/actor/")

# ``names`` are values by which records meet, as hashes: of a text that ``subject`` carries, or of an IRI that it
# has itself, or else is ``linked`` to. Those of the reference data have the number -1.
_SCHEMA = """
CREATE TABLE told (number INTEGER PRIMARY KEY, statements TEXT, payload BLOB);
CREATE TABLE names (name INTEGER, number INTEGER, subject INTEGER, linked INTEGER);
"""
_SHARED_NAMES_QUERY = """
SELECT name, number, subject, linked FROM names WHERE number >= 0 AND name IN (
    SELECT name FROM names GROUP BY name HAVING count(DISTINCT subject) > 1 AND min(linked) = 0)
ORDER BY name, number
"""

#: A record for the last pass: the statements that rules read, and what the caller keeps with them.
StoredRecord = tuple[list[str], bytes]


class CrossRecordGroups:
    """Takes the records one by one, and gives those that must be held together, when all are there.

    A context manager: the file is gone when it ends.
    """

    def __init__(self, context: str) -> None:
        """``context`` are the lines that are validated with every batch."""
        self._base = TemporaryDatabase(_SCHEMA)
        self._count = 0
        self._note(context.split("\n"), -1)

    def __enter__(self) -> CrossRecordGroups:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, lines: Iterable[str], payload: bytes = b"") -> None:
        """Take the lines of a record; ``payload`` is given back with them."""
        statements = self._note(lines, self._count)
        self._base.run("INSERT INTO told VALUES (?, ?, ?)", self._count, "\n".join(statements), payload)
        self._count += 1

    def batches(self) -> Iterator[list[StoredRecord]]:
        """The records that meet, in their order; those that belong together are in one batch, but for crowds."""
        crowds: dict[tuple[int, ...], None] = {}
        batch: list[int] = []
        for numbers in self._groups(crowds):
            if batch and len(batch) + len(numbers) > _GROUP_RECORDS:
                yield self._stored(batch)
                batch = []
            batch += numbers
        if batch:
            yield self._stored(batch)
        for crowd in crowds:  # in batches of their own: together they would be a crowd again
            yield self._stored(crowd)

    def _stored(self, numbers: Iterable[int]) -> list[StoredRecord]:
        stored = []
        for number in numbers:
            [(statements, payload)] = self._base.rows("SELECT statements, payload FROM told WHERE number = ?", number)
            stored.append((statements.split("\n"), payload))
        return stored

    def _note(self, lines: Iterable[str], number: int) -> list[str]:
        statement, joins = _comparison_pattern(), _joined_properties()
        statements, names = [], set()
        for line in lines:
            if not line.startswith(_OWN_SUBJECT_PREFIXES) or not (match := statement.match(line)):
                continue
            statements.append(match[0])
            subject = hash(match["iri"])
            if match["kind"] == "project":  # which another record may be of, too
                subject = hash((subject, number))
                names.add((hash(match["iri"]), number, subject, 0))
            if match["predicate"] in joins and match["text"] is not None:
                names.add((hash(match["text"].casefold()), number, subject, 0))
            elif match["predicate"] in joins:
                names.add((hash(match["other"]), number, hash((subject, "linked")), 1))
        self._base.fill("INSERT INTO names VALUES (?, ?, ?, ?)", names)
        return statements

    def _groups(self, crowds: dict[tuple[int, ...], None]) -> Iterable[list[int]]:
        """The numbers of the records that meet, directly or through others. Crowds are put aside, in parts;
        here only the first of each is met.
        """
        parents = array("q", range(self._count))

        def root(number: int) -> int:
            while parents[number] != number:
                parents[number] = number = parents[parents[number]]
            return number

        there = bytearray(self._count)
        for _, rows in groupby(self._base.rows(_SHARED_NAMES_QUERY), key=itemgetter(0)):
            own: dict[int, int] = {}
            numbers = []
            for _, number, subject, linked in rows:
                numbers.append(number)
                if not linked:
                    own.setdefault(number, subject)
            if len(own) > _MAX_SHARED_RECORDS:
                crowds.update(dict.fromkeys(_parts(own)))
                first = next(iter(own))
                numbers = [first, *(number for number in numbers if number not in own)]
                if len(numbers) == 1:
                    continue
            for number in numbers:
                there[number] = 1
                one, other = sorted((root(numbers[0]), root(number)))
                parents[other] = one
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(self._count):
            if there[number]:
                groups[root(number)].append(number)
        return groups.values()


def _parts(crowd: dict[int, int]) -> Iterator[tuple[int, ...]]:
    """A crowd in parts. In each of them are the first, and the first that has the value by another subject;
    given are the numbers, each with its subject.
    """
    first, subject = next(iter(crowd.items()))
    everywhere = [first, *islice((number for number, other in crowd.items() if other != subject), 1)]
    context = iter(sorted(crowd.keys() - everywhere))
    while part := list(islice(context, _MAX_SHARED_RECORDS)):
        yield (*everywhere, *part)


def comparison_lines(lines: Iterable[str]) -> list[str]:
    """Of the lines of a record, those that rules read which compare records."""
    statement = _comparison_pattern()
    return [line for line in lines if line.startswith(_OWN_SUBJECT_PREFIXES) and statement.match(line)]


@cache
def _joined_properties() -> frozenset[str]:
    return frozenset(iri for rule in catalogue().values() for iri in rule.joins_on)


@cache
def _comparison_pattern() -> re.Pattern[str]:
    """A statement that a rule reads of a project or an actor itself."""
    read = {RDF.type, *_joined_properties(), *(iri for rule in catalogue().values() for iri in rule.reads)}
    predicates = "|".join(map(re.escape, sorted(read)))
    return re.compile(
        rf"^<(?P<iri>{re.escape(BASE)}id/(?P<kind>project|actor)/[^/>]+)> <(?P<predicate>{predicates})> "
        r'(?:"(?P<text>.*)"[^"\n]*|<(?P<other>[^>]*)>) \.$',
    )
