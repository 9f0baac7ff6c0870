"""Tables of a release, as anyone has taken them → their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from arro3.io import read_parquet

from cybilgraph.runtime.compression import open_decompressed

#: Characters of one cell; a text that is longer is in no record.
_MAX_CELL_CHARACTERS = 100_000_000
#: Of what a library says, so much is told.
_MAX_MESSAGE_CHARACTERS = 160


def read_table(path: Path, name: str) -> Generator[tuple[str, ...]]:
    """The names of the columns of a table, then its rows: of CSV or Parquet, packed as its name ends.

    What is empty is "". Raises OSError, ValueError, and DECOMPRESSION_ERRORS.
    """
    return _parquet_rows(path) if name.endswith(".parquet") else _csv_rows(path, name)


def _csv_rows(path: Path, name: str) -> Generator[tuple[str, ...]]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)  # it is one for all of the process, and others may have changed it
    with open_decompressed(path, name) as content:
        buffered: Any = io.BufferedReader(content)
        try:
            yield from map(tuple, csv.reader(io.TextIOWrapper(buffered, "utf-8", newline="")))
        except csv.Error as error:
            raise ValueError(str(error)) from error


def _parquet_rows(path: Path) -> Generator[tuple[str, ...]]:
    place: Any = path
    batches: Any = _attempt(lambda: read_parquet(place))
    yield tuple(batches.schema.names)
    while (batch := _attempt(lambda: next(batches, None))) is not None:
        columns = [column.to_pylist() for column in batch.columns]
        yield from (tuple("" if cell is None else str(cell) for cell in row) for row in zip(*columns, strict=True))


def _attempt(step: Callable[[], Any]) -> Any:
    """What a step of arro3 gives. Raises ValueError where the file is none."""
    try:
        return step()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # its errors have no base: some are Exception itself, and panics not even that
        raise ValueError(f"not a valid Parquet file: {str(error)[:_MAX_MESSAGE_CHARACTERS]}") from error
