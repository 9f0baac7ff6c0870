"""Differences between two releases: quads, and records with the changed fields.

The change log of two releases is computed once from their sorted quads, and all reports of their differences use it. It
consists of two files: the rows of a patch, and the records that they belong to.

A record has changed if its statements have. Statements about its provenance do not count: the name and checksum of its
source, the line and confidence of a quote, the date of change printed on its page, and the list of earlier captures.
The patch includes these quads, but they do not change the record's date.

The last change of each record is remembered even after the release of that change has been pruned; otherwise, pruning
would make old records appear new. ``moved-0003.csv`` next to the releases contains the last changes up to release 3,
the oldest that is kept. Its last line is the SHA-256 of the lines before; if that is wrong, the file is ignored.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, astuple, dataclass, fields, replace
from functools import cached_property, lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from cybilgraph.errors import ReleaseError, ReleaseGone
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH, read_compressed_chunks, read_graph
from cybilgraph.runtime.compression import decompress
from cybilgraph.runtime.files import TemporaryFolder, atomic_write
from cybilgraph.sync.patches import ADDED, END, HashedLines, Header, diff_lines, sort_lines
from cybilgraph.sync.record_changes import (
    Change,
    ChangedNames,
    FieldChange,
    is_of_record,
    record_key,
    statements_by_key,
    summarise_change,
)

#: Number of cached logs and bytes of their files; the newest log may be larger.
_MAX_CACHED_LOGS, _MAX_CACHED_BYTES = 64, 2_000_000_000
_COUNTS = ("added", "changed", "removed", "added_quads", "removed_quads", "other_quads")


@dataclass(frozen=True)
class ChangeLog:
    """The differences between two releases; ``since`` is None for a comparison with nothing.

    ``on_disk`` is the size of the log's files in bytes.
    """

    since: Release | None
    until: Release
    folder: Path
    counts: dict[str, int]
    on_disk: int

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of both releases; the first is 0 for a comparison with nothing."""
        return self.since.number if self.since else 0, self.until.number

    @property
    def etag(self) -> str:
        """An identifier that depends on the releases and their quads."""
        since, until = (release.checksum(GRAPH)[:16] if release else "" for release in (self.since, self.until))
        return f"{self.numbers[0]}-{self.numbers[1]}-{since}-{until}"

    @cached_property
    def header(self) -> Header:
        """The header of the patch. It is computed on first use, because that sorts a whole graph.

        Raises FileDamaged, OSError.
        """
        self.until.open(GRAPH).close()  # verifies its checksum if it has changed
        lines = HashedLines(sort_lines(self.until.folder / GRAPH))
        deque(lines, maxlen=0)
        return Header(*self.numbers, lines.sha256)

    @cached_property
    def patch_digest(self) -> tuple[int, str]:
        """The size in bytes and the SHA-256 of the patch. Raises FileDamaged, OSError."""
        patch = HashedLines(self.patch())
        return sum(map(len, patch)), patch.sha256

    @property
    def is_there(self) -> bool:
        """Whether its temporary files still exist."""
        return all((self.folder / name).is_file() for name in ("quads", "records"))

    def patch(self) -> Iterator[bytes]:
        """Yield an RDF Patch in blocks of rows."""
        with (self.folder / "quads").open("rb") as rows:  # opened first, because the log may be dropped meanwhile
            yield bytes(self.header)
            while block := rows.read(1_000_000):
                yield block
        yield END

    def records(self) -> Iterator[Change]:
        """Yield the changed records in order of their keys."""
        with (self.folder / "records").open("rb") as rows:
            for row in map(json.loads, rows):
                yield Change(**row | {"fields": [FieldChange(**field) for field in row["fields"]]})


