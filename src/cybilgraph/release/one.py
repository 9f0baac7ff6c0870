"""One finished release: what it says of itself, its files, and whether they are what was built."""

from __future__ import annotations

import csv
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cybilgraph.errors import ReleaseError
from cybilgraph.files import sha256_of

GRAPH, STORE, REPORT, MANIFEST = "graph.nq", "store", "report.json", "manifest.json"
#: The table of a release that tells its projects, and their other names.
IDENTITIES = "identities.csv"
SEARCH, SOURCES, PUBLIC, SUMS = "search.sqlite", "sources.zip", "public", "SHA256SUMS"
#: What is served beside the files of the folder "public".
_ALSO_SERVED = (REPORT, MANIFEST, SUMS)


@dataclass(frozen=True, slots=True)
class Release:
    """One finished release."""

    number: int
    folder: Path
    manifest: dict[str, Any]

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
        try:
            with zipfile.ZipFile(self.folder / SOURCES) as archive:
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
        names = (name for name in self.manifest["files"] if name.startswith(f"{PUBLIC}/"))
        files = {name.removeprefix(f"{PUBLIC}/"): self.folder / name for name in names}
        # A release of an earlier make has no SHA256SUMS.
        return files | {name: path for name in _ALSO_SERVED if (path := self.folder / name).is_file()}

    def checksum(self, name: str) -> str:
        """The SHA-256 of a file that is served. Raises OSError where it is gone."""
        files = self.manifest["files"]
        return str(files.get(f"{PUBLIC}/{name}") or files.get(name) or sha256_of(self.folder / name))

    def verify(self) -> None:
        """Compare every file with the manifest. Raises ReleaseError at the first difference."""
        if self.manifest.get("public") and text_of(self.folder / SUMS) != sums(self.folder, self.manifest):
            raise ReleaseError(
                f"Release {self.number:04d} is damaged: {SUMS} is not what was built",
                "Build it again, or serve another release.",
            )
        for name, digest in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file():
                raise ReleaseError(
                    f"Release {self.number:04d} lacks {name}", "Build it again, or serve another release."
                )
            if sha256_of(path) != digest:
                raise ReleaseError(
                    f"Release {self.number:04d} is damaged: {name} is not what was built",
                    "Build it again, or serve another release.",
                )


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
    """The lines of SHA256SUMS: files as they are served, the manifest among them."""
    files = manifest["files"]
    digests = {name.removeprefix(f"{PUBLIC}/"): files[name] for name in files if name.startswith(f"{PUBLIC}/")}
    digests |= {REPORT: files[REPORT], MANIFEST: sha256_of(folder / MANIFEST)}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
