"""Values that were worked out before, in a file: kept only to save time, safe to delete, never trusted when damaged.

A value is known by the hash of all that it was made from. Each build keeps what it has used, so that the
file does not grow with the number of builds. Of the rest no byte stays, since it may name who is to be forgotten.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from cybilgraph.runtime.compression import compress, decompress

Item = TypeVar("Item")
Value = TypeVar("Value")

_SCHEMA = """
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4000;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, checksum BLOB, value BLOB);
CREATE TEMP TABLE used (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_USE = "INSERT OR IGNORE INTO used VALUES (?)"


class BuildCache:
    """A context manager. When its block has ended well, what was not used in it is forgotten.

    A file that is damaged is made anew, and one that cannot be written is done without.
    """

    def __init__(self, path: Path | None, classes: Iterable[type], fingerprint: bytes) -> None:
        """Values are made of plain ones and of these ``classes``: nothing else is ever made of what a file holds.

        ``deciding`` stands for all that decides what is worked out (code, data, packages). Without a ``path``,
        nothing is remembered.
        """
        self._path = path
        self.fingerprint = fingerprint
        self._classes = {(one.__module__, one.__qualname__): one for one in classes}
        self._base: sqlite3.Connection | None = None

    def __enter__(self) -> BuildCache:
        for _ in range(2 if self._path else 0):
            with self._sound():
                self._base = sqlite3.connect(str(self._path), check_same_thread=False)
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

    def key(self, *parts: bytes) -> bytes:
        """What a value is known by that is made from these parts."""
        known = hashlib.sha256(self.fingerprint)
        for part in parts:
            known.update(len(part).to_bytes(8) + part)
        return known.digest()

    def each(
        self,
        items: Iterable[tuple[bytes, Item]],
        work: Callable[[list[Item]], list[Value]],
        submit: Callable[[list[Item]], Future[list[Value]]],
        *,
        batch: int,
        most: int,
        ahead: int,
    ) -> Iterator[Value]:
        """The value of each item, by its key, in order: what was kept, else what is worked out of it now.

        New items are submitted ``batch`` by batch, ``ahead`` of what is taken; fewer are not worth that, and are
        worked on here. ``most`` items at once are looked up.
        """
        waiting: deque[tuple[list[tuple[bytes, bytes | None]], Future[list[Value]] | list[Value]]] = deque()
        for keys, new in self._batches(items, batch, most):
            waiting.append((keys, submit(new) if len(new) == batch else work(new)))
            if len(waiting) > ahead:
                yield from self._answers(*waiting.popleft())
        while waiting:
            yield from self._answers(*waiting.popleft())

    def _batches(
        self, items: Iterable[tuple[bytes, Item]], batch: int, most: int
    ) -> Iterator[tuple[list[tuple[bytes, bytes | None]], list[Item]]]:
        """Some keys at a time, each with what was kept; and those of their items that are new."""
        keys: list[tuple[bytes, bytes | None]] = []
        new: list[Item] = []
        for key, item in items:
            compressed = self.get(key)
            keys.append((key, compressed))
            if compressed is None:
                new.append(item)
            if len(new) == batch or len(keys) == most:
                yield keys, new
                keys, new = [], []
        if keys:
            yield keys, new

    def _answers(
        self, keys: list[tuple[bytes, bytes | None]], done: Future[list[Value]] | list[Value]
    ) -> Iterator[Value]:
        new = iter(done.result() if isinstance(done, Future) else done)
        for key, compressed in keys:
            if compressed is None:
                self.keep(key, value := next(new))
                yield value
            else:
                yield self.value(compressed)

    def get(self, key: bytes) -> bytes | None:
        """What was kept under a key, as ``value`` takes it; nothing where it is damaged."""
        compressed: bytes | None = None
        with self._sound() as base:
            row = base and base.execute("SELECT checksum, value FROM kept WHERE key = ?", (key,)).fetchone()
            if base and row and row[0] == _checksum(key, row[1]):
                compressed = row[1]
                base.execute(_USE, (key,))
        return compressed

    def keep(self, key: bytes, value: object) -> None:
        """Keep a value under a key."""
        compressed = compress(pickle.dumps(value))
        with self._sound() as base:
            if base:
                base.execute(
                    "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, _checksum(key, compressed), compressed)
                )
                base.execute(_USE, (key,))

    def value(self, compressed: bytes) -> Any:
        """The value of what ``get`` gave."""
        return _Unpickler(decompress(compressed), self._classes).load()

    @contextmanager
    def _sound(self) -> Iterator[sqlite3.Connection | None]:
        """The database, while there is one: at its first fault it is gone, with its file; but where only the disk is
        full, the file stays as it was before.
        """
        try:
            yield self._base
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if self._base:
                    self._base.close()
            self._base = None
            if self._path and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                delete_cache(self._path)


def delete_cache(path: Path) -> None:
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
