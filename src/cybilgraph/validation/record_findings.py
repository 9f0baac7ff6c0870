"""Validates records in batches and then across all records; turns results into findings with positions."""

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

#: Records per batch: enough to amortise the start of an engine, few enough to bound memory.
BATCH_RECORDS = 250
#: Characters of triples per batch, not counting the last record.
_MAX_BATCH_CHARS = 4_000_000
#: Fields that no rule across records uses.
_UNCOMPARED_FIELDS: dict[str, Any] = dict.fromkeys((*NARRATIVE, "contacts", "links", "left_blank", "findings"), ())

Described = tuple[Record, list[str]]


@dataclass(frozen=True, slots=True)
class ValidatedRecord:
    """A record with its triples and its findings."""

    record: Record
    lines: list[str]
    findings: list[Finding]

    @property
    def comparison_lines(self) -> list[str]:
        """The lines that rules across records read."""
        return comparison_lines(self.lines)

    @property
    def compact(self) -> tuple[Source, bytes]:
        """The source and the pickled parts of the record that findings across records need."""
        unknown = tuple(link for link in self.record.participations if not link.actor.known)
        return self.record.source, pickle.dumps(replace(self.record, participations=unknown, **_UNCOMPARED_FIELDS))


class ComparableRecord(Protocol):
    """A validated record that can be compared with others; see ``ValidatedRecord``."""

    @property
    def findings(self) -> list[Finding]:
        """The findings of the record alone."""

    @property
    def comparison_lines(self) -> list[str]:
        """The lines that rules across records read."""

    @property
    def compact(self) -> tuple[Source, bytes]:
        """The parts of the record that findings across records need."""


_One = TypeVar("_One", bound=ComparableRecord)
_Any = TypeVar("_Any")


def validate_records(records: Iterable[Record], report: Report, engine: str = "fast") -> Iterator[Described]:
    """Validate records, yield them in order with their triples, and add the findings to the report."""
    for one in validate_together(validate_each(records, report.as_of, engine), report, engine):
        yield one.record, one.lines


def validate_each(records: Iterable[Record], day: str, engine: str = "fast") -> Iterator[ValidatedRecord]:
    """Validate each record by itself."""
    context = context_triples(day)
    for batch, results in validate_batches(_batches(records), context, engine):
        yield from batch.validated(results, context)


def validate_together(
    records: Iterable[_One], report: Report, engine: str = "fast", context_records: Iterable[Record] = ()
) -> Iterator[_One]:
    """Yield records that were validated one by one, and add their findings to the report.

    Findings across records, including those with ``context_records``, are added after the last record. Nothing else is
    reported of ``context_records``.
    """
    context = context_triples(report.as_of)
    shared: set[Finding] = set()
    with CrossRecordGroups(context) as groups:
        for record in context_records:
            _add(groups, ValidatedRecord(record, describe(record), []))
        known = set(_cross_record_findings(groups, context, engine))
        for one in records:
            report.extend(found for found in one.findings if found.record or found not in shared)
            shared.update(found for found in one.findings if not found.record)  # report reference data only once
            _add(groups, one)
            yield one
        for found in _cross_record_findings(groups, context, engine):
            if found not in known:  # from the context records alone, or from another part of a large group
                known.add(found)
                report.extend([found])


def _add(groups: CrossRecordGroups, one: ComparableRecord) -> None:
    groups.add(one.comparison_lines, pickle.dumps(one.compact))


def _cross_record_findings(groups: CrossRecordGroups, context: str, engine: str) -> Iterator[Finding]:
    """Yield the findings across the records added so far."""
    for batch, results in validate_batches(_cross_record_batches(groups), context, engine, cross_record=True):
        yield from (batch.finding(result)[1] for result in results)


def context_triples(day: str) -> str:
    """Return the triples validated with every batch: the reference data and the day of the check."""
    return "\n".join([*describe_reference(load_gazetteer()), describe_day(day)])


