"""The log of two releases: what is different in quads, and in records; and what is told of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from cybilgraph.errors import ReleaseBusy, ReleaseGone
from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.files import TemporaryFolder
from cybilgraph.sync.changes.record_changes import (
    Change,
    ChangedNames,
    FieldChange,
    is_of_record,
    record_key,
    summarise_change,
)
from cybilgraph.sync.patches import ADDED, END, HashedLines, Header, diff_lines, sort_lines

#: Logs that are kept at once, and the bytes of their files; of the one that was made last, they may be more.
_MAX_CACHED_LOGS, _MAX_CACHED_BYTES = 64, 2_000_000_000
#: Seconds that one waits for a log that another makes.
_LOCK_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """What is different between two releases; ``since`` is None for everything from the beginning.

    ``size`` and ``sha256`` are of the patch, ``on_disk`` are the bytes of its files.
    """

    since: Release | None
    until: Release
    folder: Path
    header: Header
    counts: dict[str, int]
    size: int = 0
    sha256: str = ""
    on_disk: int = 0

    @property
    def etag(self) -> str:
        """Another one for other releases, and for other quads of them."""
        digest = self.since.manifest["files"][GRAPH][:16] if self.since else ""
        return f"{self.header.since}-{self.header.until}-{digest}-{self.header.sha256[:16]}"

    @property
    def is_there(self) -> bool:
        """Whether its files are; they are temporary."""
        return all((self.folder / name).is_file() for name in ("quads", "records"))

    def patch(self) -> Iterator[bytes]:
        """The rows of an RDF Patch, some at once."""
        with (self.folder / "quads").open("rb") as rows:  # opened first: a log may be forgotten meanwhile
            yield bytes(self.header)
            while block := rows.read(1_000_000):
                yield block
        yield END

    def quads(self) -> Iterator[tuple[bytes, bytes]]:
        """What was done, and the line."""
        with (self.folder / "quads").open("rb") as rows:
            for row in rows:
                yield row[:1], row[2:]

    def records(self) -> Iterator[Change]:
        """The records, by key."""
        with (self.folder / "records").open("rb") as rows:
            for row in rows:
                row_data = json.loads(row)
                yield Change(**row_data | {"fields": [FieldChange(**field) for field in row_data["fields"]]})


class ChangeLogCache:
    """The differences between the releases of a folder, each made once and kept for as long as others are not
    asked for more. Safe for threads.
    """

    def __init__(
        self,
        releases: Releases,
        max_logs: int = _MAX_CACHED_LOGS,
        open_file: Callable[[Release, str], BinaryIO] = Release.open,
    ) -> None:
        """``open_file`` gives a file of a release, or raises FileDamaged in words for who asked."""
        self._releases = releases
        self._open_file = open_file
        self._max_logs = max_logs
        self._folder = TemporaryFolder("changes")
        self._logs: OrderedDict[str, ChangeLog] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Forget all of them."""
        self._folder.close()

    def release(self, number: int) -> Release:
        """A release by number. Raises ReleaseError where there is none, ReleaseGone where it was taken away."""
        try:
            return self._releases.get(number)
        except ReleaseGone as error:
            raise ReleaseGone(
                f"{error.what}, and what has changed since is not known",
                "Take the full dump of the current release (/latest/cybilgraph.nq.gz), and ask again from that one on.",
            ) from error

    def between(self, since: int, until: int = 0) -> ChangeLog:
        """The log from a release (0: from nothing) to another (0: the current one).

        Raises ReleaseBusy, ReleaseError, ReleaseGone; and FileDamaged where a graph is not what was built.
        """
        old = self.release(since) if since else None
        new = self.release(until or self._releases.current_number())
        name = f"{old.manifest['files'][GRAPH] if old else ''}-{new.manifest['files'][GRAPH]}"
        name = f"{since}-{new.number}-{name}"
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_SECONDS):
            raise ReleaseBusy("Too many ask for differences at this moment", "Ask again in a minute.")
        try:
            if not self._folder.path.is_dir():  # what cleans temporary files has taken it
                self._folder.close()
                self._folder = TemporaryFolder("changes")
            if name not in self._logs or not self._logs[name].is_there:
                for release in (old, new) if old else (new,):
                    self._open_file(release, GRAPH).close()  # it is read whole: each release here is a fresh one
                folder = Path(tempfile.mkdtemp(dir=self._folder.path))
                self._logs[name] = _log(old, new, folder)
                while len(self._logs) > self._max_logs or (len(self._logs) > 1 and self._on_disk > _MAX_CACHED_BYTES):
                    _, oldest = self._logs.popitem(last=False)
                    shutil.rmtree(oldest.folder, ignore_errors=True)
            self._logs.move_to_end(name)
            return self._logs[name]
        finally:
            self._lock.release()

    @property
    def _on_disk(self) -> int:
        return sum(log.on_disk for log in self._logs.values())

    def steps(self, since: int, until: int) -> Iterator[ChangeLog]:
        """The logs from release to release between two, the oldest first, over those that are kept."""
        numbers = [number for number in self._releases.numbers if since <= number <= until]
        return (self.between(*pair) for pair in pairwise(numbers))

    def last_changed(self, since: int, until: int) -> dict[str, Release]:
        """Of each record that moved between two releases, by key, the release in which it moved last."""
        return {change.key: log.until for log in self.steps(since, until) for change in log.records()}


