"""Places → inputs → records, with what their prose says; what cannot be read goes into the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.findings import CheckedFile, Finding, Report
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers import Input, Location, find_inputs, read_input
from cybilgraph.readers.git import changed_since
from cybilgraph.release.redaction import IsHidden, hide_nobody, redact
from cybilgraph.validation.corrections import with_hint

#: What a reader says behind the name of the file: ":2:11: this is no JSON".
_ERROR_POSITION = re.compile(
    r"(?::(?P<line>[0-9]{1,12})(?::(?P<column>[0-9]{1,12}))?)?(?:: )?(?P<message>.*)", re.DOTALL
)

Progress = Callable[[int, int], None]


def select_inputs(
    places: Iterable[Location], since: str = "", kind: str = "", among: Iterable[Location] = ()
) -> tuple[Iterable[Input], list[Input]]:
    """The inputs at these places, and those beside them: all others ``among`` which they stand.

    With ``since``, the inputs are those that have changed since that commit of git, and the others
    at these places stand beside them. ``kind`` is the suffix that standard input is read as. Raises
    SourceError.
    """
    among = list(among)
    if not since and not among:
        return find_inputs(places, kind), []
    inputs = list(find_inputs(places, kind))
    own = list(changed_since(since, inputs)) if since else inputs
    there = {input_file.path.resolve() for input_file in own if input_file.path}
    every = [*(inputs if since else ()), *find_inputs(among)]
    context_inputs = {
        path: input_file for input_file in every if input_file.path and (path := input_file.path.resolve()) not in there
    }
    return own, list(context_inputs.values()) if own else []


def read_derived_records(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
) -> Iterator[Record]:
    """The records, one by one, with what their prose says; else like ``read_records``. What was found in a record
    is in the report.
    """
    for record in read_records(inputs, total, report, read_input, progress, seen):
        derived, findings = derive_record(record)
        report.extend(findings)
        yield derived


class HasKey(Protocol):
    """A record, or what stands for one."""

    @property
    def key(self) -> str:
        """That of the record."""


KeyedRecord = TypeVar("KeyedRecord", bound=HasKey)


def read_records(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    read: Callable[[Input], Iterable[KeyedRecord]],
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
    keep: Callable[[KeyedRecord, bytes], None] | None = None,
) -> Iterator[KeyedRecord]:
    """The records, one by one, as they are printed and ``read``; an input that cannot be read is in the report. With
    ``seen``, the inputs go there by their names, and into the report with their records. ``keep`` is given
    each single record, with the page that it was read from.
    """
    for input_file in inputs:
        source = replace(input_file)  # a copy, since an input keeps what was read of it
        report.sources += 1
        checked = CheckedFile(input_file.name, input_file.uri, tracked=input_file.tracked) if seen is not None else None
        if seen is not None and checked:
            seen[input_file.name] = input_file
            report.files.append(checked)
        before, record = report.records, None
        try:
            for record in read(source):
                report.records += 1
                if checked:
                    checked.records.append(record.key)
                yield record
            if keep and record and report.records == before + 1 and (content := page_content(source)) is not None:
                keep(record, content)
        except SourceError as error:
            report.unread += 1
            report.extend([unreadable_finding(input_file, error)])
        if progress:
            progress(report.sources, total)


def derive_record(record: Record, hidden: IsHidden = hide_nobody) -> tuple[Record, list[Finding]]:
    """The record with what its prose says, and without who is ``hidden``; and what was found in it."""
    derived = redact(derive(record), hidden)
    return derived, [with_hint(replace(found, record=record.key), derived) for found in derived.findings]


def page_content(source: Input) -> bytes | None:
    """All of a source that is no larger than a page."""
    try:
        return source.content
    except SourceError:
        return None


def unreadable_finding(input_file: Input, error: SourceError) -> Finding:
    """Says that an input cannot be read, where and why."""
    where = _ERROR_POSITION.match(error.what.removeprefix(input_file.name))
    assert where
    return finding(
        "unreadable",
        input_file.name,
        {"reason": where["message"], "hint": error.hint},
        line=int(where["line"] or 0),
        column=int(where["column"] or 0),
    )