def _batches(records: Iterable[Record]) -> Iterator[tuple[_Batch, str]]:
    described = ((record, describe(record)) for record in records)
    return map(_batch, split_batches(described, lambda one: sum(map(len, one[1])), _MAX_BATCH_CHARS))


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


def _cross_record_batches(groups: CrossRecordGroups) -> Iterator[tuple[_Batch, str]]:
    for group in groups.batches():
        yield _batch([(_unpickle(payload), lines) for lines, payload in group])


def _unpickle(payload: bytes) -> Record:
    """Restore a record from its compact form."""
    source, pickled = pickle.loads(payload)  # noqa: S301 - written by _add
    record: Record = pickle.loads(pickled)  # noqa: S301
    return replace(record, source=source)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records that are validated together.

    ``by_iri`` maps each project and record IRI to the index of its record, and to the suffix that was added to the IRI
    to distinguish it from that of another capture.
    """

    described: list[Described]
    by_iri: dict[str, tuple[int, str]]

    def validated(self, results: Iterable[ShaclResult], context: str) -> Iterator[ValidatedRecord]:
        """Yield each record with its findings.

        A finding about reference data is added to all records, and one about a shared resource to those that name it.
        """
        findings: list[list[Finding]] = [[] for _ in self.described]
        for result in results:
            number, found = self.finding(result)
            if number is not None:
                findings[number].append(found)
                continue
            is_reference = result.focus in context
            for (_, lines), own in zip(self.described, findings, strict=True):
                if is_reference or any(result.focus in line for line in lines):
                    own.append(found)
        for (record, lines), own in zip(self.described, findings, strict=True):
            yield ValidatedRecord(record, lines, own)

    def finding(self, result: ShaclResult) -> tuple[int | None, Finding]:
        """Return the index of the record that a result is about, if any, and the finding with its position."""
        focus, value = term_text(result.focus), term_text(result.value)
        found = Finding(
            severity=SEVERITY_OF[result.severity],
            rule=intern(result.rule),  # shared by many findings
            message=next(iter(result.messages), ""),
            file="data/reference",  # for a result about reference data
            focus=focus,
            path=intern(result.first),
            value=value,
            values=(("value", value),),
            result=result,
        )
        own = next((above for above in _ancestors(focus) if above in self.by_iri), None)
        if own is None:
            return None, translate(replace(found, text=focus))
        number, suffix = self.by_iri[own]
        record = self.described[number][0]

        def without_suffix(term: str) -> str:
            return term.replace(own, own.removesuffix(suffix), 1) if suffix else term

        focus, value = without_suffix(focus), without_suffix(value)
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
            result=replace(result, focus=without_suffix(result.focus), value=without_suffix(result.value))
            if suffix
            else result,
        )
        return number, with_hint(translate(placed), record)


def _batch(described: list[Described]) -> tuple[_Batch, str]:
    lines: list[str] = []
    by_iri: dict[str, tuple[int, str]] = {}
    for number, (record, own) in enumerate(described):
        own_iris = (project_iri(record), record_iri(record.key))
        # Two captures of a project would look like one with two titles, so the IRI of the second gets a suffix.
        suffix = f"!{number}" if own_iris[0] in by_iri else ""
        by_iri |= {f"{own_iri}{suffix}": (number, suffix) for own_iri in own_iris}
        lines += _renamed(own, own_iris, suffix) if suffix else own
    return _Batch(described, by_iri), "\n".join(lines)


def _renamed(lines: list[str], iris: tuple[str, ...], suffix: str) -> Iterator[str]:
    own = re.compile(rf"<({'|'.join(map(re.escape, iris))})(?=[/>])")
    return (own.sub(rf"<\g<1>{suffix}", line) for line in lines)


def _ancestors(iri: str) -> Iterator[str]:
    """Yield an IRI and its parents in the path hierarchy."""
    while iri:
        yield iri
        iri = iri.rpartition("/")[0]