class ChangeLogCache:
    """A cache of change logs between the releases of a folder; the least recently used are dropped. Thread-safe."""

    def __init__(self, releases: Releases, open_file: Callable[[Release, str], BinaryIO] = Release.open) -> None:
        """Create a cache. ``open_file`` opens a file of a release, or raises FileDamaged with a message for users."""
        self._releases = releases
        self._open_file = open_file
        self._folder = TemporaryFolder("changes")
        self._logs: dict[str, ChangeLog] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Delete all logs."""
        self._folder.close()

    def release(self, number: int) -> Release:
        """Return a release by number. Raises ReleaseError if there is none, ReleaseGone if it was pruned."""
        try:
            return self._releases.get(number)
        except ReleaseGone as error:
            raise ReleaseGone(
                f"{error.what}, so the changes since then are not known",
                "Download the full dump of the current release (/latest/cybilgraph.nq.gz), and ask for later changes.",
            ) from error

    def between(self, since: int, until: int = 0) -> ChangeLog:
        """Return the log from one release (0: nothing) to another (0: the current one).

        Raises ReleaseError, ReleaseGone, or FileDamaged if the checksum of a graph is wrong.
        """
        old = self.release(since) if since else None
        new = self.release(until or self._releases.current_number())
        name = f"{since}-{new.number}-{old.manifest['files'][GRAPH] if old else ''}-{new.manifest['files'][GRAPH]}"
        with self._lock:
            log = self._logs.pop(name, None)
            if log is None or not log.is_there:
                log = self._compute(old, new)
            self._logs[name] = log  # the last is the most recently used
            while len(self._logs) > 1 and (
                len(self._logs) > _MAX_CACHED_LOGS
                or sum(other.on_disk for other in self._logs.values()) > _MAX_CACHED_BYTES
            ):
                shutil.rmtree(self._logs.pop(next(iter(self._logs))).folder, ignore_errors=True)
            return log

    def _compute(self, old: Release | None, new: Release) -> ChangeLog:
        if not self._folder.path.is_dir():  # removed by a cleaner of temporary files
            self._folder.close()
            self._folder = TemporaryFolder("changes")
        for release in (old, new) if old else (new,):
            self._open_file(release, GRAPH).close()  # verifies the checksum of this new Release object
        return _log(old, new, Path(tempfile.mkdtemp(dir=self._folder.path)))

    def steps(self, since: int, until: int) -> Iterator[ChangeLog]:
        """Yield the logs between consecutive kept releases from ``since`` to ``until``, oldest first."""
        numbers = [number for number in self._releases.numbers if since <= number <= until]
        return (self.between(*pair) for pair in pairwise(numbers))

    def last_changed(self, since: int, until: int) -> dict[str, Release]:
        """Return, by key, the release with the last change of each record that changed between two releases."""
        return {change.key: log.until for log in self.steps(since, until) for change in log.records()}


def _log(old: Release | None, new: Release, folder: Path) -> ChangeLog:
    counts: Counter[str] = Counter()
    keys: set[bytes] = set()
    with (folder / "quads").open("wb") as rows, (folder / "by-key").open("wb") as by_key:
        for kind, line in _diff_graphs(old, new, folder):
            rows.write(kind + b" " + line)
            counts["added_quads" if kind == ADDED else "removed_quads"] += 1
            if key := record_key(line):
                keys.add(key)
                by_key.write(key + b" " + kind + b" " + line)
            elif not is_of_record(line):
                counts["other_quads"] += 1
    names = ChangedNames([release.folder / GRAPH for release in (new, old) if release], folder / "by-key", keys)
    with (folder / "records").open("w", encoding="utf-8") as records:
        for key, group in groupby(sort_lines(folder / "by-key"), key=lambda row: row.split(b" ", 1)[0]):
            if change := summarise_change(key.decode(), [row.split(b" ", 2)[1:] for row in group], names):
                counts[change.kind] += 1
                records.write(json.dumps(asdict(change), ensure_ascii=False) + "\n")
    (folder / "by-key").unlink()
    on_disk = sum(file.stat().st_size for file in folder.iterdir())
    return ChangeLog(old, new, folder, {name: counts[name] for name in _COUNTS}, on_disk)


def _diff_graphs(old: Release | None, new: Release, folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield ADDED or REMOVED, and the line, of each changed quad, in order of the lines.

    Only chunks without an equal one in the other graph are sorted. That is enough, because all lines of a resource are
    in one chunk. A change of a resource moves the borders of the chunks after it, but soon they are at the same
    resources again.
    """
    if not old:
        yield from diff_lines((), sort_lines(new.folder / GRAPH))
        return
    if old.checksum(GRAPH) == new.checksum(GRAPH):
        return
    graphs = {folder / "before": old.folder / GRAPH, folder / "after": new.folder / GRAPH}
    # Equal chunks are also equal when compressed. If another version of the library compressed them, all are sorted.
    before, after = (set(map(_digest, read_compressed_chunks(graph))) for graph in graphs.values())
    for part, graph in graphs.items():
        _write_others(before & after, part, graph)
    yield from diff_lines(*map(sort_lines, graphs))
    for part in graphs:
        part.unlink()


def _write_others(common: set[bytes], part: Path, graph: Path) -> None:
    """Write the chunks of a graph that the other graph does not have."""
    with part.open("wb") as file:
        file.writelines(decompress(chunk) for chunk in read_compressed_chunks(graph) if _digest(chunk) not in common)


def _digest(chunk: bytes) -> bytes:
    return hashlib.sha256(chunk).digest()


def as_json(log: ChangeLog, last_changed: dict[str, Release]) -> Iterator[str]:
    """Yield the log as JSON in parts; ``last_changed`` comes from ``ChangeLogCache.last_changed``."""
    since, until = (
        {"release": release.number, "created": release.manifest["created"]} if release else None
        for release in (log.since, log.until)
    )
    yield json.dumps({"since": since, "until": until, "counts": log.counts}, ensure_ascii=False)[:-1]
    yield ', "records": ['
    for number, change in enumerate(log.records()):
        row = {
            "record": change.iri,
            "project": own_iri(f"id/project/{change.key}"),
            **asdict(change, dict_factory=_without_no_decisions),
            "modified": change_date(change, log, last_changed),
            "words": change.describe(),
        }
        yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]}\n"


