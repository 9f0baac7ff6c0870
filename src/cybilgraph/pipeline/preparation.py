"""Printed records → the same as a release needs them: with what their prose says, their triples, and what is wrong
in each; or, for who only checks them, what is wrong. On all processors, and for a release only of what no earlier
build has done: equal records give equal bytes either way.

What was done before is known by what a record says and where, not by the file that it stands in: of a table, only
the rows that have changed are done again, and of a file that was renamed, none.
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

#: So many records are looked up at once; of those, a batch at most is new.
_MAX_LOOKUPS = 4_000
#: Records that are checked go elsewhere in batches of no more characters of prose than this, but for those of the last
#: record; and the first batches nowhere, since processes take as long to start.
_MAX_BATCH_CHARACTERS, _LOCAL_BATCHES = 500_000, 4
#: The source of a record whose own source is left open. No file has this name.
_NO_SOURCE = Source("/", "0" * 64)


@dataclass(slots=True)
class RecordCheck:
    """What is wrong in a record, with its source; what identity knows of it; and what ``checking.together`` asks of it
    (the packed part has no source).
    """

    source: Source
    capture: RecordIdentity
    findings: list[Finding]
    comparison_lines: list[str]
    packed: bytes

    @property
    def short(self) -> tuple[Source, bytes]:
        """As of ``checking.Examined``."""
        return self.source, self.packed


@dataclass(slots=True)
class ReleaseRecord(RecordCheck):
    """What a release needs of a record: its triples, too, in those of its ``own`` and those that others may say."""

    own: bytes
    shared: list[str]


#: What values that are remembered are made of.
CLASSES = [
    one
    for module in (record, findings)
    for one in vars(module).values()
    if isinstance(one, type) and one.__module__ == module.__name__
] + [RecordIdentity, ReleaseRecord]


@dataclass(slots=True)
class LazyRecord:
    """A printed record, by what it is ``known`` by; whether it names who is to be ``hidden``. It is read only where
    nothing is remembered of it.
    """

    source: Source
    key: str
    hidden: bool
    known: bytes
    read: Callable[[], Record]


#: What is remembered of a page: of each record its line and key, whether somebody is hidden, what it is known by.
_Page = list[tuple[int, str, bool, bytes]]


def make_cached_reader(remembered: BuildCache, day: str, hidden: IsHidden) -> Callable[[Input], Iterator[LazyRecord]]:
    """Return a function that reads the records of an input for ``prepare_records``. A page that
    was read before is not read again.
    """
    chosen = day.encode()

    def read(input_file: Input) -> Iterator[LazyRecord]:
        content = page_content(input_file)
        file = remembered.key(chosen, input_file.suffix.encode(), content) if content is not None else b""
        if content is not None and (packed := remembered.get(file)):
            for number, (line, key, named, known) in enumerate(remembered.value(packed)):
                again = partial(_reread, input_file, number)
                yield LazyRecord(replace(input_file.source, line=line), key, named, known, again)
            return
        found: _Page = []
        for printed in read_input(input_file):
            one = _without_source(printed)
            said = repr(one)
            known = remembered.key(chosen, said.encode("utf-8", "surrogatepass"))
            named = any(map(hidden, printed.contacts)) or (
                bool(hidden) and mentions_hidden(said + (content or b"").decode("utf-8", "replace"), hidden)
            )
            if input_file.name in said:  # what was read may hang on the file's name
                content = None
            if content is not None:
                found.append((printed.source.line, printed.key, named, known))
            yield LazyRecord(printed.source, printed.key, named, known, partial(_identity, one))
        if content is not None:
            remembered.keep(file, found)

    return read


def _identity(record: Record) -> Record:
    return record


def _reread(input_file: Input, number: int) -> Record:
    """A record of an input, as it could stand in any file."""
    return _without_source(next(islice(read_input(input_file), number, None)))


def prepare_records(
    records: Iterable[LazyRecord], day: str, hidden: IsHidden, remembered: BuildCache, executor: SizedExecutor
) -> Iterator[ReleaseRecord]:
    """What a release needs of each record: with what its prose says, without who is ``hidden``, and with what is wrong
    in it alone, on a ``day``. In the order given, and some thousands at most are in memory.
    """
    sources: deque[Source] = deque()
    code_fingerprint = fingerprint()

    def lookups() -> Iterator[tuple[bytes, LazyRecord]]:
        for one in records:
            sources.append(one.source)
            yield one.known, one

    for done in remembered.each(
        lookups(),
        lambda new: _prepare_batch([one.read() for one in new], day, hidden),
        lambda new: executor.submit(
            _prepare_batch_remotely, code_fingerprint, [one.read() for one in new], day, hidden
        ),
        batch=BATCH_RECORDS,
        most=_MAX_LOOKUPS,
        ahead=executor.size + 1,
    ):
        yield _with_source(sources.popleft(), done)


def fingerprint() -> bytes:
    """A hash of all that decides what becomes of a record: our code and data, and the packages that we use."""
    ours = hashlib.sha256()
    for folder, pattern in FINGERPRINT_FILES:
        for path in sorted(folder.rglob(pattern)):
            ours.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in findall(r"^[\w.-]+", line)]
    ours.update("\0".join([sys.version, *versions]).encode())
    return ours.digest()


def _without_source(original: Record) -> Record:
    """The record as it could stand in any file; in any of these bytes, where its key is made from them."""
    own = original.source.name
    some = replace(
        original,
        source=replace(_NO_SOURCE, line=original.source.line),
        findings=tuple(
            replace(found, file=_NO_SOURCE.name) if found.file == own else found for found in original.findings
        ),
    )
    return some if some.key == original.key else replace(some, source=replace(original.source, name=_NO_SOURCE.name))


#: That of the process that asks, which keeps its code.
_own_fingerprint = lru_cache(1)(fingerprint)


def _prepare_batch_remotely(
    code_fingerprint: bytes, records: list[Record], day: str, hidden: IsHidden
) -> list[ReleaseRecord]:
    """Run ``_prepare_batch`` on a cluster. Raises ClusterError where the worker has other code, data or packages."""
    if _own_fingerprint() != code_fingerprint:
        raise ClusterError(
            "A worker has other code, data, packages or another Python than this machine, so that records would "
            "come out otherwise",
            "Install the same there, with the same requirements.txt, and start its workers again.",
        )
    return _prepare_batch(records, day, hidden)


def _prepare_batch(records: list[Record], day: str, hidden: IsHidden) -> list[ReleaseRecord]:
    """The work itself: of a batch, in whatever process."""
    return [
        ReleaseRecord(*_check_values(one, found), *split_shared(one.record.key, one.lines))
        for one, found in _read(records, day, hidden)
    ]


def _check_values(
    one: ValidatedRecord, found: list[Finding]
) -> tuple[Source, RecordIdentity, list[Finding], list[str], bytes]:
    return one.record.source, identity_of(one.record), found, one.comparison_lines, one.short[1]


def _read(
    records: list[Record], day: str, hidden: IsHidden = hide_nobody, engine: str = "fast"
) -> Iterator[tuple[ValidatedRecord, list[Finding]]]:
    """Each record with what its prose says, and all that is wrong in it alone."""
    derived_records = [derive_record(one, hidden) for one in records]
    for one, (_, found) in zip(
        validate_each((derived for derived, _ in derived_records), day, engine), derived_records, strict=True
    ):
        yield one, [*found, *one.findings]


def check_records(records: Iterable[Record], day: str, engine: str, executor: SizedExecutor) -> Iterator[RecordCheck]:
    """What is wrong in each printed record alone, on a ``day``, in the order given; a few batches are in memory."""
    waiting: deque[Future[list[RecordCheck]]] = deque()
    for number, batch in enumerate(split_batches(records, _prose_characters, _MAX_BATCH_CHARACTERS)):
        if number < _LOCAL_BATCHES or executor.size == 1:
            yield from _check_batch(batch, day, engine)
            continue
        waiting.append(executor.submit(_check_batch, batch, day, engine))
        if len(waiting) > executor.size + 1:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _check_batch(records: list[Record], day: str, engine: str) -> list[RecordCheck]:
    return [RecordCheck(*_check_values(one, found)) for one, found in _read(records, day, engine=engine)]


def _prose_characters(one: Record) -> int:
    """Characters."""
    return sum(len(paragraph.text) for _, paragraph in one.narrative())


def _with_source(source: Source, some: ReleaseRecord) -> ReleaseRecord:
    """What was done of a record, when it stands in this source."""
    before = some.source.name
    return replace(
        some,
        source=source,
        own=replace_source(some.own, some.capture.key, source),
        findings=[replace(one, file=source.name) if one.file == before else one for one in some.findings],
    )
