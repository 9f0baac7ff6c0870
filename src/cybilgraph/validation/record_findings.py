"""Validates records in batches and then across all records; turns results into findings with positions."""

from __future__ import annotations

import pickle
import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import groupby, islice, tee
from operator import itemgetter
from typing import Any, TypeVar

from cybilgraph.identity.assembly import DecidedChange
from cybilgraph.model.fields import FIELDS, NARRATIVE
from cybilgraph.model.findings import Finding, Report, ShaclResult
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record, Source, Text
from cybilgraph.model.rules import catalogue, finding, translate
from cybilgraph.model.vocabulary import RDF, RULES, own_pattern, thing_iri
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import (
    StatementPlace,
    describe,
    describe_day,
    describe_reference,
    describe_used_reference,
    locate_statement,
    project_iri,
)
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.runtime.spill import TemporaryDatabase
from cybilgraph.validation import finding_of, validate_batches
from cybilgraph.validation.corrections import column_for, with_hint

#: Records per batch: enough to amortise the start of an engine, few enough to bound memory.
BATCH_RECORDS = 250
#: Characters of triples per batch, not counting the last record.
_MAX_BATCH_CHARS = 4_000_000
#: Fields that no rule across records uses.
_UNCOMPARED_FIELDS: dict[str, Any] = dict.fromkeys((*NARRATIVE, "contacts", "links", "left_blank", "findings"), ())

Described = tuple[Record, list[str]]


@dataclass(slots=True)
class ComparableRecord:
    """A validated record, reduced to what findings across records need.

    ``comparison_lines`` are the statements that rules across records read, and ``pickled`` is the record without its
    source and the fields that these rules do not use.
    """

    source: Source
    findings: list[Finding]
    comparison_lines: list[str]
    pickled: bytes


@dataclass(slots=True)
class ValidatedRecord(ComparableRecord):
    """A record with its triples and its findings."""

    record: Record
    lines: list[str]

    @classmethod
    def of(cls, record: Record, lines: list[str], findings: list[Finding]) -> ValidatedRecord:
        """Return the record with what findings across records need."""
        unknown = tuple(link for link in record.participations if not link.actor.known)
        pickled = pickle.dumps(replace(record, participations=unknown, **_UNCOMPARED_FIELDS))
        return cls(record.source, findings, comparison_lines(lines), pickled, record, lines)


_One = TypeVar("_One", bound=ComparableRecord)
_Any = TypeVar("_Any")


def validate_records(records: Iterable[Record], report: Report) -> Iterator[Described]:
    """Validate records, yield them in order with their triples, and add the findings to the report."""
    for one in validate_together(validate_each(records, report.as_of), report):
        yield one.record, one.lines


def validate_each(records: Iterable[Record], day: str, engine: str = "fast") -> Iterator[ValidatedRecord]:
    """Validate each record by itself."""
    return _validate_described(((record, describe(record)) for record in records), day, engine)


def _validate_described(described: Iterable[Described], day: str, engine: str) -> Iterator[ValidatedRecord]:
    parts = split_batches(described, lambda one: sum(map(len, one[1])), _MAX_BATCH_CHARS)
    batches = (_Batch(part, _used_context(part, day)) for part in parts)
    for batch, results in validate_batches(((batch, batch.text) for batch in batches), engine):
        yield from batch.validated(results)


def validate_together(
    records: Iterable[_One],
    report: Report,
    engine: str = "fast",
    context_records: Iterable[Record] = (),
    decided: Callable[[], Iterable[DecidedChange]] = tuple,
) -> Iterator[_One]:
    """Yield records that were validated one by one, and add their findings to the report.

    Findings across records, including those with ``context_records``, are added after the last record. Nothing else is
    reported of ``context_records``. Before that, ``decided`` is called, and returns the projects that curators'
    decisions changed, so that their findings take the decisions into account.
    """
    context = context_triples(report.as_of)
    shared: set[Finding] = set()
    with CrossRecordGroups(context) as groups:
        for record in context_records:
            _add(groups, ValidatedRecord.of(record, describe(record), []))
        known = set(_cross_record_findings(groups, context, engine))
        for one in records:
            report.extend(found for found in one.findings if found.record or found not in shared)
            shared.update(found for found in one.findings if not found.record)  # report reference data only once
            _add(groups, one)
            yield one
        _revalidate(decided(), groups, report, engine)
        for found in _cross_record_findings(groups, context, engine):
            if found not in known:  # from the context records alone, or from another part of a large group
                known.add(found)
                report.extend([found])


