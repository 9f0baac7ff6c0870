"""The map stage: reads inputs, extracts statements from prose, describes and validates records, on all processors.

A chunk of small inputs is processed in one process, from reading to validation. The records of a large input, such as
a table, are read in this process and then processed in batches.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import requires, version
from itertools import chain, groupby, islice
from typing import Any

from cybilgraph.errors import ClusterError, SourceError
from cybilgraph.extraction import derive
from cybilgraph.extraction.inferred import find_inferred
from cybilgraph.identity import RecordIdentity, identity_of
from cybilgraph.identity.assembly import split_shared
from cybilgraph.model.findings import CheckedFile, Finding, Report
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record
from cybilgraph.model.resources import FINGERPRINT_FILES
from cybilgraph.model.rules import finding
from cybilgraph.model.vocabulary import own_iri, use_base
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, Location, find_inputs, read_input
from cybilgraph.readers.inputs import MAX_PAGE_BYTES, changed_since
from cybilgraph.readers.web_archives import split_page_name
from cybilgraph.release.redaction import IsHidden, mentions_hidden, redact
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.validation.corrections import with_hint
from cybilgraph.validation.record_findings import (
    BATCH_RECORDS,
    ComparableRecord,
    ValidatedRecord,
    split_batches,
    validate_each,
)

#: Characters of prose per batch of records of a large input, not counting its last record.
_MAX_BATCH_CHARACTERS = 500_000
#: A reader's error message after the file name: ":2:11: invalid JSON".
_ERROR_POSITION = re.compile(
    r"(?::(?P<line>[0-9]{1,12})(?::(?P<column>[0-9]{1,12}))?)?(?:: )?(?P<message>.*)", re.DOTALL
)

Progress = Callable[[int, int], None]
Note = Callable[[str, str], None]


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


@contextmanager
def reporting(
    input_file: Input, report: Report, total: int, progress: Progress | None, seen: dict[str, Input] | None
) -> Iterator[Note]:
    """Count an input in the report while it is read, and report the SourceError if it cannot be.

    With ``seen``, adds the input to it by name and lists it in the report. Yields a function that notes there the name
    of a record's source, and its key.
    """
    report.sources += 1
    checked: CheckedFile | None = None
    if seen is not None:
        seen[input_file.name] = input_file
        checked = CheckedFile(input_file.name, input_file.uri, tracked=input_file.tracked)
        report.files.append(checked)

    def note(source: str, key: str) -> None:
        if checked and source == checked.name:
            checked.records.append(key)
        elif checked:  # a page in a web archive
            report.files.append(CheckedFile(source, split_page_name(source)[1], [key]))

    try:
        yield note
    except SourceError as error:
        report.unread += 1
        report.extend([unreadable_finding(input_file, error)])
    if progress:
        progress(report.sources, total)


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


def read_derived_records(
    inputs: Iterable[Input],
    total: int,
    report: Report,
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
) -> Iterator[Record]:
    """Yield the records of the inputs with the statements extracted from their prose.

    Adds their findings, and those inputs that cannot be read, to the report. ``seen`` is as in ``reporting``.
    """
    for input_file in inputs:
        own = replace(input_file, notes=[])  # a copy, because an input caches its content
        with reporting(input_file, report, total, progress, seen) as note:
            for record in read_input(own):
                report.records += 1
                note(record.source.name, record.key)
                derived, findings = _derive(record)
                report.extend(findings)
                yield derived
        report.extend(own.notes)


def _derive(
    record: Record, hidden: IsHidden | None = None, stated_only: bool = False, list_inferred: bool = False
) -> tuple[Record, list[Finding]]:
    """Return the record with the statements of its prose and without ``hidden`` persons, and its findings."""
    derived = redact(record if stated_only else derive(record), hidden)
    findings = (*derived.findings, *(find_inferred(derived) if list_inferred else ()))
    return derived, [with_hint(replace(found, record=record.key), derived) for found in findings]


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with each record.

    It is validated as of a ``day`` with an ``engine`` ("" for none), without the contacts that are ``hidden``.
    ``stated_only`` extracts nothing from prose; ``list_inferred`` reports what is extracted. ``code`` is
    the fingerprint that the code of a cluster must have, and ``base`` that of the site's IRIs.
    """

    day: str = ""
    engine: str = ""
    hidden: IsHidden | None = None
    stated_only: bool = False
    list_inferred: bool = False
    code: bytes = b""
    base: str = field(default_factory=own_iri)


