"""The releases in one folder: made, switched, removed, and made anew where somebody is to be forgotten."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cybilgraph.errors import ReleaseError, ReleaseGone
from cybilgraph.rdf.dumps import NAME
from cybilgraph.release.draft import Draft, fsync, make_durable, write_derived_files
from cybilgraph.release.erasure import (
    Erasure,
    contact_phone_patterns,
    find_remaining,
    mentions,
    mentions_contact,
    names_of_contact,
    write_without_contact,
)
from cybilgraph.release.forgotten import ForgottenNames, add_forgotten, read_forgotten
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.manifest import IDENTITIES, MANIFEST, PUBLIC, REPORT, Release, folder_size
from cybilgraph.runtime import cache
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.files import atomic_write
from cybilgraph.runtime.parallel import ProcessPool

_BUILDING = ".building-"
_REMOVED = ".removed-"
_REPLACING = ".replacing-"
#: The file that names the release which is served.
CURRENT = "current"
_BUILD_CACHE = ".prepared"
#: Whether a text names a contact.
Mentions = Callable[[str], bool]
_NUMBER = re.compile(r"[0-9]{4,}")


class Releases:
    """The releases in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def build_cache(self) -> Path:
        """The file of what builds have worked out of records."""
        return self.folder / _BUILD_CACHE

    @property
    def numbers(self) -> list[int]:
        """The numbers of all releases, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            int(path.name) for path in self.folder.iterdir() if _NUMBER.fullmatch(path.name) and path.is_dir()
        )

    def current_number(self) -> int:
        """The number of the release that is to be served. Raises ReleaseError where there is none, or the file that
        names it is gone or damaged.
        """
        place = self.folder / CURRENT
        try:
            return int(place.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            if not self.numbers:
                raise ReleaseError(
                    f"{self.folder} holds no release", f"Make one: cybilgraph build data/records --into {self.folder}"
                ) from error
            if isinstance(error, FileNotFoundError):
                how = "is missing"
            elif isinstance(error, OSError):
                how = f"cannot be read ({error.strerror})"
            else:
                how = "is damaged: it holds no number"
            first = f"Move the folder {place} away, and name" if place.is_dir() else "Name"
            raise ReleaseError(
                f"{place}, which names the release that is served, {how}",
                f"{first} one: cybilgraph activate {self.folder} {self.numbers[-1]}. {self.list_kept()}",
            ) from error

    def current(self) -> Release:
        """The release that is to be served. Raises ReleaseError where there is none."""
        return self.get(self.current_number())

    def identities(self) -> Iterator[tuple[str, str]]:
        """The keys of the projects of the release that a build follows, with their names; none where there is none."""
        if (before := self._previous()) is None:
            return
        try:
            with before.identities() as rows:
                yield from rows
        except (OSError, KeyError, UnicodeDecodeError, csv.Error):
            return  # an earlier release that does not tell, or not of all

    def get(self, number: int) -> Release:
        """One release by number. Raises ReleaseError where it is not there or not whole, ReleaseGone where it was
        there once, and has been taken away.
        """
        there = self.numbers
        if number not in there:
            gone = 0 < number < max(there, default=0)
            raise (ReleaseGone if gone else ReleaseError)(
                f"Release {number} is not kept any more" if gone else f"There is no release {number}",
                self.list_kept(),
            )
        folder = self.folder / f"{number:04d}"
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if lacks := sorted({GRAPH, REPORT} - manifest["files"].keys()):
                raise self._incomplete(folder, f"{MANIFEST} names no {lacks[0]}, as if another version had made it")
            whole = int(manifest["counts"]["quads"]) >= 0
            inside = all((folder / name).resolve().is_relative_to(folder.resolve()) for name in manifest["files"])
            sound = whole and inside and bool(manifest["created"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._incomplete(folder) from error
        if not sound:
            raise self._incomplete(folder)
        return Release(number, folder, manifest)

    def manifest_mtime(self, number: int) -> int:
        """When the manifest of a release was written, in nanoseconds; 0 where there is none."""
        try:
            return (self.folder / f"{number:04d}" / MANIFEST).stat().st_mtime_ns
        except OSError:
            return 0

    def _incomplete(self, folder: Path, how: str = "") -> ReleaseError:
        how = how or (f"{MANIFEST} is damaged" if (folder / MANIFEST).exists() else f"it has no {MANIFEST}")
        return ReleaseError(f"{folder} is not a whole release: {how}", self.list_kept())

    def list_kept(self, but: int = 0) -> str:
        """The releases that are kept, in words; ``but`` one that is no help."""
        return f"There are: {', '.join(str(number) for number in self.numbers if number != but) or 'none'}."

    def select_sound(self, on_event: Callable[[str], None], refused: dict[int, str] | None = None) -> Release:
        """The release that is to be served, and where it is damaged the last good one: of those before
        it, else of those after it. Each that is refused is ``on_event``, and why goes into ``refused``.

        Raises ReleaseError, that of the first, where none is sound.
        """
        first: ReleaseError | None = None
        for number in self._by_preference(on_event):
            try:
                release = self.get(number)
                release.verify()
            except ReleaseError as error:
                on_event(f"Release {number:04d} is refused: {error.what}. {error.hint}".rstrip())  # one line of a log
                if refused is not None:
                    refused[number] = error.what
                first = first or error
            else:
                return release
        assert first
        raise first

    def _by_preference(self, on_event: Callable[[str], None]) -> list[int]:
        """The numbers of the current release, of those before it, and of those after it, each time the nearest first.

        Where the file that names the current one is lost, that is ``on_event``, and the newest stands for it.
        Raises ReleaseError where there is no release.
        """
        there = self.numbers
        try:
            current = self.current_number()
        except ReleaseError as error:
            if not there:
                raise
            current = there[-1]
            on_event(f"{error.what}: the newest that is sound stands for it. {error.hint}")
        return [current, *sorted(set(there) - {current}, key=lambda other: (other > current, abs(other - current)))]

    def activate(self, number: int) -> Release:
        """Make a release the current one. Raises ReleaseError where it is not there, or its checksums do not hold."""
        release = self.get(number)
        release.verify()
        self._set_current(number)
        return release

    def rollback(self, on_event: Callable[[str], None] = lambda _: None) -> Release:
        """Make the newest sound release before the current one current. Where the current one is gone, and none before
        it is sound, it is the next after it; where the file that names it is lost, the newest stands for it: both are
        ``on_event``. Raises ReleaseError where there is none.
        """
        current, *others = self._by_preference(on_event)
        is_gone = current not in self.numbers
        if is_gone:
            on_event(f"Release {current:04d}, which is to be served, is gone. {self.list_kept()}")
        for number in others:
            if number < current or is_gone:
                try:
                    release = self.get(number)
                    release.verify()
                except ReleaseError:
                    continue  # a damaged one is no way back
                self._set_current(number)
                return release
        raise ReleaseError(f"There is no sound release before {current:04d}", "See cybilgraph releases.")

    def prune(
        self,
        keep: int,
        before_removal: Callable[[list[int]], None] = lambda _: None,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> tuple[list[int], int]:
        """Remove all but the newest ``keep`` releases, never the current one, nor that which is served where the
        current one is damaged, gone or not known: this is ``on_event``. Given are the numbers of those removed, and the
        bytes that are free now. ``before_removal`` any is removed, it is called with the numbers of those that stay.
        Raises ReleaseError, also where a build runs, or no release is sound.
        """
        freed = 0
        with self._locked(wait=False):
            (current, *_), there = self._by_preference(lambda _: None), self.numbers
            gone = [number for number in there[: max(len(there) - keep, 0)] if number != current]
            if gone and (served := self.select_sound(on_event).number) in gone:
                gone.remove(served)
                on_event(f"Release {served:04d} stays: it is served in the place of {current:04d}.")
            if gone:
                before_removal([number for number in there if number not in gone])
            for number in gone:
                folder = self.folder / f"{number:04d}"
                freed += folder_size(folder)
                staging = self.folder / f"{_REMOVED}{number:04d}"
                folder.rename(staging)  # whole or absent, also when it is half removed
                shutil.rmtree(staging)
        return gone, freed

    def erased_hashes(self) -> ForgottenNames:
        """The names and e-mail addresses that no release may have. Raises ReleaseError."""
        return read_forgotten(self.folder)

    def erase(self, who: str, before: Callable[[Mentions], None] = lambda _: None) -> dict[int, Erasure]:
        """Take a contact, by name or e-mail address, out of every release, and out of those to come.

        Graph, store, dumps, report and kept sources of each release that has it are made anew, with new
        checksums; its manifest counts how often that was done. Each release changes in one step. Addresses and
        telephone numbers of the contact are taken out of prose, too, also where only the name was given; a name in
        prose is left, and told of, also where only the address was given, and so is what a key has of them.
        Given are the releases that have changed, those in which something is left, and those that are damaged: they
        stay as they are, since what is damaged must not get checksums that hold. ``before`` any release changes, it is
        called with a function that finds the contact, as the releases know it, in another text.
        Raises ReleaseError where there is no such folder, and where a build runs.
        """
        if not self.folder.is_dir():
            raise ReleaseError(f"There is no folder {self.folder}", "Give the folder of releases.")
        with self._locked(wait=False):
            cache.delete_cache(self.build_cache)
            add_forgotten(self.folder, [who])
            erasures: dict[int, Erasure] = {}
            sound = list(self._sound_ones(erasures))
            known = {one for release in sound for one in names_of_contact(release.folder, who)}
            addresses = {one for one in known if "@" in one}
            numbers = set().union(*(contact_phone_patterns(release.folder, known) for release in sound))
            add_forgotten(self.folder, addresses)
            before(lambda text: mentions_contact(text, known, numbers))
            for moved in self.folder.glob("moved-*.csv"):
                if mentions(moved.read_bytes().decode(errors="replace"), known):
                    moved.unlink()
            for release in sound:
                staging = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder))
                try:
                    report, found = write_without_contact(release.folder, staging, who, addresses, numbers)
                    if rebuild := found or self._store_may_contain(release, erasures):
                        self._rebuild(release, staging, report)
                finally:
                    shutil.rmtree(staging, ignore_errors=True)
                remaining = find_remaining(release.folder, known, numbers)
                if rebuild or remaining:
                    erasures[release.number] = Erasure(found, rebuild, remaining)
        return erasures

    def _sound_ones(self, erasures: dict[int, Erasure]) -> Iterator[Release]:
        """The releases that are what was built; the others are ``erasures``."""
        for number in self.numbers:
            try:
                release = self.get(number)
                release.verify()
            except ReleaseError as error:
                erasures[number] = Erasure(damaged=error.what)
            else:
                yield release

    def _store_may_contain(self, release: Release, erasures: dict[int, Erasure]) -> bool:
        """Whether the store of a release, carried on, may hold what its graph has no more: something that was found
        in an earlier one, or that stood in one of those it was carried on from, which is gone.
        """
        times = int(release.manifest.get("carried", 0))
        before = set(range(release.number - times, release.number))
        return bool(times) and (not before <= set(self.numbers) or any(earlier.found for earlier in erasures.values()))

    def _rebuild(self, release: Release, staging: Path, report: dict[str, Any]) -> None:
        shutil.copyfile(release.folder / IDENTITIES, staging / IDENTITIES)
        manifest = dict(release.manifest)
        manifest["counts"] = manifest["counts"] | {"findings": report["counts"]}
        manifest.pop("carried", None)
        manifest["forgotten"] = manifest.get("forgotten", 0) + 1
        dumps = any(name.startswith(f"{PUBLIC}/{NAME}.") for name in manifest["files"])
        with ProcessPool() as team, BuildCache(None, (), b"") as nothing:
            write_derived_files(staging, manifest, report, report["findings"], nothing, team, dumps=dumps)
        make_durable(staging)
        whole = self.folder / f"{_REPLACING}{release.number:04d}"
        staging.rename(whole)
        fsync(self.folder)
        self._replace(whole)

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
        fsync(self.folder)

    @contextmanager
    def new(self, wait: bool = False) -> Iterator[Draft]:
        """A block that makes the next release; if it fails anywhere, nothing has changed.

        Raises ReleaseError where another build runs, unless told to ``wait`` for it, or where the disk refuses.
        """
        with self._locked(wait):
            add_forgotten(self.folder, ())
            staging = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder))
            try:
                draft = Draft(staging, max(self.numbers, default=0) + 1, self._previous())
                with closing(draft):
                    yield draft
                if draft.manifest is not None:
                    self._publish(staging, draft.number)
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def _previous(self) -> Release | None:
        """The release that a build follows: the current one or, where that is lost, the nearest that is whole."""
        try:
            numbers = self._by_preference(lambda _: None)
        except ReleaseError:
            return None  # the first build
        for number in numbers:
            with suppress(ReleaseError):
                return self.get(number)
        return None

    @contextmanager
    def _locked(self, wait: bool) -> Iterator[None]:
        """A block in which nobody else builds or removes a release. What was left by one that was killed is gone."""
        with self._writing():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / ".lock", timeout=-1 if wait else 0):
                    for leftover in (*self.folder.glob(f"{_BUILDING}*"), *self.folder.glob(f"{_REMOVED}*")):
                        shutil.rmtree(leftover)
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
        except (OSError, sqlite3.OperationalError) as error:
            raise ReleaseError(
                f"The release cannot be written: {_reason(error)}",
                f"Check the rights and the free space of {self.folder}. The earlier release is untouched.",
            ) from error

    def _publish(self, staging: Path, number: int) -> None:
        make_durable(staging)
        staging.rename(self.folder / f"{number:04d}")
        fsync(self.folder)
        self._set_current(number)

    def _set_current(self, number: int) -> None:
        with self._writing():
            with atomic_write(self.folder / CURRENT) as pointer:
                pointer.write(f"{number}\n".encode())
            fsync(self.folder)


def _reason(error: Exception) -> str:
    """What the system says, and of which file."""
    if not isinstance(error, OSError):
        return str(error)
    said = error.strerror or str(error)
    return f"{said} ({error.filename})" if error.filename else said
