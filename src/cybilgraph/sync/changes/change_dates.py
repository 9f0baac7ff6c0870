"""When each record moved last, known beyond the releases in which it did: what was told once is not told anew
because old releases were taken away.

Beside the releases, ``moved-0003.csv`` tells it of all records up to release 3, the oldest that is kept. Its last
line is the SHA-256 of those before; where that does not hold, nothing is kept.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from cybilgraph.errors import ReleaseError
from cybilgraph.release import Releases
from cybilgraph.runtime.files import atomic_write
from cybilgraph.sync.changes.change_log import ChangeLog, ChangeLogCache


@dataclass(frozen=True, slots=True)
class LastChange:
    """A record as it moved last: ``release`` and ``created`` are those of the release that brought it."""

    key: str
    kind: str
    title: str
    release: int
    created: str


def last_changes_in(log: ChangeLog) -> Iterator[LastChange]:
    """The records of a log, as the later of its releases brought them."""
    created = str(log.until.manifest["created"])
    return (LastChange(change.key, change.kind, change.title, log.header.until, created) for change in log.records())


def last_changes_until(changes: ChangeLogCache, releases: Releases, number: int) -> list[LastChange]:
    """All records up to a release which is the oldest that is kept, also those that are gone, by key.

    Raises ReleaseBusy, ReleaseError.
    """
    return _read(releases, number) or list(last_changes_in(changes.between(0, number)))


def first_change_date(releases: Releases, number: int) -> str:
    """When the first of them moved, where that was before the release that is the oldest; else nothing."""
    return min((row.created for row in _read(releases, number)), default="")


def prune(releases: Releases, keep: int, on_event: Callable[[str], None] = lambda _: None) -> tuple[list[int], int]:
    """As ``Releases.prune``; and what is told of the oldest that stays is what was told before."""
    oldest = releases.numbers[:1]

    def remember(stay: list[int]) -> None:
        with closing(ChangeLogCache(releases)) as changes, suppress(ReleaseError):  # a damaged one has nothing to tell
            rows = {row.key: row for row in last_changes_until(changes, releases, oldest[0])}
            for pair in pairwise(number for number in releases.numbers if number <= stay[0]):
                rows |= {row.key: row for row in last_changes_in(changes.between(*pair))}
            _write(_path(releases, stay[0]), [rows[key] for key in sorted(rows)])

    gone, freed = releases.prune(keep, remember, on_event)
    for number in gone:
        _path(releases, number).unlink(missing_ok=True)
    return gone, freed


def _read(releases: Releases, number: int) -> list[LastChange]:
    """What is kept of them; nothing where no release was taken away before this one, or the file is damaged."""
    path = _path(releases, number)
    try:
        *lines, digest = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except ValueError:  # it is empty
        lines, digest = [], b""
    text = b"".join(lines)
    if digest != _checksum_line(text):
        _warn_once(f"{path} is damaged, and not used: release {number:04d} tells all its records anew")
        return []
    rows = csv.DictReader(io.StringIO(text.decode()))
    return [LastChange(row["key"], row["kind"], row["title"], int(row["release"]), row["created"]) for row in rows]


def _path(releases: Releases, number: int) -> Path:
    return releases.folder / f"moved-{number:04d}.csv"


def _write(path: Path, rows: list[LastChange]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(LastChange))
    writer.writerows(map(astuple, rows))
    with atomic_write(path) as file:
        content = text.getvalue().encode()
        file.write(content + _checksum_line(content))


def _checksum_line(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}\n".encode()


@lru_cache(16)
def _warn_once(what: str) -> None:
    """Once, and not with each request."""
    logging.getLogger("cybilgraph").warning(what)
