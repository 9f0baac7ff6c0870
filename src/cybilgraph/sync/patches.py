"""Computes and applies differences between sorted N-Quads, as RDF Patch.

The format is that of RDF Delta (https://afs.github.io/rdf-delta/rdf-patch.html): a header, then one transaction of
``A`` and ``D`` rows. Our rows are sorted like the quads, so that a patch is applied in one pass, and our header
contains the SHA-256 of the sorted lines of the resulting graph.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cybilgraph.errors import PatchError
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.runtime.compression import open_decompressed

ADDED, REMOVED = b"A", b"D"
#: Bytes of lines sorted in memory; larger files are sorted in parts on disk.
_SORT_BYTES = 100_000_000
_HEADER = re.compile(r"H ([a-z0-9]+) (?:<([^<>]*)>|\"([^\"]*)\") \.\n")
END = b"TC .\n"
_USE_FULL_DUMP = "Download the full dump instead."


def sort_lines(path: Path, at_once: int = _SORT_BYTES) -> Iterator[bytes]:
    """Yield the distinct lines of a file, possibly compressed, in byte order and bounded memory.

    Raises OSError, DECOMPRESSION_ERRORS.
    """
    with open_decompressed(path) as file, ExitStack() as parts:
        last = lines = _read_lines(file, at_once)
        sorted_parts: list[Iterable[bytes]] = []
        while last and (last := _read_lines(file, at_once)):
            part = parts.enter_context(tempfile.TemporaryFile())
            part.writelines(lines)
            part.seek(0)
            sorted_parts.append(part)
            lines = last
        before = b""
        for line in heapq.merge(*sorted_parts, lines):
            if line != before:
                yield line
                before = line


def _read_lines(file: IO[bytes], size: int) -> list[bytes]:
    lines = file.readlines(size)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    lines.sort()
    return lines


class HashedLines:
    """An iterable of lines that computes their number and SHA-256 as they are read."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self._digest = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            self._digest.update(line)
            yield line

    @property
    def sha256(self) -> str:
        """The SHA-256 of the lines read so far, in hexadecimal."""
        return self._digest.hexdigest()


def diff_lines(old: Iterable[bytes], new: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the changes from sorted ``old`` to sorted ``new`` lines: ADDED or REMOVED, and the line, in order."""
    olds, news = iter(old), iter(new)
    left, right = next(olds, None), next(news, None)
    while left is not None or right is not None:
        if left == right:
            left, right = next(olds, None), next(news, None)
        elif left is not None and (right is None or left < right):
            yield REMOVED, left
            left = next(olds, None)
        elif right is not None:
            yield ADDED, right
            right = next(news, None)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a patch: its two releases, and the SHA-256 of the sorted N-Quads of the second."""

    since: int
    until: int
    sha256: str

    def __bytes__(self) -> bytes:
        """Return the rows before the first quad."""
        until, since = (own_iri(f"release/{number}") for number in (self.until, self.since))
        return f'H id <{until}> .\nH prev <{since}> .\nH sha256 "{self.sha256}" .\nTX .\n'.encode()


def read_patch(rows: Iterable[bytes]) -> tuple[Header, Iterator[tuple[bytes, bytes]]]:
    """Return the header of a patch and an iterator over its changes. Both raise PatchError."""
    lines = iter(rows)
    fields: dict[str, str] = {}
    for row in lines:
        if row == b"TX .\n":
            break
        found = _HEADER.fullmatch(row.decode("utf-8", "replace"))
        if not found:
            raise _malformed(row)
        fields[found[1]] = found[2] or found[3] or ""
    try:
        since, until = (int(fields[name].rpartition("/release/")[2]) for name in ("prev", "id"))
        header = Header(since, until, fields["sha256"])
    except (KeyError, ValueError) as error:
        raise PatchError("The patch does not name its releases and checksum", _USE_FULL_DUMP) from error
    return header, _rows(lines)


def _rows(lines: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for row in lines:
        if row == END:
            return
        kind, line = row[:1], row[2:]
        if kind not in (ADDED, REMOVED) or row[1:2] != b" " or not line.endswith(b" .\n"):
            raise _malformed(row)
        yield kind, line
    raise PatchError("The patch is truncated", _USE_FULL_DUMP)


def _malformed(row: bytes) -> PatchError:
    return PatchError(f"The patch contains an unsupported row: {row[:80]!r}", _USE_FULL_DUMP)


def apply_patch(lines: Iterable[bytes], changes: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield sorted lines with changes applied. Raises PatchError if the changes do not match or are not sorted."""
    old = iter(lines)
    line = next(old, None)
    before = b""
    for kind, changed in changes:
        if changed <= before:
            raise PatchError("The rows of the patch are not sorted", _USE_FULL_DUMP)
        before = changed
        while line is not None and line < changed:
            yield line
            line = next(old, None)
        if (line == changed) is (kind == ADDED):
            raise PatchError("The patch does not match this graph", _USE_FULL_DUMP)
        if kind == ADDED:
            yield changed
        else:
            line = next(old, None)
    if line is not None:
        yield line
    yield from old
