"""A database for one run, a spool and a list: what would fill the memory waits in a file that nobody sees."""

from __future__ import annotations

import heapq
import pickle
import sqlite3
import tempfile
import threading
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from cybilgraph.errors import StorageError
from cybilgraph.runtime.compression import compress, decompress

#: Kilobytes of a database that are in memory; the rest, and what is sorted, is on disk.
_CACHE_KIBIBYTES = 1_000
#: Where a database is, and what is sorted: a file without a name.
_PLACE, _SORTED = "", "FILE"
#: Bytes of a spool, as they are packed, that are in memory.
_MAX_SPOOL_BYTES = 4_000_000
#: Of a list, so many values are in memory at most; those that wait are read so many at once.
_MAX_VALUES_IN_MEMORY, _VALUES_PER_CHUNK = 20_000, 100
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

Value = TypeVar("Value")


def keep_in_memory() -> None:
    """From now on, keep every database and spool in memory: in a process that can open no file, and has a limit on
    its memory.
    """
    global _PLACE, _SORTED, _MAX_SPOOL_BYTES
    _PLACE, _SORTED = ":memory:", "MEMORY"
    _MAX_SPOOL_BYTES = 0  # no limit (see tempfile.SpooledTemporaryFile)


class _Closing(ABC):
    """A context manager that is closed when its block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Forget everything."""


class TemporaryDatabase(_Closing):
    """A context manager: the file, which has no name, is gone when it ends.

    Raises StorageError where the disk refuses.
    """

    def __init__(self, schema: str) -> None:
        self._connection = sqlite3.connect(_PLACE, isolation_level=None)
        # Nothing of it outlives the run, so that nothing is written twice or waited for.
        self._connection.executescript(
            f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}; PRAGMA temp_store = {_SORTED}; PRAGMA journal_mode = OFF; "
            f"PRAGMA synchronous = OFF; BEGIN; {schema}"
        )

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that gives no rows."""
        with _STORAGE_ERRORS:
            self._connection.execute(statement, values)

    def fill(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once for each of the rows."""
        with _STORAGE_ERRORS:
            self._connection.executemany(statement, rows)

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The answer to a query, row by row. Text is in the order of its code points."""
        with _STORAGE_ERRORS:
            # Not "yield from": that would close the cursor when the reader leaves, be the database closed or not.
            for row in self._connection.execute(query, values):  # noqa: UP028
                yield row

    def value(self, query: str, *values: object) -> Any:
        """The first value of the first row; None where there is none."""
        with _STORAGE_ERRORS:
            row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


class Spool(_Closing):
    """Plain values that wait, in the order in which they were put: some in memory, and what is more on disk. Several
    may ask for them at once. Raises OSError.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MAX_SPOOL_BYTES)  # noqa: SIM115
        self._starts = array("Q", [0])
        self._turn = threading.Lock()

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def put(self, value: object) -> None:
        """Take one more value, before they are asked for."""
        compressed = compress(pickle.dumps(value))
        self._file.write(compressed)
        self._starts.append(self._starts[-1] + len(compressed))

    def __getitem__(self, number: int) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        start, end = self._starts[number : number + 2]
        with self._turn:
            self._file.seek(start)
            compressed = self._file.read(end - start)
        return pickle.loads(decompress(compressed))  # noqa: S301 - our own, see put

    def some(self, first: int, end: int) -> Iterator[Any]:
        """The values from one number on, up to another."""
        return map(self.__getitem__, range(first, min(end, len(self))))

    def __iter__(self) -> Iterator[Any]:
        """All values."""
        return self.some(0, len(self))


class SpillList(Generic[Value]):
    """A list of plain values of which some thousands are in memory, and all others wait on disk. Several may ask for
    them at once. Raises OSError.
    """

    def __init__(self) -> None:
        self._before = Spool()
        self._last: list[Value] = []

    def __del__(self) -> None:
        self._before.close()

    def __len__(self) -> int:
        return len(self._before) * _VALUES_PER_CHUNK + len(self._last)

    def __iter__(self) -> Iterator[Value]:
        yield from chain.from_iterable(self._before)
        yield from self._last

    def extend(self, values: Iterable[Value]) -> None:
        """Take more values."""
        for value in values:
            self._last.append(value)
            if len(self._last) == _MAX_VALUES_IN_MEMORY:
                _put(self._last, self._before)
                self._last = []

    def sort(self, *, key: Callable[[Value], Any]) -> None:
        """As of a list: values of equal keys stay in their order."""
        self._last.sort(key=key)
        if not self._before:
            return
        with self._before as before, Spool() as sorted_ones:
            firsts = range(0, len(before), _MAX_VALUES_IN_MEMORY // _VALUES_PER_CHUNK)
            for run in _runs(before, firsts):
                _put(sorted(run, key=key), sorted_ones)
            merged = heapq.merge(*_runs(sorted_ones, firsts), self._last, key=key)
            self._before, self._last = Spool(), []
            self.extend(merged)


def _put(values: list[Value], spool: Spool) -> None:
    for first in range(0, len(values), _VALUES_PER_CHUNK):
        spool.put(values[first : first + _VALUES_PER_CHUNK])


def _runs(spool: Spool, firsts: range) -> list[Iterator[Any]]:
    return [chain.from_iterable(spool.some(first, first + firsts.step)) for first in firsts]


class _StorageErrors:
    """A block in which it is told that the disk refuses. It is entered for each row: no generator is made for it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _DISK:
            raise StorageError(
                f"A temporary file cannot be written: {error}",
                "Free some space, or name another folder for temporary files (TMPDIR).",
            ) from error


_STORAGE_ERRORS = _StorageErrors()
