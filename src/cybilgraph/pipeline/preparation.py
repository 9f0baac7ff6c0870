"""Extracts, describes and validates records on all processors, for a release or only for a check.

A release build takes records that an earlier build has prepared from the build cache; equal records give equal bytes
either way. The cache key depends on a record's content and position, not on its file: in a changed table, only the
changed rows are prepared again, and in a renamed file none.
"""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from importlib.metadata import requires, version
from itertools import islice
from re import findall

from cybilgraph.errors import ClusterError
from cybilgraph.identity import RecordIdentity, identity_of
from cybilgraph.identity.assembly import split_shared
from cybilgraph.model import findings, record
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record, Source
from cybilgraph.model.resources import FINGERPRINT_FILES
from cybilgraph.pipeline.intake import derive_record, page_content
from cybilgraph.rdf.description import replace_source
from cybilgraph.readers import Input, read_input
from cybilgraph.release.redaction import IsHidden, hide_nobody, mentions_hidden
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.validation.record_findings import BATCH_RECORDS, ValidatedRecord, split_batches, validate_each

#: Records looked up in the cache at once; at most one batch of them is new.
_MAX_LOOKUPS = 4_000
#: Characters of prose per batch of checked records, not counting its last record; and number of batches checked
#: locally before processes start, because starting them takes as long.
_MAX_BATCH_CHARACTERS, _LOCAL_BATCHES = 500_000, 4
#: Stands for any source in a cached record. No file has this name.
_NO_SOURCE = Source("/", "0" * 64)


@dataclass(slots=True)
class RecordCheck:
    """The source, identity and findings of a record, and its data for ``validate_together``.

    The compressed part does not contain the source.
    """

    source: Source
    capture: RecordIdentity
    findings: list[Finding]
    comparison_lines: list[str]
    compressed: bytes

    @property
    def compact(self) -> tuple[Source, bytes]:
        """The record in compact form, as in ``ValidatedRecord``."""
        return self.source, self.compressed


@dataclass(slots=True)
class ReleaseRecord(RecordCheck):
    """A record prepared for a release, with its ``own`` triples and those that it may ``share`` with others."""

    own: bytes
    shared: list[str]


#: The classes of cached values.
CLASSES = [
    one
    for module in (record, findings)
    for one in vars(module).values()
    if isinstance(one, type) and one.__module__ == module.__name__
] + [RecordIdentity, ReleaseRecord]


@dataclass(slots=True)
class LazyRecord:
    """A record that is read only if the cache does not contain it under ``cache_key``.

    ``hidden`` tells whether it mentions a hidden person.
    """

    source: Source
    key: str
    hidden: bool
    cache_key: bytes
    read: Callable[[], Record]


#: The cached data of a page: line, key, whether a hidden person is mentioned, and cache key of each record.
_Page = list[tuple[int, str, bool, bytes]]


def make_cached_reader(cache: BuildCache, day: str, hidden: IsHidden) -> Callable[[Input], Iterator[LazyRecord]]:
    """Return a function that reads the records of an input for ``prepare_records``, using cached pages."""
    day_bytes = day.encode()

    def read(input_file: Input) -> Iterator[LazyRecord]:
        content = page_content(input_file)
        page_key = cache.key(day_bytes, input_file.suffix.encode(), content) if content is not None else b""
        if content is not None and (compressed := cache.get(page_key)):
            for number, (line, key, is_hidden, cache_key) in enumerate(cache.load(compressed)):
                reread = partial(_reread, input_file, number)
                yield LazyRecord(replace(input_file.source, line=line), key, is_hidden, cache_key, reread)
            return
        page: _Page = []
        for printed in read_input(input_file):
            anonymous = _without_source(printed)
            text = repr(anonymous)
            cache_key = cache.key(day_bytes, text.encode("utf-8", "surrogatepass"))
            is_hidden = any(map(hidden, printed.contacts)) or (
                bool(hidden) and mentions_hidden(text + (content or b"").decode("utf-8", "replace"), hidden)
            )
            if input_file.name in text:  # the result may depend on the file's name
                content = None
            if content is not None:
                page.append((printed.source.line, printed.key, is_hidden, cache_key))
            yield LazyRecord(printed.source, printed.key, is_hidden, cache_key, partial(_identity, anonymous))
        if content is not None:
            cache.put(page_key, page)

    return read


def _identity(record: Record) -> Record:
    return record


def _reread(input_file: Input, number: int) -> Record:
    """Read one record of an input again, without its source."""
    return _without_source(next(islice(read_input(input_file), number, None)))


