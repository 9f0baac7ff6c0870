"""Find input files, also those changed since a git commit, and open them with limits."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding, escape_controls
from cybilgraph.model.record import Source
from cybilgraph.readers.filesystems import LocalCopy

#: A file or folder, or "-" for standard input.
Location = str | os.PathLike[str]
#: The maximum size of a page; saved pages have a few kilobytes.
MAX_PAGE_BYTES = 500_000
#: The maximum size of standard input, which is held in memory.
MAX_STDIN_BYTES = 50_000_000
#: Replaces the suffix of files without one in folders.
NO_SUFFIX = "(none)"
#: A suffix with two dots; of all others, only the last part counts.
COMPRESSED_ARCHIVE = ".warc.gz"
#: Prevents git from running programs that a repository's own settings name.
_SAFE = ("-c", "core.fsmonitor=false", "--no-optional-locks")
Stream = io.BufferedReader | io.BytesIO


@dataclass(frozen=True)
class Input:
    """A file to read.

    ``name`` is its path relative to the given folder, so that it does not depend on where the folder is.
    ``data`` is read in place of the file at ``path``.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None
    is_from_folder: bool = False
    #: The original address of a file that was copied here temporarily, or of a page in a web archive.
    address: str = ""
    #: When the page was saved (ISO 8601), and the encoding that its server declared, if they are known.
    retrieved: str = ""
    charset: str = ""
    #: Findings on the file as a whole, added while it is read.
    notes: list[Finding] = field(default_factory=list, compare=False)

    @property
    def suffix(self) -> str:
        """The suffix that selects the reader, in lower case.

        A file without one is text if it was named explicitly, and unsupported if it was found in a folder. A page in a
        web archive is HTML.
        """
        if self.path is None and self.address:
            return ".html"
        name = Path(self.path or self.name).name.lower()
        if name.endswith(COMPRESSED_ARCHIVE):
            return COMPRESSED_ARCHIVE
        return Path(name).suffix or (NO_SUFFIX if self.is_from_folder else "")

    @property
    def uri(self) -> str:
        """The URI of the file for other tools, relative to the working directory if the file is below it."""
        if self.address:
            return self.address
        if self.path is None:
            return quote(self.name)
        path, here = self.path.absolute(), Path.cwd()
        return quote(os.fsencode(path.relative_to(here).as_posix())) if path.is_relative_to(here) else path.as_uri()

    @property
    def tracked(self) -> str:
        """The path of the file from the root of its git repository, percent-encoded; empty if it is in none."""
        if self.path is None or self.address:
            return ""
        folder = self.path.absolute().parent.resolve()  # git resolves links to folders
        root = _repository(folder)
        return quote(os.fsencode((folder / self.path.name).relative_to(root).as_posix())) if root else ""

    @cached_property
    def content(self) -> bytes:
        """All bytes of a page. Raises SourceError if it cannot be read or is too large."""
        with self.open(
            MAX_PAGE_BYTES, "A project page has a few kilobytes. Save each project in its own file."
        ) as stream:
            return stream.read()

    @contextmanager
    def open(self, limit: int, hint: str = "Split it into smaller files.") -> Iterator[Stream]:
        """Open the file as a seekable stream, for formats whose files are too large for memory.

        Raises SourceError if the file cannot be read or has more than ``limit`` bytes; ``hint`` then says
        what to do. Errors while the stream is read become SourceError too.
        """
        try:
            with self._stream() as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(0)
                if size > limit:
                    raise SourceError(f"{self.name}: larger than {limit:,} bytes", hint)
                yield stream
        except OSError as error:
            raise SourceError(
                f"{self.name}: cannot be read: {error.strerror}", "Check the path and its permissions."
            ) from error

    def _stream(self) -> Stream:
        if self.path is None or self.data is not None:
            return io.BytesIO(self.data or b"")
        file = _FixedLengthFile(self.path)
        if not stat.S_ISREG(file.status.st_mode):
            file.close()
            raise SourceError(f"{self.name}: not a regular file", "Give files, folders, or - for standard input.")
        return io.BufferedReader(file)

    @cached_property
    def source(self) -> Source:
        """The name and checksum that a record keeps of its file. Raises SourceError if it cannot be read."""
        if "content" in self.__dict__:  # of the content that was read, even if the file has changed since
            return Source(self.name, hashlib.sha256(self.content).hexdigest())
        with self.open(sys.maxsize) as stream:
            return Source(self.name, hashlib.file_digest(stream, "sha256").hexdigest())


@lru_cache(maxsize=1_000)
def _repository(folder: Path) -> Path | None:
    """Return the root of a folder's git repository, which contains a .git folder or file, or None."""
    return next((above for above in (folder, *folder.parents) if os.path.lexists(above / ".git")), None)


