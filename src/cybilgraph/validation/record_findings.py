"""Records → the same with their triples, and what breaks the shapes as findings with their places:
batch by batch, and then across all records.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from sys import intern
from typing import Any, Protocol, TypeVar

from cybilgraph.model.fields import NARRATIVE
from cybilgraph.model.findings import Finding, Report, ShaclResult
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record, Source
from cybilgraph.model.rules import SEVERITY_OF, translate
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import (
    describe,
    describe_day,
    describe_reference,
    locate_statement,
    project_iri,
)
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.validation import CrossRecordGroups, comparison_lines, validate_batches
from cybilgraph.validation.corrections import with_hint

#: Records that are validated together: many enough to make the start of an engine cheap, few
#: enough that memory does not grow with their number.
BATCH_RECORDS = 250
#: And no more characters of triples than this, but for those of the last record: records may be large.
_MAX_BATCH_CHARS = 4_000_000
#: What no rule asks of other records.
_UNCOMPARED_FIELDS: dict[str, Any] = dict.fromkeys((*NARRATIVE, "contacts", "links", "left_blank", "findings"), ())

Described = tuple[Record, list[str]]


@dataclass(frozen=True, slots=True)
class ValidatedRecord:
    """A record with its triples, and what breaks the shapes in it."""

    record: Record
    lines: list[str]
    findings: list[Finding]

    @property
    def comparison_lines(self) -> list[str]:
        """Those of its lines that rules read which compare records."""
        return comparison_lines(self.lines)

    @property
    def short(self) -> tuple[Source, bytes]:
        """The record as it is needed to tell what several break together: its source, and the rest, packed."""
        unknown = tuple(link for link in self.record.participations if not link.actor.known)
        return self.record.source, pickle.dumps(replace(self.record, participations=unknown, **_UNCOMPARED_FIELDS))


class ComparableRecord(Protocol):
    """What is asked of a record that was examined, to hold it against others."""

    @property
    def findings(self) -> list[Finding]:
        """What breaks the shapes in it."""

    @property
    def comparison_lines(self) -> list[str]:
        """As of ``ValidatedRecord``."""

    @property
    def short(self) -> tuple[Source, bytes]:
        """As of ``ValidatedRecord``."""


_One = TypeVar("_One", bound=ComparableRecord)
_Any = TypeVar("_Any")


def validate_records(records: Iterable[Record], report: Report, engine: str = "fast") -> Iterator[Described]:
    """Records with their triples, in their order; what breaks the shapes goes into the report."""
    for one in validate_together(validate_each(records, report.as_of, engine), report, engine):
        yield one.record, one.lines


def validate_each(records: Iterable[Record], day: str, engine: str = "fast") -> Iterator[ValidatedRecord]:
    """Each record with its triples, and what breaks the shapes in it alone."""
    context = context_triples(day)
    for batch, results in validate_batches(_batches(records), context, engine):
        yield from batch.validated(results, context)


def validate_together(
    records: Iterable[_One], report: Report, engine: str = "fast", context_records: Iterable[Record] = ()
) -> Iterator[_One]:
    """Records that were examined one by one; what they break goes into the report.

    What records break together is told when the last has been asked for; also what they break with
    those ``context_records``, of which nothing else is told, wherever its place is.
    """
    context = context_triples(report.as_of)
    shared: set[Finding] = set()
    with CrossRecordGroups(context) as groups:
        for record in context_records:
            _add(groups, ValidatedRecord(record, describe(record), []))
        known = set(_cross_record_findings(groups, context, engine))
        for one in records:
            report.extend(found for found in one.findings if found.record or found not in shared)
            shared.update(found for found in one.findings if not found.record)  # of the reference data: told once
            _add(groups, one)
            yield one
        for found in _cross_record_findings(groups, context, engine):
            if found not in known:  # by those beside, or by another part of a crowd
                known.add(found)
                report.extend([found])


def _add(groups: CrossRecordGroups, one: ComparableRecord) -> None:
    groups.add(one.comparison_lines, pickle.dumps(one.short))


def _cross_record_findings(groups: CrossRecordGroups, context: str, engine: str) -> Iterator[Finding]:
    """What the records that are there break together."""
    for batch, results in validate_batches(_cross_record_batches(groups), context, engine, cross_record=True):
        yield from (batch.finding(result)[1] for result in results)


def context_triples(day: str) -> str:
    """What is validated with every batch: the reference things, and the day."""
    return "\n".join([*describe_reference(load_gazetteer()), describe_day(day)])


def _batches(records: Iterable[Record]) -> Iterator[tuple[_Batch, str]]:
    described = ((record, describe(record)) for record in records)
    return map(_batch, split_batches(described, lambda one: sum(map(len, one[1])), _MAX_BATCH_CHARS))


def split_batches(given: Iterable[_Any], size: Callable[[_Any], int], max_size: int) -> Iterator[list[_Any]]:
    """BATCH at a time; fewer where they are so large that their sizes, but for that of the last, are ``max_size``."""
    part: list[_Any] = []
    size_so_far = 0
    for one in given:
        part.append(one)
        size_so_far += size(one)
        if len(part) == BATCH_RECORDS or size_so_far > max_size:
            yield part
            part, size_so_far = [], 0
    if part:
        yield part


def _cross_record_batches(groups: CrossRecordGroups) -> Iterator[tuple[_Batch, str]]:
    for group in groups.batches():
        yield _batch([(_unpickle(payload), lines) for lines, payload in group])


def _unpickle(payload: bytes) -> Record:
    """What ``Examined.short`` gave, as a record again."""
    source, short = pickle.loads(payload)  # noqa: S301 - our own, see _add
    record: Record = pickle.loads(short)  # noqa: S301
    return replace(record, source=source)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records that are validated together. ``by_iri`` has for each project and record IRI the number of its
    record, and what was put behind the IRI to tell it from that of another capture.
    """

    described: list[Described]
    by_iri: dict[str, tuple[int, str]]

    def validated(self, results: Iterable[ShaclResult], context: str) -> Iterator[ValidatedRecord]:
        """The records, each with what is wrong in it. What is wrong in reference data is told of all, and in
        what records say of a thing that several may name, of those that name it.
        """
        findings: list[list[Finding]] = [[] for _ in self.described]
        for result in results:
            number, found = self.finding(result)
            if number is not None:
                findings[number].append(found)
                continue
            everywhere = result.focus in context
            for (_, lines), own in zip(self.described, findings, strict=True):
                if everywhere or any(result.focus in line for line in lines):
                    own.append(found)
        for (record, lines), own in zip(self.described, findings, strict=True):
            yield ValidatedRecord(record, lines, own)

    def finding(self, result: ShaclResult) -> tuple[int | None, Finding]:
        """A result as a finding, with its place in the source of its record; and the number of that."""
        focus, value = term_text(result.focus), term_text(result.value)
        found = Finding(
            severity=SEVERITY_OF[result.severity],
            rule=intern(result.rule),  # many findings name it
            message=next(iter(result.messages), ""),
            file="data/reference",  # where the fault is of the reference data, and not of a record
            focus=focus,
            path=intern(result.first),
            value=value,
            values=(("value", value),),
            result=result,
        )
        own = next((above for above in _ancestors(focus) if above in self.by_iri), None)
        if own is None:
            return None, translate(replace(found, text=focus))
        number, again = self.by_iri[own]
        record = self.described[number][0]

        def named(term: str) -> str:
            return term.replace(own, own.removesuffix(again), 1) if again else term

        focus, value = named(focus), named(value)
        located = locate_statement(record, focus, result.first, value)
        placed = replace(
            found,
            focus=focus,
            value=value,
            values=(("value", value),),
            file=record.source.name,
            record=record.key,
            label=located.label,
            line=located.place.line if located.place else record.source.line,
            column=located.place.column if located.place else 0,
            text=located.text,
            result=replace(result, focus=named(result.focus), value=named(result.value)) if again else result,
        )
        return number, with_hint(translate(placed), record)


def _batch(described: list[Described]) -> tuple[_Batch, str]:
    lines: list[str] = []
    by_iri: dict[str, tuple[int, str]] = {}
    for number, (record, own) in enumerate(described):
        own_iris = (project_iri(record), record_iri(record.key))
        # Two captures of one project would look like one with two titles: the second gets another name.
        again = f"!{number}" if own_iris[0] in by_iri else ""
        by_iri |= {f"{own_iri}{again}": (number, again) for own_iri in own_iris}
        lines += _renamed(own, own_iris, again) if again else own
    return _Batch(described, by_iri), "\n".join(lines)


def _renamed(lines: list[str], iris: tuple[str, ...], by: str) -> Iterator[str]:
    own = re.compile(rf"<({'|'.join(map(re.escape, iris))})(?=[/>])")
    return (own.sub(rf"<\g<1>{by}", line) for line in lines)


def _ancestors(address: str) -> Iterator[str]:
    """An IRI, and those that it lies below."""
    while address:
        yield address
        address = address.rpartition("/")[0]
