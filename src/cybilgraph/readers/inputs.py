"""Finds the files to read, and opens them with limits."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cybilgraph.errors import SourceError
from cybilgraph.record import Source

#: A saved page is a few kilobytes; anything over this is not one.
MAX_BYTES = 500_000


@dataclass(frozen=True)
class Input:
    """One file to read. ``name`` is its path below the folder that was asked for, so that
    the same folder gives the same names wherever it lies.
    """

    name: str
    path: Path | None = None
    given: bytes | None = None

    @property
    def suffix(self) -> str:
        """The suffix that chooses the reader, in lower case; empty for standard input."""
        return Path(self.name).suffix.lower() if self.path else ""

    @cached_property
    def content(self) -> bytes:
        """All bytes. Raises SourceError where they cannot be had or are over the limit."""
        if self.given is not None:
            return self.given
        assert self.path is not None
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise SourceError(
                f"{self.name}: cannot be read: {error.strerror}", "Check the path and its rights."
            ) from error
        if len(content) > MAX_BYTES:
            raise SourceError(
                f"{self.name}: larger than {MAX_BYTES:,} bytes",
                "A project page is a few kilobytes: give one file for each project.",
            )
        return content

    @cached_property
    def source(self) -> Source:
        """What a record remembers of its file."""
        return Source(self.name, hashlib.sha256(self.content).hexdigest())


def find_inputs(places: Iterable[str | Path]) -> Iterator[Input]:
    """The files at these places, folders being walked in the order of names.

    ``-`` is standard input. Hidden files are passed over. Raises SourceError where a place
    does not exist.
    """
    for place in places:
        path = Path(place)
        if str(place) == "-":
            yield Input("<stdin>", given=sys.stdin.buffer.read(MAX_BYTES + 1))
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                below = file.relative_to(path)
                if file.is_file() and not any(part.startswith(".") for part in below.parts):
                    yield Input(_printable(below.as_posix()), file)
        elif path.exists():
            yield Input(_printable(path.name), path)
        else:
            raise SourceError(
                f"{place}: no such file or folder", "Check the path; a folder is read with all that it holds."
            )


def _printable(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")
