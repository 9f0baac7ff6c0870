"""Places → inputs → records, with what their prose says; what cannot be read goes into the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.findings import Checked, Finding, Report
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers import Input, Place, find_inputs, read_input
from cybilgraph.readers.git import changed_since
from cybilgraph.release.redaction import IsHidden, hide_nobody, redact
from cybilgraph.validation.corrections import with_hint

#: What a reader says behind the name of the file: ":2:11: this is no JSON".
_PLACED = re.compile(r"(?::(?P<line>[0-9]{1,12})(?::(?P<column>[0-9]{1,12}))?)?(?:: )?(?P<message>.*)", re.DOTALL)

Progress = Callable[[int, int], None]


def chosen(
    places: Iterable[Place], since: str = "", kind: str = "", among: Iterable[Place] = ()
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
    there = {given.path.resolve() for given in own if given.path}
    every = [*(inputs if since else ()), *find_inputs(among)]
    beside = {path: given for given in every if given.path and (path := given.path.resolve()) not in there}
    return own, list(beside.values()) if own else []


def records_of(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
) -> Iterator[Record]:
    """The records, one by one, with what their prose says; else like ``printed``. What was found in a record
    is in the report.
    """
    for record in printed(inputs, total, report, read_input, progress, seen):
        derived, findings = with_prose(record)
        report.extend(findings)
        yield derived


class Keyed(Protocol):
    """A record, or what stands for one."""

    @property
    def key(self) -> str:
        """That of the record."""


Printed = TypeVar("Printed", bound=Keyed)


def printed(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    read: Callable[[Input], Iterable[Printed]],
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
    keep: Callable[[Printed, bytes], None] | None = None,
) -> Iterator[Printed]:
    """The records, one by one, as they are printed and ``read``; an input that cannot be read is in the report. With
    ``seen``, the inputs go there by their names, and into the report with their records. ``keep`` is given
    each single record, with the page that it was read from.
    """
    for given in inputs:
        source = replace(given)  # a copy, since an input keeps what was read of it
        report.sources += 1
        checked = Checked(given.name, given.uri, tracked=given.tracked) if seen is not None else None
        if seen is not None and checked:
            seen[given.name] = given
            report.files.append(checked)
        before, record = report.records, None
        try:
            for record in read(source):
                report.records += 1
                if checked:
                    checked.records.append(record.key)
                yield record
            if keep and record and report.records == before + 1 and (content := page(source)) is not None:
                keep(record, content)
        except SourceError as error:
            report.unread += 1
            report.extend([unreadable(given, error)])
        if progress:
            progress(report.sources, total)


def with_prose(record: Record, hidden: IsHidden = hide_nobody) -> tuple[Record, list[Finding]]:
    """The record with what its prose says, and without who is ``hidden``; and what was found in it."""
    derived = redact(derive(record), hidden)
    return derived, [with_hint(replace(found, record=record.key), derived) for found in derived.findings]


def page(source: Input) -> bytes | None:
    """All of a source that is no larger than a page."""
    try:
        return source.content
    except SourceError:
        return None


def unreadable(given: Input, error: SourceError) -> Finding:
    """Says that an input cannot be read, where and why."""
    where = _PLACED.match(error.what.removeprefix(given.name))
    assert where
    return finding(
        "unreadable",
        given.name,
        {"reason": where["message"], "hint": error.hint},
        line=int(where["line"] or 0),
        column=int(where["column"] or 0),
    )
