"""Validates records in batches and then across all records; turns results into findings with positions."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cybilgraph.model.fields import NARRATIVE
from cybilgraph.model.findings import Finding, Report, ShaclResult
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record, Source
from cybilgraph.model.rules import translate
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import describe, describe_day, describe_reference, locate_statement, project_iri
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.validation import finding_of, validate_batches
from cybilgraph.validation.corrections import with_hint
from cybilgraph.validation.cross_record import CrossRecordGroups, comparison_lines

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
    context = context_triples(day)
    described = ((record, describe(record)) for record in records)
    batches = map(_Batch, split_batches(described, lambda one: sum(map(len, one[1])), _MAX_BATCH_CHARS))
    for batch, results in validate_batches(((batch, batch.text) for batch in batches), context, engine):
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
            _add(groups, ValidatedRecord.of(record, describe(record), []))
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
    groups.add(one.comparison_lines, pickle.dumps((one.source, one.pickled)))


def _cross_record_findings(groups: CrossRecordGroups, context: str, engine: str) -> Iterator[Finding]:
    batches = (_Batch([(_restore(payload), lines) for lines, payload in group]) for group in groups.batches())
    prepared = ((batch, batch.text) for batch in batches)
    for batch, results in validate_batches(prepared, context, engine, cross_record=True):
        yield from (batch.finding(result)[1] for result in results)


def _restore(payload: bytes) -> Record:
    source, pickled = pickle.loads(payload)  # noqa: S301 - written by _add
    record: Record = pickle.loads(pickled)  # noqa: S301
    return replace(record, source=source)


def context_triples(day: str) -> str:
    """Return the triples validated with every batch: the reference data and the day of the check."""
    return "\n".join([*describe_reference(load_gazetteer()), describe_day(day)])


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
    """Records that are validated together; ``text`` contains their triples."""

    def __init__(self, described: list[Described]) -> None:
        self._described = described
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
        self.text = "\n".join(lines)

    def validated(self, results: Iterable[ShaclResult], context: str) -> Iterator[ValidatedRecord]:
        """Yield each record with its findings.

        A finding about reference data is added to all records, and one about a shared resource to those that name it.
        """
        findings: list[list[Finding]] = [[] for _ in self._described]
        for result in results:
            number, found = self.finding(result)
            if number is not None:
                findings[number].append(found)
                continue
            is_reference = result.focus in context
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
        if suffix:
            focus, value = (term.replace(own, own.removesuffix(suffix), 1) for term in (result.focus, result.value))
            result = replace(result, focus=focus, value=value)
        located = locate_statement(record, term_text(result.focus), result.first, term_text(result.value))
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


def _ancestors(iri: str) -> Iterator[str]:
    """Yield an IRI and its parents in the path hierarchy."""
    while iri:
        yield iri
        iri = iri.rpartition("/")[0]
