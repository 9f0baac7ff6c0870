"""One finished release: what it says of itself, its files, and whether they are what was built."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from cybilgraph.errors import FileDamaged
from cybilgraph.release.sources import SOURCES, read_source
from cybilgraph.runtime.files import ChecksumCache, parse_checksums, sha256_of

STORE, REPORT, MANIFEST = "store", "report.json", "manifest.json"
#: The table of a release that tells its projects, and their other names.
IDENTITIES = "identities.csv"
SEARCH, PUBLIC, CHECKSUMS = "search.sqlite", "public", "SHA256SUMS"
#: What is served beside the files of the folder "public".
_ALSO_SERVED = (REPORT, MANIFEST, CHECKSUMS)
_REPAIR = "Build it again, or serve another release."


@dataclass(frozen=True, slots=True)
class Release:
    """One finished release."""

    number: int
    folder: Path
    manifest: dict[str, Any]
    _looked: ChecksumCache = field(default_factory=ChecksumCache, compare=False, repr=False)
    #: The checksums of what the manifest cannot tell: its own, and that of SHA256SUMS, when they were found good.
    _own: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return folder_size(self.folder)

    @property
    def store(self) -> Path:
        """The folder of the store, to be opened for reading only."""
        return self.folder / STORE

    @property
    def search(self) -> Path:
        """The index of the search; a release of an earlier make has none."""
        return self.folder / SEARCH

    def source(self, sha256: str) -> bytes | None:
        """What a record was read from, by its checksum; None where this release has not kept it."""
        return read_source(self.folder / SOURCES, sha256)

    @contextmanager
    def identities(self) -> Iterator[Iterator[tuple[str, str]]]:
        """The key of each project with each of its names, in order. Raises OSError, KeyError, UnicodeDecodeError and
        csv.Error where this release does not tell them.
        """
        with (self.folder / IDENTITIES).open(encoding="utf-8", newline="") as file:
            yield ((row["key"], row["name"]) for row in csv.DictReader(file))

    def served_files(self) -> dict[str, Path]:
        """The files that anyone may take away, by name."""
        names = (name for name in self.manifest["files"] if name.startswith(f"{PUBLIC}/"))
        files = {self.served_name(name): self.folder / name for name in names}
        # A release of an earlier make has no SHA256SUMS.
        return files | {name: path for name in _ALSO_SERVED if (path := self.folder / name).is_file()}

    def checksum(self, name: str) -> str:
        """The SHA-256 of a file as it is served. Raises OSError where it is gone."""
        if name == CHECKSUMS:
            return hashlib.sha256(_with_served_names((self.folder / CHECKSUMS).read_bytes())).hexdigest()
        return self._digest(self._place(name)) or sha256_of(self.folder / name)

    def open(self, name: str) -> BinaryIO:
        """A file that is served, or another of the folder, from its first byte on: what was built, and nothing else.

        It is read as a whole only if it has changed on the disk since it was last looked at.
        Raises FileDamaged, also where it is gone.
        """
        place = self._place(name)
        try:
            file = (self.folder / place).open("rb")
        except OSError as error:
            raise self._damaged(place, f"cannot be read: {error.strerror}") from error
        try:
            if self._looked.digest(file) == (self._digest(place) or sha256_of(self.folder / place)):
                if name != CHECKSUMS:
                    return file
                with file:
                    return BytesIO(_with_served_names(file.read()))
        except OSError as error:
            file.close()
            raise self._damaged(place, f"cannot be read: {error.strerror}") from error
        file.close()
        raise self._damaged(place)

    def reread(self, name: str, after_block: Callable[[], object]) -> None:
        """Read a file of the manifest again from the disk; ``after_block`` is called after each block.

        Raises FileDamaged.
        """
        try:
            with (self.folder / name).open("rb") as file:
                digest = self._looked.again(file, after_block)
        except OSError as error:
            raise self._damaged(name, f"cannot be read: {error.strerror}") from error
        if digest != self._digest(name):
            raise self._damaged(name)

    def is_unchanged(self, names: Iterable[str]) -> bool:
        """Whether nobody has written to files of the manifest since they were last looked at."""
        return all(self._looked.is_unchanged(self.folder / name) for name in names)

    @property
    def store_files(self) -> list[str]:
        """The files of the store, by their names in the manifest."""
        return [name for name in self.manifest["files"] if name.startswith(f"{STORE}/")]

    def file_size(self, name: str) -> int:
        """Bytes of a file as it is served; 0 where it is gone."""
        try:
            path = self.folder / self._place(name)
            return len(_with_served_names(path.read_bytes())) if name == CHECKSUMS else path.stat().st_size
        except OSError:
            return 0

    def verify(self) -> None:
        """Compare every file with the manifest. Raises FileDamaged at the first difference."""
        if self.manifest.get("public") and not _checksums_match(self.folder, self.manifest):
            listed = parse_checksums(read_text_or_empty(self.folder / CHECKSUMS)).get(MANIFEST)
            if listed and listed != sha256_of(self.folder / MANIFEST):
                raise self._damaged(MANIFEST, f"is not what {CHECKSUMS} says")
            raise self._damaged(CHECKSUMS)
        for name in self.manifest["files"]:
            if not (self.folder / name).is_file():
                raise FileDamaged(f"Release {self.number:04d} lacks {name}", _REPAIR)
            self.reread(name, lambda: None)
        for name in (MANIFEST, CHECKSUMS):
            if (self.folder / name).is_file():
                self._own[name] = sha256_of(self.folder / name)

    def is_replaced(self) -> bool:
        """Whether there is another, whole one in its folder by now, or none: so it is when somebody is forgotten."""
        try:
            now = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            whole = _checksums_match(self.folder, now)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return not self.folder.is_dir()
        return bool(now != self.manifest) and whole

    def served_name(self, place: str) -> str:
        """The name under which a file of the folder is served."""
        return place.removeprefix(f"{PUBLIC}/")

    def _place(self, name: str) -> str:
        """Where in the folder a file is that is served under a name."""
        return place if (place := f"{PUBLIC}/{name}") in self.manifest["files"] else name

    def _digest(self, place: str) -> str:
        return str(self.manifest["files"].get(place) or self._own.get(place, ""))

    def _damaged(self, name: str, how: str = "is not what was built") -> FileDamaged:
        return FileDamaged(f"Release {self.number:04d} is damaged: {name} {how}", _REPAIR)


def folder_size(folder: Path) -> int:
    """Bytes on the disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_text_or_empty(path: Path) -> str:
    """What is in a file; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def checksum_lines(folder: Path, manifest: dict[str, Any]) -> str:
    """The lines of SHA256SUMS: the files that are served, where they lie in the folder, the manifest among them."""
    digests = {name: digest for name, digest in manifest["files"].items() if name.startswith(f"{PUBLIC}/")}
    digests |= {REPORT: manifest["files"][REPORT], MANIFEST: sha256_of(folder / MANIFEST)}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _with_served_names(lines: bytes) -> bytes:
    """The lines of SHA256SUMS with the names under which the files are served, side by side."""
    return lines.replace(f"  {PUBLIC}/".encode(), b"  ")


def _checksums_match(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether SHA256SUMS is what the manifest says. In a release of an earlier make it has the names as served."""
    listed = _with_served_names(read_text_or_empty(folder / CHECKSUMS).encode()).splitlines()
    return sorted(listed) == sorted(_with_served_names(checksum_lines(folder, manifest).encode()).splitlines())
