"""The change log of two releases: their differences in quads and records, and reports of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from cybilgraph.errors import ReleaseBusy, ReleaseGone
from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH, read_graph
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

#: Number of cached logs and bytes of their files; the newest log may be larger.
_MAX_CACHED_LOGS, _MAX_CACHED_BYTES = 64, 2_000_000_000
#: Time to wait while another thread computes a log.
_LOCK_TIMEOUT_SECONDS = 60.0


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

    def quads(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield ADDED or REMOVED, and the line, of each changed quad."""
        with (self.folder / "quads").open("rb") as rows:
            for row in rows:
                yield row[:1], row[2:]

    def records(self) -> Iterator[Change]:
        """Yield the changed records in order of their keys."""
        with (self.folder / "records").open("rb") as rows:
            for row in rows:
                row_data = json.loads(row)
                yield Change(**row_data | {"fields": [FieldChange(**field) for field in row_data["fields"]]})


class ChangeLogCache:
    """A cache of change logs between the releases of a folder; the least recently used are dropped. Thread-safe."""

    def __init__(
        self,
        releases: Releases,
        max_logs: int = _MAX_CACHED_LOGS,
        open_file: Callable[[Release, str], BinaryIO] = Release.open,
    ) -> None:
        """Create a cache. ``open_file`` opens a file of a release, or raises FileDamaged with a message for users."""
        self._releases = releases
        self._open_file = open_file
        self._max_logs = max_logs
        self._folder = TemporaryFolder("changes")
        self._logs: OrderedDict[str, ChangeLog] = OrderedDict()
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

        Raises ReleaseBusy, ReleaseError, ReleaseGone, or FileDamaged if the checksum of a graph is wrong.
        """
        old = self.release(since) if since else None
        new = self.release(until or self._releases.current_number())
        name = f"{old.manifest['files'][GRAPH] if old else ''}-{new.manifest['files'][GRAPH]}"
        name = f"{since}-{new.number}-{name}"
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT_SECONDS):
            raise ReleaseBusy("Too many clients are requesting changes at the moment", "Try again in a minute.")
        try:
            if not self._folder.path.is_dir():  # removed by a cleaner of temporary files
                self._folder.close()
                self._folder = TemporaryFolder("changes")
            if name not in self._logs or not self._logs[name].is_there:
                for release in (old, new) if old else (new,):
                    self._open_file(release, GRAPH).close()  # verifies the checksum of this new Release object
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
    names_of_counts = ("added", "changed", "removed", "added_quads", "removed_quads", "other_quads")
    on_disk = sum(file.stat().st_size for file in folder.iterdir())
    return ChangeLog(old, new, folder, {name: counts[name] for name in names_of_counts}, on_disk)


def _diff_graphs(old: Release | None, new: Release, folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield ADDED or REMOVED, and the line, of each changed quad, in order of the lines.

    Only chunks without an equal one in the other graph are sorted. That is enough, because all lines of a resource are
    in one chunk. A change of a resource moves the borders of the chunks after it, but soon they are at the same
    resources again.
    """
    if old and old.checksum(GRAPH) == new.checksum(GRAPH):
        return
    graphs = {name: release.folder / GRAPH for name, release in (("before", old), ("after", new)) if release}
    digests = [set(map(_digest, read_graph(graph))) for graph in graphs.values()]
    if not old or not (common := digests[0] & digests[1]):
        yield from diff_lines(sort_lines(graphs["before"]) if old else (), sort_lines(graphs["after"]))
        return
    for name, graph in graphs.items():
        with (folder / name).open("wb") as file:
            file.writelines(chunk for chunk in read_graph(graph) if _digest(chunk) not in common)
    yield from diff_lines(sort_lines(folder / "before"), sort_lines(folder / "after"))
    for name in graphs:
        (folder / name).unlink()


def _digest(chunk: bytes) -> bytes:
    return hashlib.sha256(chunk).digest()


def as_json(log: ChangeLog, last_changed: dict[str, Release]) -> Iterator[str]:
    """Yield the log as JSON in parts; ``last_changed`` comes from ``ChangeLogCache.last_changed``."""
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
    """Return the date and time of the release with a record's last change."""
    return str(last_changed.get(change.key, log.until).manifest["created"])


def describe_log(log: ChangeLog, max_records: int | None = None) -> Iterable[str]:
    """Yield a readable line per record."""
    marks = {"added": "+", "changed": "~", "removed": "−"}
    for number, change in enumerate(log.records()):
        if max_records is not None and number >= max_records:
            return
        more = f"\n    {change.describe()}" if change.kind == "changed" or change.replaced_by else ""
        yield f"{marks[change.kind]} {unquote(change.key)}  {change.title}{more}"
