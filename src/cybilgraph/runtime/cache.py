"""A file that caches computed values between builds. It only saves time, is safe to delete, and is checked for damage.

The key of a value is the hash of everything it was computed from. Each build keeps only the values it has used, so that
the file does not grow with the number of builds. Unused values are overwritten, because they may name a person who has
been erased.
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
    """A cache, used as a context manager. If the block succeeds, values that it did not use are deleted.

    A damaged file is replaced; if the file cannot be written, nothing is cached.
    """

    def __init__(self, path: Path | None, classes: Iterable[type], fingerprint: bytes) -> None:
        """Open the cache at ``path``; None caches nothing.

        Values consist of built-in types and of these ``classes``; reading the file creates no other objects.
        ``fingerprint`` identifies everything that affects the values (code, data, packages).
        """
        self._path = path
        self.fingerprint = fingerprint
        self._classes = {(one.__module__, one.__qualname__): one for one in classes}
        self._base: sqlite3.Connection | None = None

    def __enter__(self) -> BuildCache:
        for _ in range(2 if self._path else 0):
            with self._database():
                self._base = sqlite3.connect(str(self._path), check_same_thread=False)
                self._base.executescript(_SCHEMA)
            if self._base:
                break  # otherwise the file was damaged and has been deleted: try once more
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._database() as base:
            if base:
                if kind is None:
                    base.execute("DELETE FROM kept WHERE key NOT IN (SELECT key FROM used)")
                base.commit()
                base.close()

    def key(self, *parts: bytes) -> bytes:
        """Return the key of a value that is computed from these parts."""
        digest = hashlib.sha256(self.fingerprint)
        for part in parts:
            digest.update(len(part).to_bytes(8) + part)
        return digest.digest()

    def map_items(
        self,
        items: Iterable[tuple[bytes, Item]],
        compute: Callable[[list[Item]], list[Value]],
        submit: Callable[[list[Item]], Future[list[Value]]],
        *,
        batch_size: int,
        max_lookup: int,
        max_pending: int,
    ) -> Iterator[Value]:
        """Yield the value of each keyed item in order, cached or computed.

        Full batches of new items are submitted, at most ``max_pending`` ahead of the consumer. Smaller ones are not
        worth the overhead and are computed here. At most ``max_lookup`` items are looked up at once.
        """
        pending: deque[tuple[list[tuple[bytes, bytes | None]], Future[list[Value]] | list[Value]]] = deque()
        for keys, new in self._batches(items, batch_size, max_lookup):
            pending.append((keys, submit(new) if len(new) == batch_size else compute(new)))
            if len(pending) > max_pending:
                yield from self._values(*pending.popleft())
        while pending:
            yield from self._values(*pending.popleft())

    def _batches(
        self, items: Iterable[tuple[bytes, Item]], batch_size: int, max_lookup: int
    ) -> Iterator[tuple[list[tuple[bytes, bytes | None]], list[Item]]]:
        """Yield some keys at a time with their cached values, and the items that are not cached."""
        keys: list[tuple[bytes, bytes | None]] = []
        new: list[Item] = []
        for key, item in items:
            compressed = self.get(key)
            keys.append((key, compressed))
            if compressed is None:
                new.append(item)
            if len(new) == batch_size or len(keys) == max_lookup:
                yield keys, new
                keys, new = [], []
        if keys:
            yield keys, new

    def _values(
        self, keys: list[tuple[bytes, bytes | None]], computed: Future[list[Value]] | list[Value]
    ) -> Iterator[Value]:
        new = iter(computed.result() if isinstance(computed, Future) else computed)
        for key, compressed in keys:
            if compressed is None:
                self.put(key, value := next(new))
                yield value
            else:
                yield self.load(compressed)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key for ``load``, or None if it is missing or damaged."""
        compressed: bytes | None = None
        with self._database() as base:
            row = base and base.execute("SELECT checksum, value FROM kept WHERE key = ?", (key,)).fetchone()
            if base and row and row[0] == _checksum(key, row[1]):
                compressed = row[1]
                base.execute(_USE, (key,))
        return compressed

    def put(self, key: bytes, value: object) -> None:
        """Store a value under a key."""
        compressed = compress(pickle.dumps(value))
        with self._database() as base:
            if base:
                base.execute(
                    "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, _checksum(key, compressed), compressed)
                )
                base.execute(_USE, (key,))

    def load(self, compressed: bytes) -> Any:
        """Decode a value that ``get`` returned."""
        return _Unpickler(decompress(compressed), self._classes).load()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection | None]:
        """Yield the database, or None. Its first error closes it and deletes its file, unless the disk is full."""
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
    """Delete the cache in a file."""
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
        """Return one of the allowed classes. Raises pickle.UnpicklingError for any other."""
        try:
            return self._classes[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"The cache must not contain {module}.{name}") from None