def _add(groups: CrossRecordGroups, one: ComparableRecord) -> None:
    groups.add(one.comparison_lines, pickle.dumps((one.source, one.pickled)))


def _revalidate(changes: Iterable[DecidedChange], groups: CrossRecordGroups, report: Report, engine: str) -> None:
    """Remove the findings that decisions resolve, and add those that they cause."""
    numbered, old, new = tee(changes, 3)
    before = _validate_described(((_place(one), one.before) for one in old), report.as_of, engine)
    after = _validate_described(((_place(one), one.after) for one in new), report.as_of, engine)
    settled: set[tuple[str, ...]] = set()
    caused: list[Finding] = []
    for change, former, present in zip(numbered, before, after, strict=True):
        removed, added = (set(comparison_lines(lines)) for lines in (former.lines, present.lines))
        common = removed & added
        for number, key in change.captures:
            is_newest = number == change.captures[-1][0]
            groups.replace(
                number,
                {_with_key(line, change.key, key) for line in removed - common},
                {_with_key(line, change.key, key) for line in added - common} if is_newest else set(),
            )
        known, still = ({_statement(one): one for one in each.findings} for each in (former, present))
        # The decided record may have a value from one capture that another, checked by itself, lacks.
        terms = _decided_terms(change)
        filled = {rule.iri for rule in catalogue().values() if not terms.isdisjoint(rule.requires)}
        filled -= {found.rule for found in present.findings}
        for _, key in change.captures:
            settled |= {(key, *(_with_key(text, change.key, key) for text in one)) for one in known.keys() - still}
            settled |= {(key, rule) for rule in filled}
        caused += [found for statement, found in still.items() if statement not in known]
    if settled:
        report.keep(lambda found: settled.isdisjoint([(found.record, *_statement(found)), (found.record, found.rule)]))
    report.extend(caused)


def _decided_terms(change: DecidedChange) -> set[str]:
    """Return the properties that the decisions on a project are about."""
    decision = re.compile(rf"<{re.escape(record_iri(change.key))}/decision/[^>]*> <{RDF.predicate}> <([^>]*)> \.")
    return {found[1] for line in change.after if (found := decision.fullmatch(line))}


def _place(change: DecidedChange) -> Record:
    """Return a record for the findings that decisions cause, which have no place in its text."""
    return Record(source=Source(change.source, "", line=change.line), slug=Text(change.key))


def _statement(found: Finding) -> tuple[str, str, str, str]:
    return found.rule, found.focus, found.path, found.value


def _with_key(text: str, old: str, new: str) -> str:
    """Return a text with the key of a project in its IRIs replaced."""
    for iri_of in (partial(thing_iri, "project"), record_iri) if old != new else ():
        text = re.sub(rf"{re.escape(iri_of(old))}(?=[/>]|$)", iri_of(new), text)
    return text


def _cross_record_findings(groups: CrossRecordGroups, context: str, engine: str) -> Iterator[Finding]:
    batches = (_Batch([(_restore(payload), lines) for lines, payload in group], context) for group in groups.batches())
    prepared = ((batch, batch.text) for batch in batches)
    for batch, results in validate_batches(prepared, engine, cross_record=True):
        yield from (batch.finding(result)[1] for result in results)


def _restore(payload: bytes) -> Record:
    source, pickled = pickle.loads(payload)  # noqa: S301 - written by _add
    record: Record = pickle.loads(pickled)  # noqa: S301
    return replace(record, source=source)


