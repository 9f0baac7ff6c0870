"""The last change of each record, remembered even after the release of that change has been pruned.

Without it, pruning would make old records appear new. ``moved-0003.csv`` next to the releases contains the last
changes up to release 3, the oldest that is kept. Its last line is the SHA-256 of the lines before; if that is wrong,
the file is ignored.
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
    """The last change of a record; ``release`` and ``created`` are those of the release with the change."""

    key: str
    kind: str
    title: str
    release: int
    created: str


def last_changes_in(log: ChangeLog) -> Iterator[LastChange]:
    """Yield the changes of a log, dated by the later of its releases."""
    created = str(log.until.manifest["created"])
    return (LastChange(change.key, change.kind, change.title, log.until.number, created) for change in log.records())


def last_changes_until(changes: ChangeLogCache, releases: Releases, number: int) -> list[LastChange]:
    """Return the last changes of all records, including removed ones, up to the oldest kept release ``number``.

    Raises ReleaseBusy, ReleaseError.
    """
    return _read(releases, number) or list(last_changes_in(changes.between(0, number)))


def first_change_date(releases: Releases, number: int) -> str:
    """Return the date of the earliest remembered change before the oldest release, or ""."""
    return min((row.created for row in _read(releases, number)), default="")


def prune(releases: Releases, keep: int, on_event: Callable[[str], None] = lambda _: None) -> tuple[list[int], int]:
    """Prune like ``Releases.prune``, and remember the last changes up to the oldest release that stays."""
    oldest = releases.numbers[:1]

    def remember(remaining: list[int]) -> None:
        with closing(ChangeLogCache(releases)) as changes, suppress(ReleaseError):  # nothing is known of damaged ones
            rows = {row.key: row for row in last_changes_until(changes, releases, oldest[0])}
            for pair in pairwise(number for number in releases.numbers if number <= remaining[0]):
                rows |= {row.key: row for row in last_changes_in(changes.between(*pair))}
            _write(_path(releases, remaining[0]), [rows[key] for key in sorted(rows)])

    removed, freed = releases.prune(keep, remember, on_event)
    for number in removed:
        _path(releases, number).unlink(missing_ok=True)
    return removed, freed


def _read(releases: Releases, number: int) -> list[LastChange]:
    """Read the remembered changes, or nothing if no earlier release was pruned or the file is damaged."""
    path = _path(releases, number)
    try:
        *lines, digest = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except ValueError:  # the file is empty
        lines, digest = [], b""
    text = b"".join(lines)
    if digest != _checksum_line(text):
        _warn_once(f"{path} is damaged and ignored: all records of release {number:04d} count as new")
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
def _warn_once(message: str) -> None:
    """Log a warning only once, because the file is read for every request."""
    logging.getLogger("cybilgraph").warning(message)
