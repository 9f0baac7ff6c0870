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
from cybilgraph.identity import Capture, captured
from cybilgraph.identity.assembly import parted
from cybilgraph.model import findings, record
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record, Source
from cybilgraph.model.resources import DECIDING
from cybilgraph.pipeline.intake import page, with_prose
from cybilgraph.rdf.description import with_source
from cybilgraph.readers import Input, read_input
from cybilgraph.release.redaction import IsHidden, hide_nobody, mentions_hidden
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.parallel import Team
from cybilgraph.validation.record_findings import BATCH_RECORDS, ValidatedRecord, split_batches, validate_each

#: So many records are looked up at once; of those, a batch at most is new.
_AT_ONCE = 4_000
#: Records that are checked go elsewhere in batches of no more characters of prose than this, but for those of the last
#: record; and the first batches nowhere, since processes take as long to start.
_PROSE, _HERE = 500_000, 4
#: The source of a record whose own source is left open. No file has this name.
_ANY = Source("/", "0" * 64)


@dataclass(slots=True)
class Judged:
    """What is wrong in a record, with its source; what identity knows of it; and what ``checking.together`` asks of it
    (the packed part has no source).
    """

    source: Source
    capture: Capture
    findings: list[Finding]
    comparison_lines: list[str]
    packed: bytes

    @property
    def short(self) -> tuple[Source, bytes]:
        """As of ``checking.Examined``."""
        return self.source, self.packed


@dataclass(slots=True)
class Prepared(Judged):
    """What a release needs of a record: its triples, too, in those of its ``own`` and those that others may say."""

    own: bytes
    shared: list[str]


#: What values that are remembered are made of.
CLASSES = [
    one
    for module in (record, findings)
    for one in vars(module).values()
    if isinstance(one, type) and one.__module__ == module.__name__
] + [Capture, Prepared]


@dataclass(slots=True)
class Known:
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


def read_once(remembered: BuildCache, day: str, hidden: IsHidden) -> Callable[[Input], Iterator[Known]]:
    """How the records of an input are had, to be ``prepared`` for a ``day``, without who is ``hidden``. A page that
    was read before is not read again.
    """
    chosen = day.encode()

    def read(given: Input) -> Iterator[Known]:
        content = page(given)
        file = remembered.key(chosen, given.suffix.encode(), content) if content is not None else b""
        if content is not None and (packed := remembered.get(file)):
            for number, (line, key, named, known) in enumerate(remembered.value(packed)):
                again = partial(_again, given, number)
                yield Known(replace(given.source, line=line), key, named, known, again)
            return
        found: _Page = []
        for printed in read_input(given):
            one = _of_any_source(printed)
            said = repr(one)
            known = remembered.key(chosen, said.encode("utf-8", "surrogatepass"))
            named = any(map(hidden, printed.contacts)) or (
                bool(hidden) and mentions_hidden(said + (content or b"").decode("utf-8", "replace"), hidden)
            )
            if given.name in said:  # what was read may hang on the file's name
                content = None
            if content is not None:
                found.append((printed.source.line, printed.key, named, known))
            yield Known(printed.source, printed.key, named, known, partial(_itself, one))
        if content is not None:
            remembered.keep(file, found)

    return read


def _itself(record: Record) -> Record:
    return record


def _again(given: Input, number: int) -> Record:
    """A record of an input, as it could stand in any file."""
    return _of_any_source(next(islice(read_input(given), number, None)))


def prepared(
    records: Iterable[Known], day: str, hidden: IsHidden, remembered: BuildCache, team: Team
) -> Iterator[Prepared]:
    """What a release needs of each record: with what its prose says, without who is ``hidden``, and with what is wrong
    in it alone, on a ``day``. In the order given, and some thousands at most are in memory.
    """
    sources: deque[Source] = deque()
    deciding = fingerprint()

    def asked() -> Iterator[tuple[bytes, Known]]:
        for one in records:
            sources.append(one.source)
            yield one.known, one

    for done in remembered.each(
        asked(),
        lambda new: _done([one.read() for one in new], day, hidden),
        lambda new: team.submit(_done_there, deciding, [one.read() for one in new], day, hidden),
        batch=BATCH_RECORDS,
        most=_AT_ONCE,
        ahead=team.size + 1,
    ):
        yield _of_source(sources.popleft(), done)