def _without_no_decisions(items: list[tuple[str, object]]) -> dict[str, object]:
    return {name: item for name, item in items if name != "decided" or item}


def change_date(change: Change, log: ChangeLog, last_changed: dict[str, Release]) -> str:
    """Return the date and time of the release with a record's last change."""
    return str(last_changed.get(change.key, log.until).manifest["created"])


def describe_log(log: ChangeLog) -> Iterator[str]:
    """Yield a readable line per record."""
    marks = {"added": "+", "changed": "~", "removed": "−"}
    for change in log.records():
        more = f"\n    {change.describe()}" if change.kind == "changed" or change.replaced_by else ""
        yield f"{marks[change.kind]} {unquote(change.key)}  {change.title}{more}"


# ---- last changes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change of a record; ``release`` and ``created`` are those of the release with the change.

    A removed record has no title, so that pruning the releases with the record deletes all its text.
    """

    key: str
    kind: str
    title: str
    release: int
    created: str


def last_changes_in(log: ChangeLog) -> Iterator[LastChange]:
    """Yield the changes of a log, dated by the later of its releases."""
    created = str(log.until.manifest["created"])
    return (_last_change(row.key, row.kind, row.title, log.until.number, created) for row in log.records())


def _last_change(key: str, kind: str, title: str, release: int, created: str) -> LastChange:
    return LastChange(key, kind, "" if kind == "removed" else title, release, created)


def last_changes_until(changes: ChangeLogCache, releases: Releases, number: int) -> list[LastChange]:
    """Return the last changes of all records, including removed ones, up to the oldest kept release ``number``.

    Raises ReleaseError.
    """
    return _read(_path(releases, number)) or list(last_changes_in(changes.between(0, number)))


def first_change_date(releases: Releases, number: int) -> str:
    """Return the date of the earliest remembered change before the oldest release, or ""."""
    return min((row.created for row in _read(_path(releases, number))), default="")


def statements_of(release: Release, keys: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the present statements of records, as lines of N-Quads with the keys of the records.

    Raises FileDamaged, OSError.
    """
    for chunk in read_graph(release.folder / GRAPH):
        for key, line in statements_by_key(chunk):
            if key in keys:
                yield key, line


def prune(releases: Releases, keep: int, on_event: Callable[[str], None] = lambda _: None) -> tuple[list[int], int]:
    """Prune like ``Releases.prune``, and remember the last changes up to the oldest release that stays."""

    def remember(remaining: list[int]) -> None:
        numbers = [number for number in releases.numbers if number <= remaining[0]]
        with closing(ChangeLogCache(releases)) as changes, suppress(ReleaseError):  # nothing is known of damaged ones
            rows = {row.key: row for row in last_changes_until(changes, releases, numbers[0])}
            for log in changes.steps(numbers[0], numbers[-1]):
                rows |= {row.key: row for row in last_changes_in(log)}
            _write(_path(releases, remaining[0]), [rows[key] for key in sorted(rows)])

    removed, freed = releases.prune(keep, remember, on_event)
    for number in removed:
        _path(releases, number).unlink(missing_ok=True)
    return removed, freed


def forget_titles(releases: Releases, mentions: Callable[[str], bool]) -> None:
    """Delete the remembered titles that mention an erased contact, and damaged files that do."""
    for path in releases.folder.glob("moved-*.csv"):
        if not mentions(path.read_bytes().decode(errors="replace")):
            continue
        if rows := _read(path):
            _write(path, [replace(row, title="") if mentions(row.title) else row for row in rows])
        else:
            path.unlink()


def _path(releases: Releases, number: int) -> Path:
    return releases.folder / f"moved-{number:04d}.csv"


def _read(path: Path) -> list[LastChange]:
    """Read the remembered changes, or nothing if no earlier release was pruned or the file is damaged."""
    try:
        *lines, digest = path.read_bytes().splitlines(keepends=True) or [b""]
    except FileNotFoundError:
        return []
    text = b"".join(lines)
    if digest != _checksum_line(text):
        _warn_once(f"{path} is damaged and ignored: all records of that release count as new")
        return []
    rows = csv.DictReader(io.StringIO(text.decode()))
    # Files of earlier versions have the titles of removed records.
    return [_last_change(row["key"], row["kind"], row["title"], int(row["release"]), row["created"]) for row in rows]


def _write(path: Path, rows: list[LastChange]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(LastChange))
    writer.writerows(map(astuple, rows))
    content = text.getvalue().encode()
    with atomic_write(path) as file:
        file.write(content + _checksum_line(content))


def _checksum_line(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}\n".encode()


@lru_cache(16)
def _warn_once(message: str) -> None:
    """Log a warning only once, because the file is read for every request."""
    logging.getLogger("cybilgraph").warning(message)
