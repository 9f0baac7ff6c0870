"""Temporary data that may exceed memory: a database, a spool and a list that spill to unnamed files."""

from __future__ import annotations

import heapq
import pickle
import sqlite3
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Generic, Self, TypeVar

from cybilgraph.errors import StorageError
from cybilgraph.runtime.compression import compress, decompress

#: Size of a database's page cache; the rest of it, and data being sorted, is on disk.
_CACHE_KIBIBYTES = 1_000
#: SQLite: an unnamed temporary file, and temporary data in files.
_DATABASE, _TEMP_STORE = "", "FILE"
#: Compressed bytes of a spool that stay in memory.
_MAX_SPOOL_BYTES = 4_000_000
#: Values of a list that stay in memory, and values per chunk on disk.
_MAX_VALUES_IN_MEMORY, _VALUES_PER_CHUNK = 20_000, 100
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

Value = TypeVar("Value")


def keep_in_memory() -> None:
    """Keep every new database and spool in memory, for a process that cannot open files and has a memory limit."""
    global _DATABASE, _TEMP_STORE, _MAX_SPOOL_BYTES
    _DATABASE, _TEMP_STORE = ":memory:", "MEMORY"
    _MAX_SPOOL_BYTES = 0  # no limit (see tempfile.SpooledTemporaryFile)


class TemporaryDatabase:
    """A SQLite database in an unnamed file, which disappears when it is closed. Threads that share it must take turns.

    Raises StorageError if the disk is full or fails.
    """

    def __init__(self, schema: str) -> None:
        self._connection = sqlite3.connect(_DATABASE, isolation_level=None, check_same_thread=False)
        # The data does not outlive the process, so it needs neither journal nor synchronous writes.
        self._connection.executescript(
            f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}; PRAGMA temp_store = {_TEMP_STORE}; PRAGMA journal_mode = OFF; "
            f"PRAGMA synchronous = OFF; BEGIN; {schema}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete all data."""
        self._connection.close()

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that returns no rows."""
        with _STORAGE_ERRORS:
            self._connection.execute(statement, values)

    def fill(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once for each row of parameters."""
        with _STORAGE_ERRORS:
            self._connection.executemany(statement, rows)

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query. Text sorts by code point."""
        with _STORAGE_ERRORS:
            # Not "yield from", which closes the cursor when the consumer stops, even if the database is closed already.
            for row in self._connection.execute(query, values):  # noqa: UP028
                yield row

    def value(self, query: str, *values: object) -> Any:
        """Return the first value of the first row, or None if there is no row."""
        with _STORAGE_ERRORS:
            row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


class Spool(AbstractContextManager["Spool"]):
    """A sequence of picklable values, in memory up to a limit and on disk beyond. Reading is thread-safe.

    Raises OSError.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MAX_SPOOL_BYTES)  # noqa: SIM115
        self._starts = array("Q", [0])
        self._lock = threading.Lock()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete all data."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def put(self, value: object) -> None:
        """Append a value. All values must be appended before the first is read."""
        compressed = compress(pickle.dumps(value))
        self._file.write(compressed)
        self._starts.append(self._starts[-1] + len(compressed))

    def __getitem__(self, number: int) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        start, end = self._starts[number : number + 2]
        with self._lock:
            self._file.seek(start)
            compressed = self._file.read(end - start)
        return pickle.loads(decompress(compressed))  # noqa: S301 - written by put

    def slice(self, start: int, stop: int) -> Iterator[Any]:
        """Iterate over the values from ``start`` up to, but not including, ``stop``."""
        return map(self.__getitem__, range(start, min(stop, len(self))))

    def __iter__(self) -> Iterator[Any]:
        """Iterate over all values."""
        return self.slice(0, len(self))


class SpillList(Generic[Value]):
    """A list of picklable values, some thousands of them in memory and the rest on disk. Reading is thread-safe.

    Raises OSError.
    """

    def __init__(self) -> None:
        self._spool = Spool()
        self._tail: list[Value] = []

    def __del__(self) -> None:
        self._spool.close()

    def __len__(self) -> int:
        return len(self._spool) * _VALUES_PER_CHUNK + len(self._tail)

    def __iter__(self) -> Iterator[Value]:
        yield from chain.from_iterable(self._spool)
        yield from self._tail

    def extend(self, values: Iterable[Value]) -> None:
        """Append values."""
        for value in values:
            self._tail.append(value)
            if len(self._tail) == _MAX_VALUES_IN_MEMORY:
                _put(self._tail, self._spool)
                self._tail = []

    def sort(self, *, key: Callable[[Value], Any]) -> None:
        """Sort in place. The sort is stable, as that of ``list``."""
        self._tail.sort(key=key)
        if not self._spool:
            return
        with self._spool as unsorted, Spool() as sorted_runs:
            starts = range(0, len(unsorted), _MAX_VALUES_IN_MEMORY // _VALUES_PER_CHUNK)
            for run in _runs(unsorted, starts):
                _put(sorted(run, key=key), sorted_runs)
            merged = heapq.merge(*_runs(sorted_runs, starts), self._tail, key=key)
            self._spool, self._tail = Spool(), []
            self.extend(merged)


def _put(values: list[Value], spool: Spool) -> None:
    for first in range(0, len(values), _VALUES_PER_CHUNK):
        spool.put(values[first : first + _VALUES_PER_CHUNK])


def _runs(spool: Spool, starts: range) -> list[Iterator[Any]]:
    return [chain.from_iterable(spool.slice(start, start + starts.step)) for start in starts]


class _StorageErrors:
    """A context manager that reports disk errors as StorageError. A class, because it is entered for every row."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _DISK:
            raise StorageError(
                f"A temporary file cannot be written: {error}",
                "Free some disk space, or set TMPDIR to another folder.",
            ) from error


_STORAGE_ERRORS = _StorageErrors()
