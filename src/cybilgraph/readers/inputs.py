"""Finds the files to read, and opens them with limits."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.record import Source
from cybilgraph.readers.filesystems import LocalCopy

#: A file or a folder, or "-" for standard input.
Location = str | os.PathLike[str]
#: A saved page is a few kilobytes; anything over this is not one.
MAX_PAGE_BYTES = 500_000
#: Standard input is held in memory, of whatever format it is.
MAX_STDIN_BYTES = 50_000_000
#: Stands for the suffix of a file in a folder that has none.
NO_SUFFIX = "(none)"
Stream = io.BufferedReader | io.BytesIO


@dataclass(frozen=True)
class Input:
    """One file to read. ``name`` is its path below the folder that was asked for, so that
    the same folder gives the same names wherever it lies. What is ``given`` is read in place of
    what is at the path.
    """

    name: str
    path: Path | None = None
    given: bytes | None = None
    is_from_folder: bool = False
    #: Where a file that was copied here for the time of reading lies.
    address: str = ""

    @property
    def suffix(self) -> str:
        """The suffix that chooses the reader, in lower case. A file without one is taken for
        text where it was asked for by name, and is of no known kind where a folder holds it.
        """
        return Path(self.path or self.name).suffix.lower() or (NO_SUFFIX if self.is_from_folder else "")

    @property
    def uri(self) -> str:
        """Where the file lies, as other tools name it: from the working folder, if it lies below that."""
        if self.address:
            return self.address
        if self.path is None:
            return quote(self.name)
        path, here = self.path.absolute(), Path.cwd()
        return quote(os.fsencode(path.relative_to(here).as_posix())) if path.is_relative_to(here) else path.as_uri()

    @property
    def tracked(self) -> str:
        """Where the file lies below the root of its git repository, as ``uri`` tells it; else nothing."""
        if self.path is None or self.address:
            return ""
        folder = self.path.absolute().parent.resolve()  # of a link, git has its own name
        root = _repository(folder)
        return quote(os.fsencode((folder / self.path.name).relative_to(root).as_posix())) if root else ""

    @cached_property
    def content(self) -> bytes:
        """All bytes of a page. Raises SourceError where they cannot be had or are over its limit."""
        with self.open(MAX_PAGE_BYTES, "A project page is a few kilobytes: give one file for each project.") as stream:
            return stream.read()

    @contextmanager
    def open(self, limit: int, hint: str = "Give it in several smaller files.") -> Iterator[Stream]:
        """The bytes as a stream that can be rewound, for a format whose files are too large to hold.

        Raises SourceError where they cannot be had or are more than ``limit``: then ``hint``
        says what to do. Also turns what fails while the stream is read into SourceError.
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
                f"{self.name}: cannot be read: {error.strerror}", "Check the path and its rights."
            ) from error

    def _stream(self) -> Stream:
        if self.path is None or self.given is not None:
            return io.BytesIO(self.given or b"")
        file = _FixedLengthFile(self.path)
        if not stat.S_ISREG(file.status.st_mode):
            file.close()
            raise SourceError(f"{self.name}: this is no regular file", "Give files, folders, or - for standard input.")
        return io.BufferedReader(file)

    @cached_property
    def source(self) -> Source:
        """What a record remembers of its file. Raises SourceError where it cannot be read."""
        if "content" in self.__dict__:  # of what was read, whatever the file has become since
            return Source(self.name, hashlib.sha256(self.content).hexdigest())
        with self.open(sys.maxsize) as stream:
            return Source(self.name, hashlib.file_digest(stream, "sha256").hexdigest())


@lru_cache(maxsize=1_000)
def _repository(folder: Path) -> Path | None:
    """The root of the git repository that a folder lies in: there is its .git, a folder or a file."""
    return next((above for above in (folder, *folder.parents) if os.path.lexists(above / ".git")), None)


