"""Read the tables of a release, wherever they were downloaded."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from arro3.io import read_parquet

from cybilgraph.runtime.compression import open_decompressed

#: The maximum characters of a cell; no record has a longer text.
_MAX_CELL_CHARACTERS = 100_000_000
#: The maximum length of an error message from a library.
_MAX_MESSAGE_CHARACTERS = 160


def read_table(path: Path, name: str) -> Generator[tuple[str, ...]]:
    """Yield the column names and the rows of a table in CSV or Parquet, with the compression that its name
    indicates.

    Empty values are "". Raises OSError, ValueError, and DECOMPRESSION_ERRORS.
    """
    return _parquet_rows(path) if name.endswith(".parquet") else _csv_rows(path, name)


def _csv_rows(path: Path, name: str) -> Generator[tuple[str, ...]]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)  # the limit is global, and other code may have changed it
    with open_decompressed(path, name) as content:
        buffered: Any = io.BufferedReader(content)
        try:
            with io.TextIOWrapper(buffered, "utf-8", newline="") as text:
                yield from map(tuple, csv.reader(text))
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
    """Run a step of arro3. Raises ValueError if the file is invalid."""
    try:
        return step()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # arro3's errors have no common base class, and panics are not even Exceptions
        raise ValueError(f"not a valid Parquet file: {str(error)[:_MAX_MESSAGE_CHARACTERS]}") from error