def _log(old: Release | None, new: Release, folder: Path) -> ChangeLog:
    before = sort_lines(old.folder / GRAPH) if old else iter(())
    after = HashedLines(sort_lines(new.folder / GRAPH))
    counts: Counter[str] = Counter()
    keys: set[bytes] = set()
    with (folder / "quads").open("wb") as rows, (folder / "by-key").open("wb") as by_key:
        for kind, line in diff_lines(before, after):
            rows.write(kind + b" " + line)
            counts["added_quads" if kind == ADDED else "removed_quads"] += 1
            key = record_key(line)
            if key:
                keys.add(key)
                by_key.write(key + b" " + kind + b" " + line)
            elif not is_of_record(line):
                counts["other_quads"] += 1
    names = ChangedNames([release.folder / GRAPH for release in (old, new) if release], folder / "by-key", keys)
    with (folder / "records").open("w", encoding="utf-8") as records:
        for key, group in groupby(sort_lines(folder / "by-key"), key=lambda row: row.split(b" ", 1)[0]):
            change = summarise_change(key.decode(), [row.split(b" ", 2)[1:] for row in group], names)
            if change:
                counts[change.kind] += 1
                records.write(json.dumps(asdict(change), ensure_ascii=False) + "\n")
    (folder / "by-key").unlink()
    header = Header(old.number if old else 0, new.number, after.sha256)
    every = ("added", "changed", "removed", "added_quads", "removed_quads", "other_quads")
    log = ChangeLog(old, new, folder, header, {name: counts[name] for name in every})
    patch = HashedLines(log.patch())
    on_disk = sum(file.stat().st_size for file in folder.iterdir())
    return replace(log, size=sum(map(len, patch)), sha256=patch.sha256, on_disk=on_disk)


def as_json(log: ChangeLog, last_changed: dict[str, Release]) -> Iterator[str]:
    """The records as JSON, some at once; ``last_changed`` is of ``Changes.moved``."""
    since = {"release": log.since.number, "created": log.since.manifest["created"]} if log.since else None
    head: dict[str, Any] = {
        "since": since,
        "until": {"release": log.until.number, "created": log.until.manifest["created"]},
        "counts": log.counts,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "records": ['
    for number, change in enumerate(log.records()):
        row_data = {
            "record": change.iri,
            "project": f"{BASE}id/project/{change.key}",
            **asdict(change),
            "modified": change_date(change, log, last_changed),
            "words": change.describe(),
        }
        yield (",\n" if number else "\n") + json.dumps(row_data, ensure_ascii=False)
    yield "\n]}\n"


def change_date(change: Change, log: ChangeLog, last_changed: dict[str, Release]) -> str:
    """When the statements of a record moved last: the day and time of the release that brought it."""
    return str(last_changed.get(change.key, log.until).manifest["created"])


def describe_log(log: ChangeLog, max_records: int | None = None) -> Iterable[str]:
    """The log for people, a line a record."""
    marks = {"added": "+", "changed": "~", "removed": "−"}
    for number, change in enumerate(log.records()):
        if max_records is not None and number >= max_records:
            return
        more = f"\n    {change.describe()}" if change.kind == "changed" or change.replaced_by else ""
        yield f"{marks[change.kind]} {unquote(change.key)}  {change.title}{more}"