def context_triples(day: str) -> str:
    """Return the triples that rules read besides records: the reference data and the day of the check."""
    return f"{_reference()}\n{describe_day(day)}"


@cache
def _reference() -> str:
    return "\n".join(describe_reference(load_gazetteer()))


def _used_context(described: Iterable[Described], day: str) -> str:
    """Return what rules for single records read of the context, so that one record costs only what it uses."""
    lines = (line for _, own in described for line in own)
    return "\n".join([*describe_used_reference(load_gazetteer(), lines), describe_day(day)])


def split_batches(items: Iterable[_Any], size: Callable[[_Any], int], max_size: int) -> Iterator[list[_Any]]:
    """Split items into batches of BATCH_RECORDS, or fewer as soon as their sizes exceed ``max_size``."""
    batch: list[_Any] = []
    size_so_far = 0
    for one in items:
        batch.append(one)
        size_so_far += size(one)
        if len(batch) == BATCH_RECORDS or size_so_far > max_size:
            yield batch
            batch, size_so_far = [], 0
    if batch:
        yield batch


class _Batch:
    """Records that are validated together; ``text`` contains their triples and the context."""

    def __init__(self, described: list[Described], context: str) -> None:
        self._described = described
        self._context = context
        #: By project and record IRI, the index of the record, and the suffix that was added to the IRI.
        self._by_iri: dict[str, tuple[int, str]] = {}
        lines: list[str] = []
        for number, (record, own) in enumerate(described):
            own_iris = (project_iri(record), record_iri(record.key))
            # Two captures of a project would look like one with two titles, so the IRI of the second gets a suffix.
            suffix = f"!{number}" if own_iris[0] in self._by_iri else ""
            self._by_iri |= {f"{own_iri}{suffix}": (number, suffix) for own_iri in own_iris}
            if suffix:
                renamed = re.compile(rf"<({'|'.join(map(re.escape, own_iris))})(?=[/>])")
                own = [renamed.sub(rf"<\g<1>{suffix}", line) for line in own]
            lines += own
        self.text = "\n".join([*lines, context])

    def validated(self, results: Iterable[ShaclResult]) -> Iterator[ValidatedRecord]:
        """Yield each record with its findings.

        A finding about reference data is added to all records, and one about a shared resource to those that name it.
        """
        findings: list[list[Finding]] = [[] for _ in self._described]
        for result in results:
            number, found = self.finding(result)
            if number is not None:
                findings[number].append(found)
                continue
            is_reference = result.focus in self._context
            for (_, lines), own in zip(self._described, findings, strict=True):
                if is_reference or any(result.focus in line for line in lines):
                    own.append(found)
        for (record, lines), own in zip(self._described, findings, strict=True):
            yield ValidatedRecord.of(record, lines, own)

    def finding(self, result: ShaclResult) -> tuple[int | None, Finding]:
        """Return the index of the record that a result is about, if any, and the finding with its position."""
        focus = term_text(result.focus)
        own = next((above for above in _ancestors(focus) if above in self._by_iri), None)
        message = next(iter(result.messages), "")
        if own is None:
            return None, translate(finding_of(result, message=message, file="data/reference", text=focus))
        number, suffix = self._by_iri[own]
        record = self._described[number][0]
        if found_once := missing_column(result, record.source):
            return number, found_once
        if suffix:
            focus, value = (term.replace(own, own.removesuffix(suffix), 1) for term in (result.focus, result.value))
            result = replace(result, focus=focus, value=value)
        located = _locate(record, result)
        found = finding_of(
            result,
            message=message,
            file=record.source.name,
            record=record.key,
            label=located.label,
            line=located.place.line if located.place else record.source.line,
            column=located.place.column if located.place else 0,
            text=located.text,
        )
        return number, with_hint(translate(found), record)