class _FixedLengthFile(io.FileIO):
    """A file limited to its length when opened, as a growing one may never end. Opening a pipe does not block."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
        self.status = os.fstat(self.fileno())

    def readinto(self, buffer: Any) -> int | None:
        left = max(self.status.st_size - self.tell(), 0)
        return super().readinto(memoryview(buffer)[:left])

    def readall(self) -> bytes:
        return self.read(max(self.status.st_size - self.tell(), 0)) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            offset, whence = self.status.st_size + offset, os.SEEK_SET
        return super().seek(offset, whence)


def find_inputs(places: Iterable[Location], kind: str = "") -> Iterator[Input]:
    """Yield the files at these places; folders are walked lazily in name order.

    ``-`` is standard input, read as a file with the suffix ``kind``. Hidden files are skipped. If two files
    would have the same name, the second name includes its place. Raises SourceError if a place does not
    exist (before reading any), if there is a ``kind`` but no standard input, or if standard input is too
    large.
    """
    places = _existing(places)
    if kind and "-" not in map(str, places):
        raise SourceError(
            f"--as {kind} applies only to standard input, but no source is -",
            "Omit --as: the suffix of a file determines its type. Or give - and pipe the file in.",
        )
    names: set[str] = set()
    for place in places:
        if str(place) == "-":
            content = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
            if len(content) > MAX_STDIN_BYTES:
                raise SourceError(f"Standard input: larger than {MAX_STDIN_BYTES:,} bytes", "Save it as a file.")
            yield Input(f"<stdin>{kind}", data=content)
            continue
        for file, below, is_from_folder in _files(Path(place)):
            name, address = _printable(below.as_posix()), ""
            if isinstance(place, LocalCopy):
                address = f"{place.address.rstrip('/')}/{below.as_posix()}" if place.path.is_dir() else place.address
            if len(places) > 1:  # names within one place are unique
                name = _printable(address or file.as_posix()) if name in names else name
                names.add(name)
            yield Input(name, file, is_from_folder=is_from_folder, address=address)


def count_inputs(places: Iterable[Location]) -> int:
    """Return the number of files that ``find_inputs`` yields. Raises SourceError if a place does not exist."""
    return sum(1 if str(place) == "-" else sum(1 for _ in _files(Path(place))) for place in _existing(places))


def _existing(places: Iterable[Location]) -> list[Location]:
    places = list(places)
    for place in places:
        if str(place) != "-" and not (str(place) and os.path.lexists(place)):
            raise SourceError(
                f"{place or 'An empty name'}: no such file or folder",
                "Check the path. Folders are read with all files in them.",
            )
    return places


def _files(path: Path) -> Iterator[tuple[Path, Path, bool]]:
    """Yield a file, or the files in a folder in name order: path, relative path, and whether it is from a folder.

    Links to folders are not followed. A folder that cannot be listed is yielded like a file that was named
    explicitly, so that it is reported. Memory holds only the names in one folder and its ancestors.
    """
    if not path.is_dir():
        yield path, Path(path.name), False
        return
    waiting = [(os.fspath(path), True)]
    while waiting:
        name, is_folder = waiting.pop()
        file = Path(name)
        if not is_folder:
            yield file, file.relative_to(path), True
            continue
        try:
            with os.scandir(name) as entries:
                found = [
                    (entry.path, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    # Path.is_dir raises errors that os.path.isdir does not.
                    if not entry.name.startswith(".") and not (entry.is_symlink() and os.path.isdir(entry))  # noqa: PTH112
                ]
        except OSError:
            yield file, file.relative_to(path), False
        else:
            waiting += sorted(found, reverse=True)


def _printable(name: str) -> str:
    """Return a file's name as text on one line, whatever its bytes."""
    return escape_controls(os.fsencode(name).decode("utf-8", errors="backslashreplace"))


def changed_since(commit: str, inputs: Iterable[Input]) -> Iterator[Input]:
    """Yield the inputs that were changed, added or renamed since a commit, or are untracked.

    For a commit on another branch, changes count since the common ancestor. Ignored files are skipped.
    Raises SourceError if git is not installed, if a file is not in a repository, or if its repository does
    not have this commit.
    """
    changed: dict[str, set[Path]] = {}  # by repository root
    roots: dict[Path, str] = {}  # repository roots by folder
    for input_file in inputs:
        if input_file.path is None:
            raise SourceError(f"{input_file.name}: git cannot tell whether it has changed", "Give files or folders.")
        folder = input_file.path.parent
        if folder not in roots:
            roots[folder] = _run_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n")
        root = roots[folder]
        if root not in changed:
            changed[root] = set(_changed_paths(Path(root), commit))
        if folder.resolve() / input_file.path.name in changed[root]:
            yield input_file


def _changed_paths(root: Path, commit: str) -> Iterator[Path]:
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    known = _run_git(root, *verify, may_fail=True)
    if not known:
        raise SourceError(
            f"{root}: unknown commit {commit!r}",
            "Use a branch, tag or commit such as main, origin/main or HEAD~1. A shallow clone may not have it.",
        )
    ours = _run_git(root, "merge-base", known.strip(), "HEAD", may_fail=True) or known
    for arguments in (
        ("diff", "--name-only", "-z", "--no-ext-diff", "--find-renames", "--diff-filter=d", ours.strip(), "--"),
        ("ls-files", "--others", "--exclude-standard", "-z", "--"),
    ):
        yield from (root.resolve() / name for name in _run_git(root, *arguments).split("\0") if name)


def _run_git(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    """Run git and return its output, or an empty string if it fails and may. File names keep their bytes."""
    program = shutil.which("git")
    if program is None:
        raise SourceError("Git is not installed, but is needed to find changed files", "Install git.")
    result = subprocess.run(  # noqa: S603
        [program, "-C", os.fspath(folder.absolute()), *_SAFE, *arguments], capture_output=True, check=False
    )
    if result.returncode and not may_fail:
        reason = result.stderr.decode(errors="replace").strip().split("\n")[0].removeprefix("fatal: ")
        raise SourceError(
            f"{folder}: git cannot list the changed files: {reason}", "The files must be in a git repository."
        )
    return "" if result.returncode else os.fsdecode(result.stdout)