class _FixedLengthFile(io.FileIO):
    """A file as long as it was when it was opened: what is written behind that might never end.
    A pipe is not waited for.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
        self.status = os.fstat(self.fileno())

    def readinto(self, buffer: Any) -> int | None:
        left = max(self.status.st_size - self.tell(), 0)
        return super().readinto(memoryview(buffer)[:left])

    def readall(self) -> bytes:
        return self.read(max(self.status.st_size - self.tell(), 0)) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(
            *((self.status.st_size + offset, os.SEEK_SET) if whence == os.SEEK_END else (offset, whence))
        )


def find_inputs(places: Iterable[Location], kind: str = "") -> Iterator[Input]:
    """The files at these places, folders being walked in the order of names, as they are asked for.

    ``-`` is standard input, to be read as a file of the suffix ``kind``. Hidden files are passed
    over. Of two files that would have one name, the second has that of its place in front. Raises
    SourceError where a place does not exist, before any is read, where there is a ``kind`` and no
    standard input, or where that is larger than is held in memory.
    """
    places = _existing(places)
    if kind and "-" not in map(str, places):
        raise SourceError(
            f"No standard input is read, which would be of the kind {kind!r}",
            "Leave --as out: the suffix of a file tells its kind. Or give - and pipe the file in.",
        )
    names: set[str] = set()
    for place in places:
        if str(place) == "-":
            yield _standard_input(kind)
            continue
        for file, below, is_from_folder in _files(Path(place)):
            name, address = _printable(below.as_posix()), _address(place, below)
            if len(places) > 1:  # in one place no two have one name
                name = _printable(address or file.as_posix()) if name in names else name
                names.add(name)
            yield Input(name, file, is_from_folder=is_from_folder, address=address)


def count_inputs(places: Iterable[Location]) -> int:
    """How many files ``find_inputs`` finds. Raises SourceError where a place does not exist."""
    return sum(1 if str(place) == "-" else sum(1 for _ in _files(Path(place))) for place in _existing(places))


def _address(place: Location, below: Path) -> str:
    """The address of a file that was copied here, alone or in a folder; nothing for one that lies here."""
    if not isinstance(place, LocalCopy):
        return ""
    return f"{place.address.rstrip('/')}/{below.as_posix()}" if place.path.is_dir() else place.address


def _existing(places: Iterable[Location]) -> list[Location]:
    places = list(places)
    for place in places:
        if str(place) != "-" and not (str(place) and os.path.lexists(place)):
            raise SourceError(
                f"{place or 'An empty name'}: no such file or folder",
                "Check the path; a folder is read with all that it holds.",
            )
    return places


def _standard_input(kind: str) -> Input:
    content = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(content) > MAX_STDIN_BYTES:
        raise SourceError(f"Standard input: larger than {MAX_STDIN_BYTES:,} bytes", "Give it as a file.")
    return Input(f"<stdin>{kind}", given=content)


def _files(path: Path) -> Iterator[tuple[Path, Path, bool]]:
    """A file; or those in a folder, each with its path below it. What is to be told of like a
    file that cannot be opened counts as not walked: a folder that cannot be listed.
    """
    if not path.is_dir():
        yield path, Path(path.name), False
        return
    for file, is_closed in _walk(path):
        yield file, file.relative_to(path), not is_closed


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """The files below a folder; and, with True, folders that cannot be listed, to be told of like a
    file that cannot be opened. In memory are only the names in one folder and in those above it.
    """
    levels = [iter([(folder, True)])]
    while levels:
        path, is_folder = next(levels[-1], (None, False))
        if path is None:
            levels.pop()
        elif not is_folder:
            yield path, False
        else:
            try:
                levels.append(_list_folder(path))
            except OSError:
                yield path, True


def _list_folder(folder: Path) -> Iterator[tuple[Path, bool]]:
    """What is in a folder, in the order of names, with True for a folder. Links to folders are not followed."""
    names, folders = [], set()
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = _is_folder(entry)
            if not (entry.name.startswith(".") or (is_folder and entry.is_symlink())):
                names.append(entry.name)
                if is_folder:
                    folders.add(entry.name)
    names.sort(key=os.path.normcase)
    return ((folder / name, name in folders) for name in names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def _printable(name: str) -> str:
    """A file's name as text on one line, whatever bytes it is made of."""
    return escape_controls(os.fsencode(name).decode("utf-8", errors="backslashreplace"))