@dataclass(slots=True)
class PreparedRecord(ComparableRecord):
    """A record on its way to a release: what merging, validation across records and the graph need of it.

    ``own`` are the triples of this record only, and ``shared`` those that other records may have, too.
    """

    identity: RecordIdentity
    own: bytes
    shared: list[str]


@dataclass(slots=True)
class InputResult:
    """The result for an input, or for some records of a large one.

    ``page`` is the content of an input with a single record, unless it mentions a hidden person; ``notes`` are the
    findings on the input as a whole.
    """

    records: list[PreparedRecord]
    error: SourceError | None = None
    page: bytes | None = None
    notes: list[Finding] = field(default_factory=list)


def prepare(
    inputs: Iterable[Input],
    work: Work,
    report: Report,
    executor: SizedExecutor,
    *,
    total: int = 0,
    progress: Progress | None = None,
    seen: dict[str, Input] | None = None,
    on_page: Callable[[bytes], None] = lambda _: None,
    on_other: Callable[[Input, set[str]], None] = lambda _, _names: None,
) -> Iterator[PreparedRecord]:
    """Yield the prepared records of the inputs in order, and report inputs that cannot be read.

    At most some thousands of records are in memory. ``seen`` is as in ``reporting``. ``on_page`` receives the content
    of each input with a single record, and ``on_other`` every other input, with the names of the sources in it, unless
    persons are hidden, whom its text may mention.
    """
    for input_file, results in _in_order(inputs, work, executor):
        names: set[str] = set()
        with reporting(input_file, report, total, progress, seen) as note:
            for result in results:
                report.records += len(result.records)
                report.extend(result.notes)
                for one in result.records:
                    note(one.source.name, one.identity.key)
                    yield one
                    if result.page is None:
                        names.add(one.source.name)
                if result.page is not None:
                    on_page(result.page)
                if result.error:
                    raise result.error
        if names and not work.hidden:
            on_other(input_file, names)


def _in_order(
    inputs: Iterable[Input], work: Work, executor: SizedExecutor
) -> Iterator[tuple[Input, Iterable[InputResult]]]:
    """Yield each input with its results; some chunks are processed ahead."""
    chunks = _chunks(inputs)
    beginning = list(islice(chunks, 2))
    if len(beginning) < 2 and not work.code:  # starting processes would take longer
        executor = _ThisProcess()
    for is_large, group in groupby(chain(beginning, chunks), key=lambda chunk: _is_large(chunk[0])):
        if is_large:
            yield from ((large, _results_of_large(large, work, executor)) for [large] in group)
            continue
        # The workers of a cluster may be on other machines.
        sent = ([replace(one, data=_page_content(one)) for one in chunk] if work.code else chunk for chunk in group)
        for chunk, results in executor.map_ahead(_process_inputs, sent, work):
            yield from zip(chunk, ([result] for result in results), strict=True)


def _chunks(inputs: Iterable[Input]) -> Iterator[list[Input]]:
    """Yield large inputs alone, and others in chunks."""
    chunk: list[Input] = []
    chunk_bytes = 0
    for one in inputs:
        size = _size(one)
        if chunk and (len(chunk) == BATCH_RECORDS or chunk_bytes + size > MAX_PAGE_BYTES):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(one)
        chunk_bytes += size
    if chunk:
        yield chunk


