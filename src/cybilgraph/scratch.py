"""A database for one run, and a spool: what would fill the memory waits in a file that nobody sees."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from cybilgraph.errors import StorageError

#: Kilobytes of a database that are in memory; the rest, and what is sorted, is on disk.
_IN_MEMORY = 1_000
#: Where a database is, and what is sorted: a file without a name.
_PLACE, _SORTED = "", "FILE"
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def stay_in_memory() -> None:
    """From now on, keep all of every database in memory: in a process that can open no file, and has a limit on
    its memory.
    """
    global _PLACE, _SORTED
    _PLACE, _SORTED = ":memory:", "MEMORY"


class Scratch:
    """A context manager: the file, which has no name, is gone when it ends.

    Raises StorageError where the disk refuses.
    """

    def __init__(self, schema: str) -> None:
        self._connection = sqlite3.connect(_PLACE, isolation_level=None)
        # Nothing of it outlives the run, so that nothing is written twice or waited for.
        self._connection.executescript(
            f"PRAGMA cache_size = -{_IN_MEMORY}; PRAGMA temp_store = {_SORTED}; PRAGMA journal_mode = OFF; "
            f"PRAGMA synchronous = OFF; BEGIN; {schema}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that gives no rows."""
        with _REFUSED:
            self._connection.execute(statement, values)

    def fill(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once for each of the rows."""
        with _REFUSED:
            self._connection.executemany(statement, rows)

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The answer to a query, row by row. Text is in the order of its code points."""
        with _REFUSED:
            # Not "yield from": that would close the cursor when the reader leaves, be the database closed or not.
            for row in self._connection.execute(query, values):  # noqa: UP028
                yield row

    def value(self, query: str, *values: object) -> Any:
        """The first value of the first row; None where there is none."""
        with _REFUSED:
            row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


class Spool:
    """Plain values that wait, in the order in which they were put, until they are asked for; a context manager.
    Raises OSError.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, value: object) -> None:
        """Take one more value, before they are asked for."""
        pickle.dump(value, self._file)

    def __iter__(self) -> Iterator[Any]:
        """All values."""
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)  # noqa: S301 - our own, see put


class _Refused:
    """A block in which it is told that the disk refuses. It is entered for each row: no generator is made for it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _DISK:
            raise StorageError(
                f"A temporary file cannot be written: {error}",
                "Free some space, or name another folder for temporary files (TMPDIR).",
            ) from error


_REFUSED = _Refused()
