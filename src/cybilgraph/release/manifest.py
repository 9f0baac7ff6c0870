"""One finished release: its manifest, its files, and the verification of their checksums."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from cybilgraph.errors import FileDamaged
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile, from_document
from cybilgraph.release.sources import SOURCES, read_source
from cybilgraph.runtime.files import ChecksumCache, parse_checksums, sha256_of

STORE, REPORT, MANIFEST = "store", "report.json", "manifest.json"
#: The table of a release's projects and all their names.
IDENTITIES = "identities.csv"
#: The deployment's own tables of reference data with which a release was built, if there were any.
REFERENCE = "reference"
SEARCH, PUBLIC, CHECKSUMS = "search.sqlite", "public", "SHA256SUMS"
#: Files served in addition to those in the folder "public".
_ALSO_SERVED = (REPORT, MANIFEST, CHECKSUMS)
_REPAIR = "Build it again, or serve another release."


@dataclass(frozen=True, slots=True)
class Release:
    """One finished release."""

    number: int
    folder: Path
    manifest: dict[str, Any]
    _checksums: ChecksumCache = field(default_factory=ChecksumCache, compare=False, repr=False)
    #: Checksums that the manifest cannot contain: its own and that of SHA256SUMS, once verified.
    _own_checksums: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Size on disk in bytes."""
        return folder_size(self.folder)

    @property
    def store(self) -> Path:
        """The folder of the store, which must be opened read-only."""
        return self.folder / STORE

    @property
    def search(self) -> Path:
        """The search index; releases of earlier versions have none."""
        return self.folder / SEARCH

    @property
    def profile(self) -> SiteProfile:
        """The profile of the site for which the release was built."""
        return from_document(self.manifest["site"]) if "site" in self.manifest else DEFAULT_PROFILE

    def reference(self) -> dict[str, str]:
        """Return the text of each table of the deployment's own reference data. Raises FileDamaged."""
        names = (name for name in self.manifest["files"] if name.startswith(f"{REFERENCE}/"))
        texts = {}
        for name in names:
            with self.open(name) as file:
                texts[name.removeprefix(f"{REFERENCE}/")] = file.read().decode()
        return texts

    def source(self, sha256: str) -> bytes | None:
        """Return the source of a record by its checksum, or None if this release has not stored it."""
        return read_source(self.folder / SOURCES, sha256)

    @contextmanager
    def identities(self) -> Iterator[Iterator[tuple[str, str]]]:
        """Open the pairs of project key and name, in order.

        Raises OSError, KeyError, UnicodeDecodeError or csv.Error if the table is missing or damaged.
        """
        with (self.folder / IDENTITIES).open(encoding="utf-8", newline="") as file:
            yield ((row["key"], row["name"]) for row in csv.DictReader(file))

    def served_files(self) -> dict[str, Path]:
        """Return the served files by name."""
        public = f"{PUBLIC}/"
        names = (name for name in self.manifest["files"] if name.startswith(public))
        files = {name.removeprefix(public): self.folder / name for name in names}
        # Releases of earlier versions have no SHA256SUMS.
        return files | {name: path for name in _ALSO_SERVED if (path := self.folder / name).is_file()}

    def checksum(self, name: str) -> str:
        """Return the SHA-256 of a file as it is served. Raises OSError if it is missing."""
        if name == CHECKSUMS:
            return hashlib.sha256(_with_served_names((self.folder / CHECKSUMS).read_bytes())).hexdigest()
        return self._digest(self._path_in_folder(name)) or sha256_of(self.folder / name)

    def open(self, name: str) -> BinaryIO:
        """Open a served file, or another file of the folder, after its checksum was verified.

        The file is read completely only if it has changed on disk since the last verification.
        Raises FileDamaged, also if the file is missing.
        """
        path = self._path_in_folder(name)
        try:
            with ExitStack() as files:
                file = files.enter_context((self.folder / path).open("rb"))
                if self._checksums.digest(file) == (self._digest(path) or sha256_of(self.folder / path)):
                    if name == CHECKSUMS:
                        return BytesIO(_with_served_names(file.read()))
                    files.pop_all()
                    return file
        except OSError as error:
            raise self._damaged(path, f"cannot be read: {error.strerror}") from error
        raise self._damaged(path)

    def is_store_unchanged(self) -> bool:
        """Return whether no file of the store has been written since ``verify``; reads only their status."""
        names = (name for name in self.manifest["files"] if name.startswith(f"{STORE}/"))
        return all(self._checksums.is_unchanged(self.folder / name) for name in names)

    def file_size(self, name: str) -> int:
        """Return the size in bytes of a file as it is served; 0 if it is missing."""
        try:
            path = self.folder / self._path_in_folder(name)
            return len(_with_served_names(path.read_bytes())) if name == CHECKSUMS else path.stat().st_size
        except OSError:
            return 0

    def verify(self, part: str = "") -> None:
        """Compare every file, or those whose path starts with ``part``, with the manifest.

        Raises FileDamaged at the first difference.
        """
        if self.manifest.get("public") and not _checksums_match(self.folder, self.manifest):
            listed = parse_checksums(_listed_checksums(self.folder)).get(MANIFEST)
            if listed and listed != sha256_of(self.folder / MANIFEST):
                raise self._damaged(MANIFEST, f"does not match {CHECKSUMS}")
            raise self._damaged(CHECKSUMS)
        for name in (name for name in self.manifest["files"] if name.startswith(part)):
            if not (self.folder / name).is_file():
                raise FileDamaged(f"Release {self.number:04d} lacks {name}", _REPAIR)
            self.open(name).close()
        for name in (MANIFEST, CHECKSUMS):
            if (self.folder / name).is_file():
                self._own_checksums[name] = sha256_of(self.folder / name)

    def is_replaced(self) -> bool:
        """Return whether its folder is gone or contains another, complete release, as after an erasure."""
        try:
            now = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            is_complete = _checksums_match(self.folder, now)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return not self.folder.is_dir()
        return bool(now != self.manifest) and is_complete

    def _path_in_folder(self, name: str) -> str:
        """Return the path in the folder of a file that is served under a name."""
        return path if (path := f"{PUBLIC}/{name}") in self.manifest["files"] else name

    def _digest(self, path: str) -> str:
        return str(self.manifest["files"].get(path) or self._own_checksums.get(path, ""))

    def _damaged(self, name: str, how: str = "has a wrong checksum") -> FileDamaged:
        return FileDamaged(f"Release {self.number:04d} is damaged: {name} {how}", _REPAIR)


def folder_size(folder: Path) -> int:
    """Return the size of all files in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def checksum_lines(folder: Path, manifest: dict[str, Any]) -> str:
    """Return the lines of SHA256SUMS: the served files, including the manifest, with their paths in the folder."""
    digests = {name: digest for name, digest in manifest["files"].items() if name.startswith(f"{PUBLIC}/")}
    digests |= {REPORT: manifest["files"][REPORT], MANIFEST: sha256_of(folder / MANIFEST)}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _with_served_names(lines: bytes) -> bytes:
    """Return the lines of SHA256SUMS with the names under which the files are served."""
    return lines.replace(f"  {PUBLIC}/".encode(), b"  ")


def _listed_checksums(folder: Path) -> str:
    """Return the content of SHA256SUMS, or "" if it cannot be read."""
    try:
        return (folder / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _checksums_match(folder: Path, manifest: dict[str, Any]) -> bool:
    """Return whether SHA256SUMS matches the manifest. Earlier versions wrote it with the served names."""
    listed, expected = (
        sorted(_with_served_names(lines.encode()).splitlines())
        for lines in (_listed_checksums(folder), checksum_lines(folder, manifest))
    )
    return listed == expected
