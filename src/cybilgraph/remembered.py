"""Values that were worked out before, in a file: kept only to save time, safe to delete, never trusted when damaged.

A value is known by the hash of all that it was made from. Each build keeps what it has used, so that the
file does not grow with the number of builds.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import zstandard

_SCHEMA = """
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4000;
CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, checksum BLOB, value BLOB);
CREATE TEMP TABLE used (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_LEVEL = 1


class Remembered:
    """A context manager. When its block has ended well, what was not used in it is forgotten.

    A file that is damaged is made anew, and one that cannot be written is done without.
    """

    def __init__(self, path: Path, classes: Iterable[type]) -> None:
        """Values are made of plain ones and of these ``classes``: nothing else is ever made of what a file holds."""
        self._path = path
        self._classes = {(one.__module__, one.__qualname__): one for one in classes}
        self._packer = zstandard.ZstdCompressor(_LEVEL)
        self._base: sqlite3.Connection | None = None

    def __enter__(self) -> Remembered:
        for _ in range(2):
            with self._sound():
                self._base = sqlite3.connect(self._path, check_same_thread=False)
                self._base.executescript(_SCHEMA)
            if self._base:
                break  # else it was damaged, and is gone now
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._sound() as base:
            if base:
                if kind is None:
                    base.execute("DELETE FROM kept WHERE key NOT IN (SELECT key FROM used)")
                base.commit()
                base.close()

    def get(self, key: bytes) -> bytes | None:
        """What was kept under a key, as ``value`` takes it; nothing where it is damaged."""
        row = None
        with self._sound() as base:
            if base:
                row = base.execute("SELECT checksum, value FROM kept WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] != _checksum(key, row[1]):
            return None
        self._use(key)
        packed: bytes = row[1]
        return packed

    def keep(self, key: bytes, value: object) -> None:
        """Keep a value under a key."""
        packed = self._packer.compress(pickle.dumps(value))
        with self._sound() as base:
            if base:
                base.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, _checksum(key, packed), packed))
        self._use(key)

    def value(self, packed: bytes) -> Any:
        """The value of what ``get`` gave."""
        return _Unpickler(zstandard.decompress(packed), self._classes).load()

    def _use(self, key: bytes) -> None:
        with self._sound() as base:
            if base:
                base.execute("INSERT OR IGNORE INTO used VALUES (?)", (key,))

    @contextmanager
    def _sound(self) -> Iterator[sqlite3.Connection | None]:
        """The database, while there is one: at its first fault it is gone, with its file."""
        try:
            yield self._base
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                if self._base:
                    self._base.close()
            self._base = None
            delete(self._path)


def delete(path: Path) -> None:
    """Delete all that was kept in a file."""
    for name in (path.name, f"{path.name}-journal"):
        with suppress(OSError):
            path.with_name(name).unlink()


def _checksum(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(key + value, digest_size=16).digest()


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, classes: dict[tuple[str, str], type]) -> None:
        super().__init__(io.BytesIO(data))
        self._classes = classes

    def find_class(self, module: str, name: str) -> Any:
        """One of the classes, and nothing else. Raises pickle.UnpicklingError."""
        try:
            return self._classes[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no class of what is kept") from None
