"""The map stage: reads inputs, extracts statements from prose, describes and validates records, on all processors.

A chunk of small inputs is processed in one process, from reading to validation. The records of a large input, such as
a table, are read in this process and then processed in batches.
"""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import requires, version
from itertools import chain, islice
from re import findall
from typing import Any

from cybilgraph.errors import ClusterError, SourceError
from cybilgraph.identity import RecordIdentity, identity_of
from cybilgraph.identity.assembly import split_shared
from cybilgraph.model.findings import CheckedFile, Report
from cybilgraph.model.record import Record
from cybilgraph.model.resources import FINGERPRINT_FILES
from cybilgraph.pipeline.intake import Progress, derive_record, page_content, unreadable_finding
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.inputs import MAX_PAGE_BYTES
from cybilgraph.release.redaction import IsHidden, hide_nobody, mentions_hidden
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.validation.record_findings import (
    BATCH_RECORDS,
    ComparableRecord,
    ValidatedRecord,
    split_batches,
    validate_each,
)

#: Characters of prose per batch of records of a large input, not counting its last record.
_MAX_BATCH_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with each record.

    It is validated as of a ``day`` with an ``engine`` ("" for none), without the contacts that are ``hidden``.
    ``stated_only`` extracts nothing from prose. ``code`` is the fingerprint that the code of a cluster must have.
    """

    day: str = ""
    engine: str = ""
    hidden: IsHidden = hide_nobody
    stated_only: bool = False
    code: bytes = b""


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

    ``page`` is the content of an input with a single record, unless it mentions a hidden person.
    """

    records: list[PreparedRecord]
    error: SourceError | None = None
    page: bytes | None = None


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
) -> Iterator[PreparedRecord]:
    """Yield the prepared records of the inputs in order, and report inputs that cannot be read.

    At most some thousands of records are in memory. With ``seen``, adds the inputs to it by name, and lists them with
    their records in the report. ``on_page`` receives the content of each input with a single record.
    """
    for input_file, results in _in_order(inputs, work, executor):
        report.sources += 1
        checked = CheckedFile(input_file.name, input_file.uri, tracked=input_file.tracked) if seen is not None else None
        if seen is not None and checked:
            seen[input_file.name] = input_file
            report.files.append(checked)
        for result in results:
            report.records += len(result.records)
            if checked:
                checked.records.extend(one.identity.key for one in result.records)
            yield from result.records
            if result.page is not None:
                on_page(result.page)
            if result.error:
                report.unread += 1
                report.extend([unreadable_finding(input_file, result.error)])
        if progress:
            progress(report.sources, total)


def _in_order(
    inputs: Iterable[Input], work: Work, executor: SizedExecutor
) -> Iterator[tuple[Input, Iterable[InputResult]]]:
    """Yield each input with its results; some chunks are processed ahead."""
    chunks = _chunks(inputs)
    beginning = list(islice(chunks, 2))
    if len(beginning) < 2 and not work.code:  # starting processes would take longer
        executor = _ThisProcess()
    pending: deque[tuple[list[Input], Future[list[InputResult]]]] = deque()
    for chunk in chain(beginning, chunks):
        if _is_large(chunk[0]):
            yield from _finished(pending, 0)
            yield chunk[0], _results_of_large(chunk[0], work, executor)
            continue
        # The workers of a cluster may be on other machines.
        sent = [replace(one, data=page_content(one)) for one in chunk] if work.code else chunk
        pending.append((chunk, executor.submit(_process_inputs, sent, work)))
        yield from _finished(pending, executor.size + 1)
    yield from _finished(pending, 0)


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


def _finished(
    pending: deque[tuple[list[Input], Future[list[InputResult]]]], most: int
) -> Iterator[tuple[Input, Iterable[InputResult]]]:
    """Yield the inputs of the first chunks with their results, until at most ``most`` chunks are pending."""
    while len(pending) > most:
        chunk, future = pending.popleft()
        yield from zip(chunk, ([result] for result in future.result()), strict=True)


def _results_of_large(large: Input, work: Work, executor: SizedExecutor) -> Iterator[InputResult]:
    """Read an input, and yield the results for its records in batches."""
    errors: list[SourceError] = []
    pending: deque[Future[list[PreparedRecord]]] = deque()
    for batch in split_batches(_read(large, errors), _prose_characters, _MAX_BATCH_CHARACTERS):
        pending.append(executor.submit(_process_records, batch, work))
        if len(pending) > executor.size + 1:
            yield InputResult(pending.popleft().result())
    while pending:
        yield InputResult(pending.popleft().result())
    yield InputResult([], next(iter(errors), None))


def _read(one: Input, errors: list[SourceError]) -> Iterator[Record]:
    """Yield the records of an input; append an error that ends it to ``errors``."""
    try:
        yield from read_input(one)
    except SourceError as error:
        errors.append(error)


def _prose_characters(one: Record) -> int:
    return sum(len(paragraph.text) for _, paragraph in one.narrative())


def _process_inputs(inputs: list[Input], work: Work) -> list[InputResult]:
    """Process small inputs. Raises ClusterError if this worker has other code, data or packages."""
    _require_same_code(work)
    results: list[InputResult] = []
    records: list[Record] = []
    ends: list[int] = []
    for one in inputs:
        source, errors = replace(one), list[SourceError]()  # a copy, because an input caches its content
        own = list(_read(source, errors))
        page = page_content(source) if len(own) == 1 and not errors else None
        if page is not None and bool(work.hidden) and _mentions_hidden(own[0], page, work.hidden):
            page = None
        records += own
        ends.append(len(records))
        results.append(InputResult([], next(iter(errors), None), page))
    prepared = list(_prepare(records, work))
    for result, start, end in zip(results, [0, *ends], ends, strict=False):
        result.records = prepared[start:end]
    return results


def _mentions_hidden(record: Record, page: bytes, hidden: IsHidden) -> bool:
    text = repr(record) + page.decode("utf-8", "replace")
    return any(map(hidden, record.contacts)) or mentions_hidden(text, hidden)


def _process_records(records: list[Record], work: Work) -> list[PreparedRecord]:
    """Process records of a large input. Raises ClusterError if this worker has other code, data or packages."""
    _require_same_code(work)
    return list(_prepare(records, work))


def _prepare(records: list[Record], work: Work) -> Iterator[PreparedRecord]:
    derived = [derive_record(one, work.hidden, stated_only=work.stated_only) for one in records]
    processed = (one for one, _ in derived)
    validated = (
        validate_each(processed, work.day, work.engine)
        if work.engine
        else (ValidatedRecord.of(one, describe(one), []) for one in processed)
    )
    for one, (_, found) in zip(validated, derived, strict=True):
        yield PreparedRecord(
            one.source,
            [*found, *one.findings],
            one.comparison_lines,
            one.pickled,
            identity_of(one.record),
            *split_shared(one.record.key, one.lines),
        )


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


def fingerprint() -> bytes:
    """Return a hash of everything that affects the result for a record: our code and data, and all dependencies."""
    digest = hashlib.sha256()
    for folder, pattern in FINGERPRINT_FILES:
        for path in sorted(folder.rglob(pattern)):
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in findall(r"^[\w.-]+", line)]
    digest.update("\0".join([sys.version, *versions]).encode())
    return digest.digest()


#: The fingerprint of this process, whose code does not change.
_own_fingerprint = lru_cache(1)(fingerprint)


def _require_same_code(work: Work) -> None:
    if work.code and _own_fingerprint() != work.code:
        raise ClusterError(
            "A worker has different code, data, packages or another Python version, so its results would differ",
            "Install the same version there with the same requirements.txt, and restart its workers.",
        )