def _size(one: Input) -> int:
    """Return the size of an input in bytes; 0 if that is unknown."""
    if one.data is not None or one.path is None:
        return len(one.data or b"")
    try:
        return one.path.stat().st_size
    except OSError:
        return 0  # its reader reports it


def _is_large(one: Input) -> bool:
    return _size(one) > MAX_PAGE_BYTES


def _results_of_large(large: Input, work: Work, executor: SizedExecutor) -> Iterator[InputResult]:
    """Read an input, and yield the results for its records in batches."""
    errors: list[SourceError] = []
    source = replace(large, notes=[])
    batches = split_batches(_read(source, errors), _prose_characters, _MAX_BATCH_CHARACTERS)
    for _, records in executor.map_ahead(_process_records, batches, work):
        yield InputResult(records)
    yield InputResult([], next(iter(errors), None), notes=source.notes)


def _read(one: Input, errors: list[SourceError]) -> Iterator[Record]:
    """Yield the records of an input; append an error that ends it to ``errors``."""
    try:
        yield from read_input(one)
    except SourceError as error:
        errors.append(error)


def _page_content(source: Input) -> bytes | None:
    """Return the content of a source, or None if it is larger than a page may be."""
    try:
        return source.content
    except SourceError:
        return None


def _prose_characters(one: Record) -> int:
    return sum(len(paragraph.text) for _, paragraph in one.narrative())


def _process_inputs(inputs: list[Input], work: Work) -> list[InputResult]:
    """Process small inputs. Raises ClusterError if this worker has other code, data or packages."""
    use_base(work.base)
    results: list[tuple[int, SourceError | None, bytes | None, list[Finding]]] = []
    records: list[Record] = []
    for one in inputs:
        # A copy, because an input caches its content.
        source, errors = replace(one, notes=[]), list[SourceError]()
        own = list(_read(source, errors))
        is_page = len(own) == 1 and not errors and own[0].source.name == source.name  # not a page in an archive
        page = _page_content(source) if is_page else None
        if page is not None and work.hidden and mentions_hidden(own[0], page, work.hidden):
            page = None
        records += own
        results.append((len(own), next(iter(errors), None), page, source.notes))
    prepared = iter(_process_records(records, work))
    return [InputResult(list(islice(prepared, count)), error, page, notes) for count, error, page, notes in results]


def _process_records(records: list[Record], work: Work) -> list[PreparedRecord]:
    """Process records. Raises ClusterError if this worker has other code, data or packages."""
    use_base(work.base)
    if work.code and fingerprint() != work.code:
        raise ClusterError(
            "A worker has different code, data or packages, or another version of Python, so its results would differ",
            "Install the same version there with the same requirements.txt, and restart its workers.",
        )
    derived = [_derive(one, work.hidden, work.stated_only, work.list_inferred) for one in records]
    processed = (one for one, _ in derived)
    validated = (
        validate_each(processed, work.day, work.engine)
        if work.engine
        else (ValidatedRecord.of(one, describe(one), []) for one in processed)
    )
    return [
        PreparedRecord(
            one.source,
            [*found, *one.findings],
            one.comparison_lines,
            one.pickled,
            identity_of(one.record),
            *split_shared(one.record.key, one.lines),
        )
        for one, (_, found) in zip(validated, derived, strict=True)
    ]


class _ThisProcess(SizedExecutor):
    """Runs functions at once, in this process."""

    @property
    def size(self) -> int:
        """One function runs at once."""
        return 1

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run a function, and return a future with its result."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))
        return future


@cache
def fingerprint() -> bytes:
    """Return a hash of everything that affects the result for a record: our code and data, and all dependencies."""
    digest = hashlib.sha256()
    for folder, pattern in FINGERPRINT_FILES:
        for path in sorted(folder.rglob(pattern)):
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    for path, text in load_gazetteer().overlay.items():
        digest.update(f"{path.name}\0{text}\0".encode())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in re.findall(r"^[\w.-]+", line)]
    digest.update("\0".join([sys.version, *versions]).encode())
    return digest.digest()
