"""Quads → a release: a folder that is whole or absent, and never changes afterwards.

    DIR/
    ├── current          the number of the release that is served
    ├── forgotten        hashes of names and e-mail addresses that no release may have
    ├── 0001/
    │   ├── sources.zip  what single records were read from, each by its SHA-256
    │   ├── graph.nq     the whole graph, sorted: equal input gives equal bytes
    │   ├── search.sqlite  the index of the search, and the findings of each record
    │   ├── store/       the same graph, indexed for queries
    │   ├── report.json  what was found wrong or missing
    │   ├── identities.csv  the key of each project with all its names, so that a key stays good
    │   ├── public/      files to take away: dumps in all syntaxes, tables, descriptions
    │   ├── manifest.json  counts, versions, and the SHA-256 of every other file
    │   └── SHA256SUMS   the files that are served, for sha256sum --check
    └── 0002/ …

A release is built in a hidden folder beside the others, flushed to disk, renamed, and only
then named in ``current``; each of these steps either happens or does not.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cybilgraph import __version__
from cybilgraph.dumps import NAME, File, statistics, write_descriptions, write_dumps
from cybilgraph.engine.store import rows_of, write_store
from cybilgraph.errors import ReleaseError
from cybilgraph.files import written_whole
from cybilgraph.findings import SEVERITIES, Report
from cybilgraph.forgetting import mentions, without
from cybilgraph.identity import Identities
from cybilgraph.resources import ONTOLOGY, shape_files
from cybilgraph.search import write_index
from cybilgraph.validation.outputs.as_json import document, held

_BUILDING = ".building-"
_REMOVED = ".removed-"
_REPLACING = ".replacing-"
_FORGOTTEN = "forgotten"
#: The table of a release that tells its projects, and their other names.
IDENTITIES = "identities.csv"
_SEARCH = "search.sqlite"
_SOURCES = "sources.zip"
_PUBLIC = "public"
_SUMS = "SHA256SUMS"
#: What is served beside the files of the folder "public".
_ALSO_SERVED = ("report.json", "manifest.json", _SUMS)
#: Equal sources give equal bytes of the archive, whenever it is written; it can hold no earlier day.
_NO_DAY = (1980, 1, 1, 0, 0, 0)
_NUMBER = re.compile(r"[0-9]{4,}")


@dataclass(frozen=True, slots=True)
class Release:
    """One finished release."""

    number: int
    folder: Path
    manifest: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    @property
    def store(self) -> Path:
        """The folder of the store, to be opened for reading only."""
        return self.folder / "store"

    @property
    def search(self) -> Path:
        """The index of the search; a release of an earlier make has none."""
        return self.folder / _SEARCH

    def source(self, sha256: str) -> bytes | None:
        """What a record was read from, by its checksum; None where this release has not kept it."""
        try:
            with zipfile.ZipFile(self.folder / _SOURCES) as archive:
                content = archive.read(sha256)
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error):
            return None  # of an earlier make, or of a file with several records
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    @contextmanager
    def identities(self) -> Iterator[Iterator[tuple[str, str]]]:
        """The key of each project with each of its names, in order. Raises OSError, KeyError, UnicodeDecodeError and
        csv.Error where this release does not tell them.
        """
        with (self.folder / IDENTITIES).open(encoding="utf-8", newline="") as file:
            yield ((row["key"], row["name"]) for row in csv.DictReader(file))

    def served(self) -> dict[str, Path]:
        """The files that anyone may take away, by name."""
        names = (name for name in self.manifest["files"] if name.startswith(f"{_PUBLIC}/"))
        files = {name.removeprefix(f"{_PUBLIC}/"): self.folder / name for name in names}
        return files | {name: self.folder / name for name in _ALSO_SERVED}

    def checksum(self, name: str) -> str:
        """The SHA-256 of a file that is served."""
        files = self.manifest["files"]
        return str(files.get(f"{_PUBLIC}/{name}") or files.get(name) or _sha256(self.folder / name))

    def verify(self) -> None:
        """Compare every file with the manifest. Raises ReleaseError at the first difference."""
        if self.manifest.get("public") and _text(self.folder / _SUMS) != _sums(self.folder, self.manifest):
            raise ReleaseError(
                f"Release {self.number:04d} is damaged: {_SUMS} is not what was built",
                "Build it again, or serve another release.",
            )
        for name, digest in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file():
                raise ReleaseError(
                    f"Release {self.number:04d} lacks {name}", "Build it again, or serve another release."
                )
            if _sha256(path) != digest:
                raise ReleaseError(
                    f"Release {self.number:04d} is damaged: {name} is not what was built",
                    "Build it again, or serve another release.",
                )


class Draft:
    """A release in the making."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self.number = number
        self.manifest: dict[str, Any] | None = None
        self._sources = zipfile.ZipFile(folder / _SOURCES, "x", zipfile.ZIP_DEFLATED)

    def keep(self, source: bytes) -> None:
        """Keep what a record was read from."""
        name = hashlib.sha256(source).hexdigest()
        if name not in self._sources.NameToInfo:
            entry = zipfile.ZipInfo(name, _NO_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            self._sources.writestr(entry, source)

    def close(self) -> None:
        """Let go of the archive of sources."""
        self._sources.close()

    def finish(self, quads: Iterable[bytes], report: Report, identities: Identities, *, dumps: bool = True) -> Release:
        """Write all files, with or without ``dumps``. The release becomes real when the block of
        ``Releases.new`` ends.
        """
        self.close()
        graph = self._folder / "graph.nq"
        with graph.open("wb") as file:
            file.writelines(quads)
        count = write_store(graph, self._folder / "store")
        write_index(self._folder / _SEARCH, partial(rows_of, self._folder / "store"), report.findings)
        _write_json(self._folder / "report.json", document(report))
        with (self._folder / IDENTITIES).open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(("key", "name"))
            writer.writerows(identities.rows())
        created = datetime.now(UTC).isoformat(timespec="seconds")
        _write_public(self._folder, self.number, created, dumps=dumps)
        self.manifest = {
            "release": self.number,
            "created": created,
            "software": __version__,
            "counts": {
                "sources": report.sources,
                "records": report.records,
                "projects": len(identities),
                "quads": count,
                "unread": report.unread,
                "findings": {severity.value: report.count(severity) for severity in SEVERITIES},
            },
            "ontology": _sha256(ONTOLOGY),
            "shapes": {path.name: _sha256(path) for path in shape_files()},
            "public": True,
        }
        _seal(self._folder, self.manifest)
        return Release(self.number, self._folder.parent / f"{self.number:04d}", self.manifest)


class Releases:
    """The releases in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def numbers(self) -> list[int]:
        """The numbers of all releases, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            int(path.name) for path in self.folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()
        )

    def current_number(self) -> int:
        """The number of the release that is to be served. Raises ReleaseError where there is none."""
        try:
            return int((self.folder / "current").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{self.folder} holds no release", f"Make one: cybilgraph build data/records --into {self.folder}"
            ) from error

    def current(self) -> Release:
        """The release that is to be served. Raises ReleaseError where there is none."""
        return self.get(self.current_number())

    def identities(self) -> Iterator[tuple[str, str]]:
        """The keys of the current release's projects, with their names; none where there is no release."""
        try:
            with self.current().identities() as rows:
                yield from rows
        except (ReleaseError, OSError, KeyError, UnicodeDecodeError, csv.Error):
            return  # the first build, or an earlier release that does not tell, or not of all

    def get(self, number: int) -> Release:
        """One release by number. Raises ReleaseError where it is not there or not whole."""
        folder = self.folder / f"{number:04d}"
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            whole = {"graph.nq", "report.json"} <= manifest["files"].keys() and int(manifest["counts"]["quads"]) >= 0
            inside = all((folder / name).resolve().is_relative_to(folder.resolve()) for name in manifest["files"])
            sound = whole and inside and bool(manifest["created"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._not_whole(folder) from error
        if not sound:
            raise self._not_whole(folder)
        return Release(number, folder, manifest)

    def changed(self, number: int) -> int:
        """When the manifest of a release was written, in nanoseconds; 0 where there is none."""
        try:
            return (self.folder / f"{number:04d}" / "manifest.json").stat().st_mtime_ns
        except OSError:
            return 0

    def _not_whole(self, folder: Path) -> ReleaseError:
        there = ", ".join(map(str, self.numbers)) or "none"
        return ReleaseError(f"{folder} is not a whole release", f"There are: {there}.")

    def sound(self, told: Callable[[str], None]) -> Release:
        """The release that is to be served, and where it is damaged the last good one: of those before
        it, else of those after it. Each that is refused is ``told``.

        Raises ReleaseError, that of the first, where none is sound.
        """
        there = self.numbers
        try:
            current = self.current_number()
        except ReleaseError:
            if not there:
                raise
            current = there[-1]  # the file that names it is damaged
        refused: ReleaseError | None = None
        for number in (current, *sorted(set(there) - {current}, key=lambda other: (other > current, -other))):
            try:
                release = self.get(number)
                release.verify()
            except ReleaseError as error:
                told(f"Release {number:04d} is refused: {error}")
                refused = refused or error
            else:
                return release
        assert refused
        raise refused

    def activate(self, number: int) -> Release:
        """Make a release the current one. Raises ReleaseError where it is not there, or its checksums do not hold."""
        release = self.get(number)
        release.verify()
        with self._writing():
            self._point(number)
        return release

    def rollback(self) -> Release:
        """Make the newest sound release before the current one current. Raises ReleaseError where there is none."""
        current = self.current_number()
        for number in reversed([number for number in self.numbers if number < current]):
            try:
                return self.activate(number)
            except ReleaseError:
                continue  # a damaged one is no way back
        raise ReleaseError(f"There is no sound release before {current:04d}", "See cybilgraph releases.")

    def prune(self, keep: int) -> tuple[list[int], int]:
        """Remove all but the newest ``keep`` releases, never the current one; the numbers of those removed,
        and the bytes that are free now. Raises ReleaseError, also where a build runs.
        """
        freed = 0
        with self._alone(wait=False):
            current, there = self.current_number(), self.numbers
            gone = [number for number in there[: max(len(there) - keep, 0)] if number != current]
            for number in gone:
                folder = self.folder / f"{number:04d}"
                freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                aside = self.folder / f"{_REMOVED}{number:04d}"
                folder.rename(aside)  # whole or absent, also when it is half removed
                shutil.rmtree(aside)
        return gone, freed

    def forgotten(self) -> set[str]:
        """What ``name_hash`` gives of the names and e-mail addresses that no release may have."""
        return set(_text(self.folder / _FORGOTTEN).split())

    def forget(self, who: str) -> dict[int, int]:
        """Take a contact, by name or e-mail address, out of every release, and out of those to come.

        Graph, store, dumps, report and kept sources of each release that has it are made anew, with new
        checksums; its manifest counts how often that was done. Each release changes in one step. Given are,
        of each that has changed, how many of its other statements have the words still, in their prose.
        Raises ReleaseError, also where a build runs, or a release that has to be changed is damaged.
        """
        with self._alone(wait=False):
            known = self.forgotten() | {name_hash(who)}
            with written_whole(self.folder / _FORGOTTEN) as file:
                file.write("".join(f"{digest}\n" for digest in sorted(known)).encode())
            left: dict[int, int] = {}
            for number in self.numbers:
                release = self.get(number)
                aside = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder))
                try:
                    if without(release.folder, aside, who):
                        release.verify()  # what is damaged must not get checksums that hold
                        left[number] = self._remake(release, aside, who)
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
        return left

    def _remake(self, release: Release, aside: Path, who: str) -> int:
        shutil.copyfile(release.folder / IDENTITIES, aside / IDENTITIES)
        left = mentions(aside / "graph.nq", who)
        manifest = dict(release.manifest)
        count = write_store(aside / "graph.nq", aside / "store")
        dumps = any(name.startswith(f"{_PUBLIC}/{NAME}.") for name in manifest["files"])
        _write_public(aside, release.number, manifest["created"], dumps=dumps)
        report = json.loads((aside / "report.json").read_text(encoding="utf-8"))
        manifest["counts"] = manifest["counts"] | {"quads": count, "findings": report["counts"]}
        manifest["forgotten"] = manifest.get("forgotten", 0) + 1
        _seal(aside, manifest)
        aside.chmod(0o755)
        for path in aside.rglob("*"):
            _sync(path)
        _sync(aside)
        whole = self.folder / f"{_REPLACING}{release.number:04d}"
        aside.rename(whole)
        _sync(self.folder)
        self._replace(whole)
        return left

    def _replace(self, whole: Path) -> None:
        """Put a release that was made anew in its place: from here on, also after a crash, nothing else happens."""
        place = self.folder / whole.name.removeprefix(_REPLACING)
        if place.is_dir():
            gone = self.folder / f"{_REMOVED}{place.name}"
            place.rename(gone)
            whole.rename(place)
            shutil.rmtree(gone)
        else:
            whole.rename(place)
        _sync(self.folder)

    @contextmanager
    def new(self, wait: bool = False) -> Iterator[Draft]:
        """A block that makes the next release; if it fails anywhere, nothing has changed.

        Raises ReleaseError where another build runs, unless told to ``wait`` for it, or where the disk refuses.
        """
        with self._alone(wait):
            aside = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder))
            try:
                draft = Draft(aside, max(self.numbers, default=0) + 1)
                with closing(draft):
                    yield draft
                if draft.manifest is not None:
                    self._publish(aside, draft.number)
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _alone(self, wait: bool) -> Iterator[None]:
        """A block in which nobody else builds or removes a release. What was left by one that was killed is gone."""
        with self._writing():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / ".lock", timeout=-1 if wait else 0):
                    for left in (*self.folder.glob(f"{_BUILDING}*"), *self.folder.glob(f"{_REMOVED}*")):
                        shutil.rmtree(left)
                    for whole in self.folder.glob(f"{_REPLACING}*"):
                        self._replace(whole)
                    yield
            except Timeout as error:
                raise ReleaseError(
                    f"Another build into {self.folder} is running", "Wait until it has ended, or build with --wait."
                ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ReleaseError(
                f"The release cannot be written: {error.strerror or error}",
                f"Check the rights and the free space of {self.folder}. The earlier release is untouched.",
            ) from error

    def _publish(self, aside: Path, number: int) -> None:
        aside.chmod(0o755)
        for path in aside.rglob("*"):
            _sync(path)
        _sync(aside)
        aside.rename(self.folder / f"{number:04d}")
        _sync(self.folder)
        self._point(number)

    def _point(self, number: int) -> None:
        pointer = self.folder / ".current"
        pointer.write_text(f"{number}\n", encoding="ascii")
        _sync(pointer)
        pointer.replace(self.folder / "current")
        _sync(self.folder)


def _sync(path: Path) -> None:
    """Make the disk hold what was written, before a later step relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_hash(who: str) -> str:
    """A name or an e-mail address as it is remembered, to be forgotten."""
    return hashlib.sha256(who.strip().casefold().encode()).hexdigest()


def _write_public(folder: Path, number: int, created: str, *, dumps: bool) -> None:
    """The files to take away, from graph and store."""
    graph, public = folder / "graph.nq", folder / _PUBLIC
    public.mkdir()
    if dumps:
        write_dumps(graph, folder / "store", public)
    files = [File(path.name, path.stat().st_size, _sha256(path)) for path in sorted(public.iterdir())]
    write_descriptions(statistics(graph), number, created, files, public)


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the checksums of all files, and SHA256SUMS."""
    manifest["files"] = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("LOCK", "LOG")
    }
    _write_json(folder / "manifest.json", manifest)
    (folder / _SUMS).write_text(_sums(folder, manifest), encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _sums(folder: Path, manifest: dict[str, Any]) -> str:
    """The lines of SHA256SUMS: files as they are served, the manifest among them."""
    files = manifest["files"]
    digests = {name.removeprefix(f"{_PUBLIC}/"): files[name] for name in files if name.startswith(f"{_PUBLIC}/")}
    digests |= {"report.json": files["report.json"], "manifest.json": _sha256(folder / "manifest.json")}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _write_json(path: Path, value: object) -> None:
    encoder = json.JSONEncoder(ensure_ascii=False, indent=1, sort_keys=True, default=held)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(encoder.iterencode(value))
        file.write("\n")