def fingerprint() -> bytes:
    """A hash of all that decides what becomes of a record: our code and data, and the packages that we use."""
    ours = hashlib.sha256()
    for folder, pattern in DECIDING:
        for path in sorted(folder.rglob(pattern)):
            ours.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in findall(r"^[\w.-]+", line)]
    ours.update("\0".join([sys.version, *versions]).encode())
    return ours.digest()


def _of_any_source(given: Record) -> Record:
    """The record as it could stand in any file; in any of these bytes, where its key is made from them."""
    own = given.source.name
    some = replace(
        given,
        source=replace(_ANY, line=given.source.line),
        findings=tuple(replace(found, file=_ANY.name) if found.file == own else found for found in given.findings),
    )
    return some if some.key == given.key else replace(some, source=replace(given.source, name=_ANY.name))


#: That of the process that asks, which keeps its code.
_own_fingerprint = lru_cache(1)(fingerprint)


def _done_there(deciding: bytes, records: list[Record], day: str, hidden: IsHidden) -> list[Prepared]:
    """As ``_done``, in a process that may be on another machine. Raises ClusterError where that would do otherwise."""
    if _own_fingerprint() != deciding:
        raise ClusterError(
            "A worker has other code, data, packages or another Python than this machine, so that records would "
            "come out otherwise",
            "Install the same there, with the same requirements.txt, and start its workers again.",
        )
    return _done(records, day, hidden)


def _done(records: list[Record], day: str, hidden: IsHidden) -> list[Prepared]:
    """The work itself: of a batch, in whatever process."""
    return [
        Prepared(*_told(one, found), *parted(one.record.key, one.lines)) for one, found in _read(records, day, hidden)
    ]


def _told(one: ValidatedRecord, found: list[Finding]) -> tuple[Source, Capture, list[Finding], list[str], bytes]:
    return one.record.source, captured(one.record), found, one.comparison_lines, one.short[1]


def _read(
    records: list[Record], day: str, hidden: IsHidden = hide_nobody, engine: str = "fast"
) -> Iterator[tuple[ValidatedRecord, list[Finding]]]:
    """Each record with what its prose says, and all that is wrong in it alone."""
    told = [with_prose(one, hidden) for one in records]
    for one, (_, found) in zip(validate_each((derived for derived, _ in told), day, engine), told, strict=True):
        yield one, [*found, *one.findings]


def judged(records: Iterable[Record], day: str, engine: str, team: Team) -> Iterator[Judged]:
    """What is wrong in each printed record alone, on a ``day``, in the order given; a few batches are in memory."""
    waiting: deque[Future[list[Judged]]] = deque()
    for number, batch in enumerate(split_batches(records, _prose, _PROSE)):
        if number < _HERE or team.size == 1:
            yield from _judged(batch, day, engine)
            continue
        waiting.append(team.submit(_judged, batch, day, engine))
        if len(waiting) > team.size + 1:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _judged(records: list[Record], day: str, engine: str) -> list[Judged]:
    return [Judged(*_told(one, found)) for one, found in _read(records, day, engine=engine)]


def _prose(one: Record) -> int:
    """Characters."""
    return sum(len(paragraph.text) for _, paragraph in one.narrative())


def _of_source(source: Source, some: Prepared) -> Prepared:
    """What was done of a record, when it stands in this source."""
    before = some.source.name
    return replace(
        some,
        source=source,
        own=with_source(some.own, some.capture.key, source),
        findings=[replace(one, file=source.name) if one.file == before else one for one in some.findings],
    )
