"""A folder of releases: builds, activates and prunes them, and rebuilds them to erase a contact."""

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

from cybilgraph.errors import ReleaseError, ReleaseGone, SiteMismatch
from cybilgraph.model.site_profile import SiteProfile, is_base
from cybilgraph.model.vocabulary import BASE, own_iri, use_base
from cybilgraph.rdf.dumps import NAME
from cybilgraph.release.draft import Draft, make_durable, write_derived_files
from cybilgraph.release.erasure import (
    Erasure,
    contact_phone_patterns,
    find_remaining,
    mentions_contact,
    names_of_contact,
    write_without_contact,
)
from cybilgraph.release.forgotten import add_forgotten
from cybilgraph.release.graph_file import COPY, GRAPH
from cybilgraph.release.manifest import IDENTITIES, MANIFEST, PUBLIC, REFERENCE, REPORT, STORE, Release, folder_size
from cybilgraph.runtime.files import atomic_write, fsync
from cybilgraph.runtime.parallel import ProcessPool

_BUILDING = ".building-"
_REMOVED = ".removed-"
_REPLACING = ".replacing-"
#: The file that names the current release, which is served.
CURRENT = "current"
#: Returns whether a text mentions a contact.
Mentions = Callable[[str], bool]
_NUMBER = re.compile(r"[0-9]{4,}")


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
        """Return the number of the current release.

        Raises ReleaseError if there is no release, or the file that names the current one is missing or damaged.
        """
        pointer = self.folder / CURRENT
        try:
            return int(pointer.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            if not self.numbers:
                raise ReleaseError(
                    f"{self.folder} contains no release",
                    f"Build one: cybilgraph build data/records --into {self.folder}",
                ) from error
            if isinstance(error, FileNotFoundError):
                how = "is missing"
            elif isinstance(error, OSError):
                how = f"cannot be read ({error.strerror})"
            else:
                how = "is damaged: it does not contain a number"
            first = f"Move the folder {pointer} away, and choose" if pointer.is_dir() else "Choose"
            raise ReleaseError(
                f"{pointer}, which names the current release, {how}",
                f"{first} a release: cybilgraph activate {self.folder} {self.numbers[-1]}. {self.list_available()}",
            ) from error

    def current(self, part: str = "") -> Release:
        """Return the current release, with every file verified, or those whose path starts with ``part``.

        Raises ReleaseError if there is none, or a checksum is wrong.
        """
        return self._get_intact(self.current_number(), part)

    def identities(self, profile: SiteProfile) -> Iterator[tuple[str, str]]:
        """Yield the project keys and names of the release that the next build follows, if there is one.

        That is the current release or else the nearest one whose table of them is intact. Raises SiteMismatch if it
        has another base than this process, or a site file while the ``profile`` of the next release is from none:
        that release would publish contacts, and would have the names of our site.
        """
        with suppress(OSError, KeyError, UnicodeDecodeError, csv.Error):  # written by another version
            if release := self._to_follow(profile):
                with release.identities() as rows:
                    yield from rows

    def _to_follow(self, profile: SiteProfile) -> Release | None:
        for number in self._by_preference(lambda _: None) if self.numbers else ():
            try:
                release = self.get(number)
                if profile.is_default and not release.profile.is_default:
                    raise _mismatch(f"{release.folder}: a release with a site file is followed by one without")
                release.open(IDENTITIES).close()
            except SiteMismatch:
                raise
            except ReleaseError:
                continue
            return release
        return None

    def get(self, number: int) -> Release:
        """Return a release by number.

        From then on, this process works with the base of the release. Raises ReleaseError if it does not exist or is
        incomplete, ReleaseGone if it existed and has been removed, SiteMismatch if the process has another base.
        """
        numbers = self.numbers
        if number not in numbers:
            if 0 < number < max(numbers, default=0):
                raise ReleaseGone(f"Release {number} is no longer available", self.list_available())
            raise ReleaseError(f"There is no release {number}", self.list_available())
        folder = self.folder / f"{number:04d}"
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if missing := sorted({GRAPH, REPORT} - manifest["files"].keys()):
                raise self._incomplete(
                    folder, f"{MANIFEST} does not list {missing[0]}; perhaps another version created it"
                )
            is_inside = all((folder / name).resolve().is_relative_to(folder.resolve()) for name in manifest["files"])
            if not (is_inside and int(manifest["counts"]["quads"]) >= 0 and manifest["created"]):
                raise self._incomplete(folder)
            release = Release(number, folder, manifest)
            base = release.profile.base or BASE
            if not is_base(base):
                raise self._incomplete(folder, f"{MANIFEST} gives an invalid base")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._incomplete(folder) from error
        try:
            use_base(base)
        except SiteMismatch as error:
            raise _mismatch(
                f"{folder}: a release with the IRI base {base} is used with another base: {own_iri()}"
            ) from error
        return release

    def manifest_mtime(self, number: int) -> int:
        """Return the modification time of a release's manifest in nanoseconds; 0 if there is none."""
        return _mtime(self.folder / f"{number:04d}" / MANIFEST)

    def current_version(self) -> tuple[int, int, int]:
        """Return values that change when a release is activated, also again, or the current one is rebuilt.

        They are its number (0 if no release is marked as current), and the modification times in nanoseconds of that
        mark and of its manifest (0 if missing).
        """
        try:
            number = self.current_number()
        except ReleaseError:
            number = 0
        return number, _mtime(self.folder / CURRENT), self.manifest_mtime(number)

    def _incomplete(self, folder: Path, how: str = "") -> ReleaseError:
        how = how or (f"{MANIFEST} is damaged" if (folder / MANIFEST).exists() else f"it has no {MANIFEST}")
        return ReleaseError(f"{folder} is not a complete release: {how}", self.list_available())

    def list_available(self, excluded: int = 0) -> str:
        """Return a sentence that lists the releases, without the ``excluded`` one."""
        numbers = ", ".join(str(number) for number in self.numbers if number != excluded)
        return f"Available releases: {numbers or 'none'}."

    def select_intact(self, on_event: Callable[[str], None], refused: dict[int, str] | None = None) -> Release:
        """Return the release to serve: the current one or, if it is damaged, the nearest intact one.

        Earlier releases come before later ones. ``on_event`` receives a message about each refused release, and
        ``refused`` its reason. Raises the ReleaseError of the first if none is intact.
        """
        first: ReleaseError | None = None
        for number in self._by_preference(on_event):
            try:
                return self._get_intact(number)
            except ReleaseError as error:
                on_event(f"Release {number:04d} is refused: {error.what}. {error.hint}".rstrip())
                if refused is not None:
                    refused[number] = error.what
                first = first or error
        assert first
        raise first

    def _by_preference(self, on_event: Callable[[str], None]) -> list[int]:
        """Return the numbers of the current release, of those before it, then of those after it, nearest first.

        If the file that names the current one is lost, the newest counts as current, and ``on_event`` reports it.
        Raises ReleaseError if there is no release.
        """
        numbers = self.numbers
        try:
            current = self.current_number()
        except ReleaseError as error:
            if not numbers:
                raise
            current = numbers[-1]
            on_event(f"{error.what}. The newest intact release takes its place. {error.hint}")
        return [current, *sorted(set(numbers) - {current}, key=lambda other: (other > current, abs(other - current)))]

    def activate(self, number: int) -> Release:
        """Make a release the current one. Raises ReleaseError if it does not exist or a checksum is wrong."""
        release = self._get_intact(number)
        self._set_current(number)
        return release

    def _get_intact(self, number: int, part: str = "") -> Release:
        """Return a release by number. Raises ReleaseError if it does not exist or a checksum is wrong."""
        release = self.get(number)
        release.verify(part)
        return release

    def rollback(self, on_event: Callable[[str], None] = lambda _: None) -> Release:
        """Make the newest intact release before the current one current, and return it.

        If the current one is missing and no earlier one is intact, the next later one becomes current. If the file
        that names it is lost, the newest counts as current. ``on_event`` reports both cases. Raises ReleaseError if
        there is no intact release to go back to.
        """
        current, *others = self._by_preference(on_event)
        is_gone = current not in self.numbers
        if is_gone:
            on_event(f"Release {current:04d}, the current one, is missing. {self.list_available()}")
        for number in others:
            if number < current or is_gone:
                try:
                    release = self._get_intact(number)
                except ReleaseError:
                    continue
                self._set_current(number)
                return release
        raise ReleaseError(
            f"There is no intact release before {current:04d}",
            f"To list the releases: cybilgraph releases {self.folder} --all",
        )

    def prune(
        self,
        keep: int,
        before_removal: Callable[[list[int]], None] = lambda _: None,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> tuple[list[int], int]:
        """Remove all but the newest ``keep`` releases; return the numbers removed and the bytes freed.

        Keeps the current release, and the one served instead if the current one is damaged, missing or unknown, which
        ``on_event`` reports. ``before_removal`` is called with the remaining numbers before anything is removed, and
        again without the stores of the releases to be removed if it raises OSError. Raises ReleaseError, also if a
        build is running or no release is intact.
        """
        with self._locked(wait=False):
            (current, *_), numbers = self._by_preference(lambda _: None), self.numbers
            removed = [number for number in numbers[: max(len(numbers) - keep, 0)] if number != current]
            if removed and (served := self.select_intact(on_event).number) in removed:
                removed.remove(served)
                on_event(f"Release {served:04d} is kept, because it is served instead of {current:04d}.")
            folders = {number: self.folder / f"{number:04d}" for number in removed}
            freed = sum(map(folder_size, folders.values()))
            if removed:
                remaining = [number for number in numbers if number not in removed]
                try:
                    before_removal(remaining)
                except OSError:  # probably the disk is full: make room, with the part that nothing else depends on
                    for folder in folders.values():
                        shutil.rmtree(folder / STORE, ignore_errors=True)
                    before_removal(remaining)
            for number, folder in folders.items():
                staging = self.folder / f"{_REMOVED}{number:04d}"
                folder.rename(staging)  # so that a partly removed folder never looks like a release
                shutil.rmtree(staging)
        return removed, freed

    def erase(self, who: str, before: Callable[[Mentions], None] = lambda _: None) -> dict[int, Erasure]:
        """Erase a contact, given by name or e-mail address, from all releases and from future builds.

        Rebuilds graph, store, dumps, report and stored sources of each release that contains the contact, with new
        checksums, and counts this in the manifest. Each release is replaced atomically. The contact's addresses and
        telephone numbers are also removed from prose, even if only the name was given. A curator's decisions stay,
        without the name. Names in prose, and parts of keys, remain and are reported.

        Returns the outcome for each release that has changed, still contains something, or is damaged. Damaged
        releases stay unchanged, because they must not get valid checksums. ``before`` is called before any release
        changes, with a function that detects the contact in other texts.

        Raises ReleaseError if the folder does not exist or a build is running.
        """
        if not self.folder.is_dir():
            raise ReleaseError(f"There is no folder {self.folder}", "Give the folder of releases.")
        with self._locked(wait=False):
            add_forgotten(self.folder, [who])
            erasures: dict[int, Erasure] = {}
            intact: list[Release] = []
            for number in self.numbers:
                try:
                    intact.append(self._get_intact(number))
                except ReleaseError as error:
                    erasures[number] = Erasure(damaged=error.what)
            known = {name for release in intact for name in names_of_contact(release.folder, who)}
            addresses = {name for name in known if "@" in name}
            numbers = set().union(*(contact_phone_patterns(release.folder, known) for release in intact))
            add_forgotten(self.folder, addresses)
            before(lambda text: mentions_contact(text, known, numbers))
            for release in intact:
                with self._staging() as staging:
                    report, found = write_without_contact(release.folder, staging, who, known, numbers)
                    if found:
                        self._rebuild(release, staging, report)
                remaining = find_remaining(release.folder, known, numbers)
                if found or remaining:
                    erasures[release.number] = Erasure(found, remaining)
        return erasures

    def _rebuild(self, release: Release, staging: Path, report: dict[str, Any]) -> None:
        shutil.copyfile(release.folder / IDENTITIES, staging / IDENTITIES)
        if (release.folder / REFERENCE).is_dir():
            shutil.copytree(release.folder / REFERENCE, staging / REFERENCE)
        manifest = dict(release.manifest)
        manifest["counts"] = manifest["counts"] | {"findings": report["counts"]}
        manifest["forgotten"] = manifest.get("forgotten", 0) + 1
        dumps = any(name.startswith(f"{PUBLIC}/{NAME}.") for name in manifest["files"])
        with ProcessPool() as pool:
            write_derived_files(staging, manifest, report, report["findings"], pool, dumps=dumps)
        make_durable(staging)
        replacement = self.folder / f"{_REPLACING}{release.number:04d}"
        staging.rename(replacement)
        fsync(self.folder)
        self._replace(replacement)

    def _replace(self, replacement: Path) -> None:
        """Move a rebuilt release into place; after a crash, the next command completes this step."""
        target = self.folder / replacement.name.removeprefix(_REPLACING)
        if target.is_dir():
            removed = self.folder / f"{_REMOVED}{target.name}"
            target.rename(removed)
            replacement.rename(target)
            shutil.rmtree(removed)
        else:
            replacement.rename(target)
        fsync(self.folder)

    @contextmanager
    def new(self, wait: bool = False) -> Iterator[Draft]:
        """Yield a draft of the next release, and publish it if the block succeeds; otherwise nothing changes.

        Raises ReleaseError if another build is running (unless ``wait``), if the disk is full or fails, or if the
        folder contains the copy of another site.
        """
        if (self.folder / COPY).exists() and not self.numbers:
            raise ReleaseError(f"{self.folder} contains a copy of another site", "Give another folder (--into).")
        with self._locked(wait):
            add_forgotten(self.folder, ())
            with self._staging() as staging:
                with closing(Draft(staging, max(self.numbers, default=0) + 1)) as draft:
                    yield draft
                if draft.manifest is not None:
                    make_durable(staging)
                    staging.rename(self.folder / f"{draft.number:04d}")
                    fsync(self.folder)
                    self._set_current(draft.number)

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Create a folder for a release that is being built, and remove what remains of it."""
        staging = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self.folder))
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _locked(self, wait: bool) -> Iterator[None]:
        """Hold the lock for building and removing releases, and clean up after killed processes."""
        with self._writing():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / ".lock", timeout=-1 if wait else 0):
                    for leftover in (*self.folder.glob(f"{_BUILDING}*"), *self.folder.glob(f"{_REMOVED}*")):
                        shutil.rmtree(leftover)
                    for replacement in self.folder.glob(f"{_REPLACING}*"):
                        self._replace(replacement)
                    yield
            except Timeout as error:
                raise ReleaseError(
                    f"Another build into {self.folder} is running", "Wait until it has finished, or use build --wait."
                ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            raise ReleaseError(
                f"{self.folder} cannot be written: {_reason(error)}",
                "Check its permissions and its free space (cybilgraph prune removes old releases). "
                "The earlier release is unchanged.",
            ) from error

    def _set_current(self, number: int) -> None:
        with self._writing():
            with atomic_write(self.folder / CURRENT) as pointer:
                pointer.write(f"{number}\n".encode())
            fsync(self.folder)


def _mismatch(what: str) -> SiteMismatch:
    return SiteMismatch(what, "Give the site file with which it was built (--site FILE), or build into another folder.")


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _reason(error: Exception) -> str:
    """Return the message of an error, with the file it concerns."""
    if not isinstance(error, OSError):
        return str(error)
    message = error.strerror or str(error)
    return f"{message} ({error.filename})" if error.filename else message
