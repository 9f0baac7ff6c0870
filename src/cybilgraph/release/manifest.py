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
from cybilgraph.release.sources import SOURCES, source_of
from cybilgraph.runtime.files import Looked, read_sums, sha256_of

STORE, REPORT, MANIFEST = "store", "report.json", "manifest.json"
#: The table of a release that tells its projects, and their other names.
IDENTITIES = "identities.csv"
SEARCH, PUBLIC, SUMS = "search.sqlite", "public", "SHA256SUMS"
#: What is served beside the files of the folder "public".
_ALSO_SERVED = (REPORT, MANIFEST, SUMS)
_REPAIR = "Build it again, or serve another release."


@dataclass(frozen=True, slots=True)
class Release:
    """One finished release."""

    number: int
    folder: Path
    manifest: dict[str, Any]
    _looked: Looked = field(default_factory=Looked, compare=False, repr=False)
    #: The checksums of what the manifest cannot tell: its own, and that of SHA256SUMS, when they were found good.
    _own: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self.folder)

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
        return source_of(self.folder / SOURCES, sha256)

    @contextmanager
    def identities(self) -> Iterator[Iterator[tuple[str, str]]]:
        """The key of each project with each of its names, in order. Raises OSError, KeyError, UnicodeDecodeError and
        csv.Error where this release does not tell them.
        """
        with (self.folder / IDENTITIES).open(encoding="utf-8", newline="") as file:
            yield ((row["key"], row["name"]) for row in csv.DictReader(file))

    def served(self) -> dict[str, Path]:
        """The files that anyone may take away, by name."""
        names = (name for name in self.manifest["files"] if name.startswith(f"{PUBLIC}/"))
        files = {self.served_as(name): self.folder / name for name in names}
        # A release of an earlier make has no SHA256SUMS.
        return files | {name: path for name in _ALSO_SERVED if (path := self.folder / name).is_file()}

    def checksum(self, name: str) -> str:
        """The SHA-256 of a file as it is served. Raises OSError where it is gone."""
        if name == SUMS:
            return hashlib.sha256(_as_served((self.folder / SUMS).read_bytes())).hexdigest()
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
                if name != SUMS:
                    return file
                with file:
                    return BytesIO(_as_served(file.read()))
        except OSError as error:
            file.close()
            raise self._damaged(place, f"cannot be read: {error.strerror}") from error
        file.close()
        raise self._damaged(place)

    def read_again(self, name: str, between: Callable[[], object]) -> None:
        """Read a file of the manifest from the disk, whatever is known of it; ``between`` is called after each block.

        Raises FileDamaged.
        """
        try:
            with (self.folder / name).open("rb") as file:
                digest = self._looked.again(file, between)
        except OSError as error:
            raise self._damaged(name, f"cannot be read: {error.strerror}") from error
        if digest != self._digest(name):
            raise self._damaged(name)

    def is_unchanged(self, names: Iterable[str]) -> bool:
        """Whether nobody has written to files of the manifest since they were last looked at."""
        return all(self._looked.is_unchanged(self.folder / name) for name in names)

    @property
    def of_store(self) -> list[str]:
        """The files of the store, by their names in the manifest."""
        return [name for name in self.manifest["files"] if name.startswith(f"{STORE}/")]

    def length(self, name: str) -> int:
        """Bytes of a file as it is served; 0 where it is gone."""
        try:
            path = self.folder / self._place(name)
            return len(_as_served(path.read_bytes())) if name == SUMS else path.stat().st_size
        except OSError:
            return 0

    def verify(self) -> None:
        """Compare every file with the manifest. Raises FileDamaged at the first difference."""
        if self.manifest.get("public") and not _agree(self.folder, self.manifest):
            told = read_sums(text_of(self.folder / SUMS)).get(MANIFEST)
            if told and told != sha256_of(self.folder / MANIFEST):
                raise self._damaged(MANIFEST, f"is not what {SUMS} says")
            raise self._damaged(SUMS)
        for name in self.manifest["files"]:
            if not (self.folder / name).is_file():
                raise FileDamaged(f"Release {self.number:04d} lacks {name}", _REPAIR)
            self.read_again(name, lambda: None)
        for name in (MANIFEST, SUMS):
            if (self.folder / name).is_file():
                self._own[name] = sha256_of(self.folder / name)

    def is_replaced(self) -> bool:
        """Whether there is another, whole one in its folder by now, or none: so it is when somebody is forgotten."""
        try:
            now = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            whole = _agree(self.folder, now)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return not self.folder.is_dir()
        return bool(now != self.manifest) and whole

    def served_as(self, place: str) -> str:
        """The name under which a file of the folder is served."""
        return place.removeprefix(f"{PUBLIC}/")

    def _place(self, name: str) -> str:
        """Where in the folder a file is that is served under a name."""
        return place if (place := f"{PUBLIC}/{name}") in self.manifest["files"] else name

    def _digest(self, place: str) -> str:
        return str(self.manifest["files"].get(place) or self._own.get(place, ""))

    def _damaged(self, name: str, how: str = "is not what was built") -> FileDamaged:
        return FileDamaged(f"Release {self.number:04d} is damaged: {name} {how}", _REPAIR)


def size_of(folder: Path) -> int:
    """Bytes on the disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def text_of(path: Path) -> str:
    """What is in a file; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def sums(folder: Path, manifest: dict[str, Any]) -> str:
    """The lines of SHA256SUMS: the files that are served, where they lie in the folder, the manifest among them."""
    digests = {name: digest for name, digest in manifest["files"].items() if name.startswith(f"{PUBLIC}/")}
    digests |= {REPORT: manifest["files"][REPORT], MANIFEST: sha256_of(folder / MANIFEST)}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _as_served(lines: bytes) -> bytes:
    """The lines of SHA256SUMS with the names under which the files are served, side by side."""
    return lines.replace(f"  {PUBLIC}/".encode(), b"  ")


def _agree(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether SHA256SUMS is what the manifest says. In a release of an earlier make it has the names as served."""
    listed = _as_served(text_of(folder / SUMS).encode()).splitlines()
    return sorted(listed) == sorted(_as_served(sums(folder, manifest).encode()).splitlines())