def _locate(record: Record, result: ShaclResult) -> StatementPlace:
    """Return the place of a result; for a value missing from a field with a heading, that of the field."""
    rule = catalogue().get(result.rule.removeprefix(RULES))
    required = rule.requires if rule and not result.first else ()
    focus, value = term_text(result.focus), term_text(result.value)
    for path in required:
        if (place := locate_statement(record, focus, path, value)).label:
            return place
    return locate_statement(record, focus, result.first, value)


def missing_column(result: ShaclResult, source: Source) -> Finding | None:
    """Return the finding about a table that explains a result for one of its rows, or None.

    It is the same for all rows, which lack a value because the table has no column for it.
    """
    rule = catalogue().get(result.rule.removeprefix(RULES))
    if not rule or not rule.requires or not source.columns or column_for(rule, source):
        return None
    names = " / ".join(row.column for row in FIELDS if row.term in rule.requires)
    found = finding("no-column", source.name, {"name": names}, line=source.header_line)
    return replace(found, severity=rule.severity)


def _ancestors(iri: str) -> Iterator[str]:
    """Yield an IRI and its parents in the path hierarchy."""
    while iri:
        yield iri
        iri = iri.rpartition("/")[0]


# ---- rules across records --------------------------------------------------------------------

#: Records per batch, unless more are connected.
_GROUP_RECORDS = 500

#: If more records share a value, each is compared with only some of the others, and all with the same two,
#: so that the work stays linear.
_MAX_SHARED_RECORDS = 50

# ``names`` contains hashes of connecting values: a text of ``subject``, its own IRI, or an IRI it is ``linked`` to (1).
# The IRI of an actor connects those that give it different names, which are its subjects (-1).
# Values of the reference data have the number -1.
_SCHEMA = """
CREATE TABLE record (number INTEGER PRIMARY KEY, statements TEXT, payload BLOB);
CREATE TABLE names (name INTEGER, number INTEGER, subject INTEGER, linked INTEGER);
"""
_SHARED_NAMES_QUERY = """
SELECT name, number, subject, linked FROM names WHERE number >= 0 AND name IN (
    SELECT name FROM names GROUP BY name HAVING count(DISTINCT subject) > 1 AND min(linked) < 1)
ORDER BY name, number
"""

_INSERT_NAMES = "INSERT INTO names VALUES (?, ?, ?, ?)"
#: A row of "names".
_Name = tuple[int, int, int, int]
#: A stored record: the statements that rules read, and the caller's data.
StoredRecord = tuple[list[str], bytes]