def prepare_records(
    records: Iterable[LazyRecord], day: str, hidden: IsHidden, cache: BuildCache, executor: SizedExecutor
) -> Iterator[ReleaseRecord]:
    """Extract, redact, describe and validate each record as of a ``day``; yield them in order.

    At most some thousands of records are in memory.
    """
    sources: deque[Source] = deque()
    code_fingerprint = fingerprint()

    def lookups() -> Iterator[tuple[bytes, LazyRecord]]:
        for one in records:
            sources.append(one.source)
            yield one.cache_key, one

    for prepared in cache.map_items(
        lookups(),
        lambda new: _prepare_batch([one.read() for one in new], day, hidden),
        lambda new: executor.submit(prepare_batch_remotely, code_fingerprint, [one.read() for one in new], day, hidden),
        batch_size=BATCH_RECORDS,
        max_lookup=_MAX_LOOKUPS,
        max_pending=executor.size + 1,
    ):
        yield _with_source(sources.popleft(), prepared)


def fingerprint() -> bytes:
    """Return a hash of everything that affects the preparation of records: our code and data, and all dependencies."""
    digest = hashlib.sha256()
    for folder, pattern in FINGERPRINT_FILES:
        for path in sorted(folder.rglob(pattern)):
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in findall(r"^[\w.-]+", line)]
    digest.update("\0".join([sys.version, *versions]).encode())
    return digest.digest()


def _without_source(original: Record) -> Record:
    """Return the record without its file name, and without its checksum unless its key depends on it."""
    own = original.source.name
    anonymous = replace(
        original,
        source=replace(_NO_SOURCE, line=original.source.line),
        findings=tuple(
            replace(found, file=_NO_SOURCE.name) if found.file == own else found for found in original.findings
        ),
    )
    if anonymous.key == original.key:
        return anonymous
    return replace(anonymous, source=replace(original.source, name=_NO_SOURCE.name))


#: The fingerprint of this process, whose code does not change.
_own_fingerprint = lru_cache(1)(fingerprint)


def prepare_batch_remotely(
    code_fingerprint: bytes, records: list[Record], day: str, hidden: IsHidden
) -> list[ReleaseRecord]:
    """Run ``_prepare_batch`` on a cluster. Raises ClusterError if the worker has other code, data or packages."""
    if _own_fingerprint() != code_fingerprint:
        raise ClusterError(
            "A worker has other code, data, packages or another Python version than this machine, so its results "
            "would differ",
            "Install the same version there with the same requirements.txt, and restart its workers.",
        )
    return _prepare_batch(records, day, hidden)


def _prepare_batch(records: list[Record], day: str, hidden: IsHidden) -> list[ReleaseRecord]:
    return [
        ReleaseRecord(*_check_values(one, found), *split_shared(one.record.key, one.lines))
        for one, found in _read(records, day, hidden)
    ]


def _check_values(
    one: ValidatedRecord, found: list[Finding]
) -> tuple[Source, RecordIdentity, list[Finding], list[str], bytes]:
    return one.record.source, identity_of(one.record), found, one.comparison_lines, one.compact[1]


def _read(
    records: list[Record], day: str, hidden: IsHidden = hide_nobody, engine: str = "fast"
) -> Iterator[tuple[ValidatedRecord, list[Finding]]]:
    """Extract statements from the records' prose and validate each record; yield it with all its findings."""
    derived_records = [derive_record(one, hidden) for one in records]
    for one, (_, found) in zip(
        validate_each((derived for derived, _ in derived_records), day, engine), derived_records, strict=True
    ):
        yield one, [*found, *one.findings]


def check_records(records: Iterable[Record], day: str, engine: str, executor: SizedExecutor) -> Iterator[RecordCheck]:
    """Check each record by itself as of a ``day``, in order; at most a few batches are in memory."""
    pending: deque[Future[list[RecordCheck]]] = deque()
    for number, batch in enumerate(split_batches(records, _prose_characters, _MAX_BATCH_CHARACTERS)):
        if number < _LOCAL_BATCHES or executor.size == 1:
            yield from _check_batch(batch, day, engine)
            continue
        pending.append(executor.submit(_check_batch, batch, day, engine))
        if len(pending) > executor.size + 1:
            yield from pending.popleft().result()
    while pending:
        yield from pending.popleft().result()


def _check_batch(records: list[Record], day: str, engine: str) -> list[RecordCheck]:
    return [RecordCheck(*_check_values(one, found)) for one, found in _read(records, day, engine=engine)]


def _prose_characters(one: Record) -> int:
    return sum(len(paragraph.text) for _, paragraph in one.narrative())


def _with_source(source: Source, prepared: ReleaseRecord) -> ReleaseRecord:
    """Return a prepared record with this source."""
    before = prepared.source.name
    return replace(
        prepared,
        source=source,
        own=replace_source(prepared.own, prepared.capture.key, source),
        findings=[replace(one, file=source.name) if one.file == before else one for one in prepared.findings],
    )
