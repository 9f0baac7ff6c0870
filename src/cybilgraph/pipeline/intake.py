"""Reads records from files and extracts statements from their prose; reports inputs that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.findings import CheckedFile, Finding, Report
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers import Input, Location, find_inputs, read_input
from cybilgraph.readers.inputs import changed_since
from cybilgraph.release.redaction import IsHidden, hide_nobody, redact
from cybilgraph.validation.corrections import with_hint

#: A reader's error message after the file name: ":2:11: invalid JSON".
_ERROR_POSITION = re.compile(
    r"(?::(?P<line>[0-9]{1,12})(?::(?P<column>[0-9]{1,12}))?)?(?:: )?(?P<message>.*)", re.DOTALL
)

Progress = Callable[[int, int], None]


def select_inputs(
    places: Iterable[Location], since: str = "", kind: str = "", among: Iterable[Location] = ()
) -> tuple[Iterable[Input], list[Input]]:
    """Return the inputs at these places, and the context inputs to compare them with.

    The context consists of the inputs ``among``. With the git commit ``since``, only inputs that have changed since
    then are returned, and the others at these places are context, too. ``kind`` is the suffix of standard input.
    Raises SourceError.
    """
    among = list(among)
    if not since and not among:
        return find_inputs(places, kind), []
    inputs = list(find_inputs(places, kind))
    selected = list(changed_since(since, inputs)) if since else inputs
    selected_paths = {input_file.path.resolve() for input_file in selected if input_file.path}
    context = {
        path: input_file
        for input_file in (*(inputs if since else ()), *find_inputs(among))
        if input_file.path and (path := input_file.path.resolve()) not in selected_paths
    }
    return selected, list(context.values()) if selected else []


def read_derived_records(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
) -> Iterator[Record]:
    """Yield the records of the inputs with the statements extracted from their prose.

    Adds their findings, and those inputs that cannot be read, to the report. With ``seen``, adds the inputs to it by
    name, and lists them with their records in the report.
    """
    for input_file in inputs:
        report.sources += 1
        checked = CheckedFile(input_file.name, input_file.uri, tracked=input_file.tracked) if seen is not None else None
        if seen is not None and checked:
            seen[input_file.name] = input_file
            report.files.append(checked)
        try:
            for record in read_input(replace(input_file)):  # a copy, because an input caches its content
                report.records += 1
                if checked:
                    checked.records.append(record.key)
                derived, findings = derive_record(record)
                report.extend(findings)
                yield derived
        except SourceError as error:
            report.unread += 1
            report.extend([unreadable_finding(input_file, error)])
        if progress:
            progress(report.sources, total)


def derive_record(
    record: Record, hidden: IsHidden = hide_nobody, *, stated_only: bool = False
) -> tuple[Record, list[Finding]]:
    """Return the record with the statements of its prose and without ``hidden`` persons, and its findings.

    ``stated_only`` extracts nothing from prose.
    """
    derived = redact(record if stated_only else derive(record), hidden)
    return derived, [with_hint(replace(found, record=record.key), derived) for found in derived.findings]


def page_content(source: Input) -> bytes | None:
    """Return the content of a source, or None if it is larger than a page may be."""
    try:
        return source.content
    except SourceError:
        return None


def unreadable_finding(input_file: Input, error: SourceError) -> Finding:
    """Return the finding that an input cannot be read, with the position and the reason."""
    parsed = _ERROR_POSITION.match(error.what.removeprefix(input_file.name))
    assert parsed
    return finding(
        "unreadable",
        input_file.name,
        {"reason": parsed["message"], "hint": error.hint},
        line=int(parsed["line"] or 0),
        column=int(parsed["column"] or 0),
    )