class CrossRecordGroups(TemporaryDatabase):
    """Collects records, and returns those that must be validated together. A context manager.

    Stores the few statements that rules across records read in a temporary file. Only records that share a value or
    link to each other are validated together. The rules in shapes/across.ttl declare which properties they read
    (cyb:reads) and which connect records (cyb:joinsOn).
    """

    def __init__(self, context: str) -> None:
        """Create a collection; ``context`` contains the lines that are validated with every batch."""
        super().__init__(_SCHEMA)
        self._count = 0
        self.fill(_INSERT_NAMES, _context_names(context))

    def add(self, lines: Iterable[str], payload: bytes = b"") -> None:
        """Add the lines of a record; ``payload`` is returned with them."""
        statements = self._index(lines, self._count)
        self.run("INSERT INTO record VALUES (?, ?, ?)", self._count, "\n".join(statements), payload)
        self._count += 1

    def replace(self, number: int, removed: set[str], added: set[str]) -> None:
        """Replace lines of a record that was added."""
        if not removed and not added:
            return
        self.run("CREATE INDEX IF NOT EXISTS by_number ON names (number)")
        [(statements,)] = self.rows("SELECT statements FROM record WHERE number = ?", number)
        self.run("DELETE FROM names WHERE number = ?", number)
        kept = [line for line in statements.split("\n") if line not in removed]
        statements = "\n".join(self._index([*kept, *sorted(added.difference(kept))], number))
        self.run("UPDATE record SET statements = ? WHERE number = ?", statements, number)

    def batches(self) -> Iterator[list[StoredRecord]]:
        """Yield batches of connected records in order; very large groups are split."""
        parts: dict[tuple[int, ...], None] = {}
        batch: dict[int, None] = {}  # a record may be in several groups
        for numbers in self._groups(parts):
            if batch and len(batch) + len(numbers) > _GROUP_RECORDS:
                yield self._stored(batch)
                batch = {}
            batch |= dict.fromkeys(numbers)
        if batch:
            yield self._stored(batch)
        for part in parts:  # in batches of their own, because together they would be a large group again
            yield self._stored(part)

    def _stored(self, numbers: Iterable[int]) -> list[StoredRecord]:
        stored = []
        for number in numbers:
            [(statements, payload)] = self.rows("SELECT statements, payload FROM record WHERE number = ?", number)
            stored.append((statements.split("\n"), payload))
        return stored

    def _index(self, lines: Iterable[str], number: int) -> list[str]:
        """Store the connecting values of a record, and return the statements that rules read."""
        statements, names = _connecting_names(lines, number)
        self.fill(_INSERT_NAMES, names)
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
        apart: list[list[int]] = []
        for _, rows in groupby(self.rows(_SHARED_NAMES_QUERY), key=itemgetter(0)):
            own: dict[int, int] = {}
            numbers = []
            for _, number, subject, linked in rows:
                numbers.append(number)
                if linked < 1:
                    own.setdefault(number, subject)
            if len(own) > _MAX_SHARED_RECORDS:
                parts.update(dict.fromkeys(_split(own)))
                first = next(iter(own))
                numbers = [first, *(number for number in numbers if number not in own)]
                if len(numbers) == 1:
                    continue
            elif linked < 0:  # on their own, because chains of actors would connect most records
                apart.append(numbers)
                continue
            for number in numbers:
                is_connected[number] = 1
                one, other = sorted((root(numbers[0]), root(number)))
                parents[other] = one
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(self._count):
            if is_connected[number]:
                groups[root(number)].append(number)
        return [*groups.values(), *apart]


def _connecting_names(lines: Iterable[str], number: int) -> tuple[list[str], set[_Name]]:
    """Return the statements of a record that rules read, and the rows of its connecting values."""
    statements, names = [], set[_Name]()
    for match in _matches(lines):
        statements.append(match[0])
        subject = hash(match["iri"])
        if match["kind"] == "project":  # another record may describe the same project
            subject = hash((subject, number))
            names.add((hash(match["iri"]), number, subject, 0))
        if match["predicate"] not in _joined_properties():
            continue
        if match["text"] is not None:
            names.add((name := hash(match["text"].casefold()), number, subject, 0))
            if match["kind"] == "actor":
                names.add((subject, number, name, -1))
        else:
            names.add((hash(match["other"]), number, hash((subject, "linked")), 1))
    return statements, names


@lru_cache(maxsize=1)
def _context_names(context: str) -> set[_Name]:
    return _connecting_names(context.split("\n"), -1)[1]


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
    own_subjects = (f"<{thing_iri('project', '')}", f"<{thing_iri('actor', '')}")  # a quick test, which most lines fail
    return (match for line in lines if line.startswith(own_subjects) and (match := statement.match(line)))


@cache
def _joined_properties() -> frozenset[str]:
    return frozenset(iri for rule in catalogue().values() for iri in rule.joins_on)


@cache
def _comparison_pattern() -> re.Pattern[str]:
    """Return the pattern of the statements about projects and actors that rules across records read."""
    read = {RDF.type, *_joined_properties(), *(iri for rule in catalogue().values() for iri in rule.reads)}
    predicates = "|".join(map(re.escape, sorted(read)))
    return own_pattern(
        rf"^<(?P<iri>OWNid/(?P<kind>project|actor)/[^/>]+)> <(?P<predicate>{predicates})> "
        r'(?:"(?P<text>.*)"[^"\n]*|<(?P<other>[^>]*)>) \.$',
    )
