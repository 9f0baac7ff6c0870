"""Printed records → the same as a release needs them: with what their prose says, their triples, and what is wrong
in each. On all processors, and only of what no earlier build has done: equal records give equal bytes either way.

What was done before is known by what a record says and where, not by the file that it stands in: of a table, only
the rows that have changed are done again, and of a file that was renamed, none.
"""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import requires, version
from re import findall

from cybilgraph import findings, record
from cybilgraph.checking import BATCH, Examined, examined, without_texts
from cybilgraph.describe import with_source
from cybilgraph.errors import ClusterError
from cybilgraph.findings import Finding
from cybilgraph.intake import Hidden, with_prose
from cybilgraph.record import Record, Source
from cybilgraph.remembered import Remembered
from cybilgraph.resources import DECIDING
from cybilgraph.workers.crew import Team

#: What values that are remembered are made of.
CLASSES = [
    one
    for module in (record, findings)
    for one in vars(module).values()
    if isinstance(one, type) and one.__module__ == module.__name__
]
#: So many records are looked up at once; of those, a batch at most is new.
_AT_ONCE = 4_000
#: The source of a record whose own source is left open. No file has this name.
_ANY = Source("/", "0" * 64)

#: Record, lines, findings: what is remembered of a record, its source left open.
_Done = tuple[Record, str, list[Finding]]


@dataclass(slots=True)
class _Asked:
    """A record that is asked for, by its source; what was remembered of it."""

    source: Source
    key: bytes
    packed: bytes | None


def prepared(
    records: Iterable[Record], day: str, hidden: Hidden, remembered: Remembered, team: Team
) -> Iterator[Examined]:
    """Each record with what its prose says, but without its long texts and who is ``hidden``; its triples, and what
    is wrong in it alone, on a ``day``. In the order given, and some thousands at most are in memory.
    """
    deciding = fingerprint(day, repr(hidden))
    waiting: deque[tuple[list[_Asked], Future[list[_Done]] | list[_Done]]] = deque()
    for asked, new in _looked_up(records, deciding, remembered):
        # Few are done here: no process is started for them.
        done = team.submit(_done_there, deciding, new, day, hidden) if len(new) == BATCH else _done(new, day, hidden)
        waiting.append((asked, done))
        if len(waiting) > team.size + 1:
            yield from _answers(*waiting.popleft(), remembered)
    while waiting:
        yield from _answers(*waiting.popleft(), remembered)


def fingerprint(*choices: str) -> bytes:
    """A hash of all that decides what becomes of a record: our code and data, the packages that we use, and what
    was chosen.
    """
    ours = hashlib.sha256()
    for folder, pattern in DECIDING:
        for path in sorted(folder.rglob(pattern)):
            ours.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    needed = (line for line in requires("cybilgraph") or () if "extra ==" not in line)
    versions = [f"{name} {version(name)}" for line in needed for name in findall(r"^[\w.-]+", line)]
    ours.update("\0".join([sys.version, *versions, *choices]).encode())
    return ours.digest()


def _looked_up(
    records: Iterable[Record], deciding: bytes, remembered: Remembered
) -> Iterator[tuple[list[_Asked], list[Record]]]:
    """Some records at a time, with those of them that are new."""
    asked: list[_Asked] = []
    new: list[Record] = []
    for given in records:
        one = _of_any_source(given)
        key = hashlib.sha256(deciding + repr(one).encode("utf-8", "surrogatepass")).digest()
        packed = remembered.get(key)
        asked.append(_Asked(given.source, key, packed))
        if packed is None:
            new.append(one)
        if len(new) == BATCH or len(asked) == _AT_ONCE:
            yield asked, new
            asked, new = [], []
    if asked:
        yield asked, new


def _of_any_source(given: Record) -> Record:
    """The record as it could stand in any file, unless its key is made from the file."""
    own = given.source.name
    some = replace(
        given,
        source=replace(_ANY, line=given.source.line),
        findings=tuple(replace(found, file=_ANY.name) if found.file == own else found for found in given.findings),
    )
    return some if some.key == given.key else given


@lru_cache(4)
def _own(*choices: str) -> bytes:
    """The fingerprint of the process that asks."""
    return fingerprint(*choices)


def _done_there(deciding: bytes, records: list[Record], day: str, hidden: Hidden) -> list[_Done]:
    """As ``_done``, in a process that may be on another machine. Raises ClusterError where that would do otherwise."""
    if _own(day, repr(hidden)) != deciding:
        raise ClusterError(
            "A worker has other code, data, packages or another Python than this machine, so that records would "
            "come out otherwise",
            "Install the same there, with the same requirements.txt, and start its workers again.",
        )
    return _done(records, day, hidden)


def _done(records: list[Record], day: str, hidden: Hidden) -> list[_Done]:
    """The work itself: of a batch, in whatever process."""
    told = [with_prose(one, hidden) for one in records]
    return [
        (without_texts(one.record), "\n".join(one.lines), [*found, *one.findings])
        for one, (_, found) in zip(examined((derived for derived, _ in told), day), told, strict=True)
    ]


def _answers(
    asked: list[_Asked], done: Future[list[_Done]] | list[_Done], remembered: Remembered
) -> Iterator[Examined]:
    new = iter(done.result() if isinstance(done, Future) else done)
    for one in asked:
        if one.packed is None:
            remembered.keep(one.key, answer := next(new))
        else:
            answer = remembered.value(one.packed)
        yield _of_source(one.source, *answer)


def _of_source(source: Source, some: Record, text: str, found: list[Finding]) -> Examined:
    """What was done of a record, when it stands in this source."""
    own = replace(some, source=source)
    return Examined(
        own,
        with_source(text.split("\n"), own),
        [replace(one, file=source.name) if one.file == some.source.name else one for one in found],
    )
