"""The sources of single records in one SQLite file, found by SHA-256."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cybilgraph.errors import FileDamaged
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, compress, decompress

SOURCES = "sources.sqlite"
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
BEGIN;
CREATE TABLE source (sha256 BLOB PRIMARY KEY, content BLOB);
"""


class Sources:
    """A new file of sources. Equal sources in equal order give equal bytes. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.executescript(_SCHEMA)
        self._closed = False

    def add(self, content: bytes) -> None:
        """Add a source, unless it is in the file already."""
        row = hashlib.sha256(content).digest(), compress(content)
        self._base.execute("INSERT OR IGNORE INTO source VALUES (?, ?)", row)

    def close(self) -> None:
        """Commit and close the file. May be called more than once."""
        if not self._closed:
            self._closed = True
            self._base.execute("COMMIT")
            self._base.close()


def read_source(path: Path, sha256: str) -> bytes | None:
    """Return the source with this SHA-256, or None if it is missing or damaged."""
    try:
        with closing(_connect(path)) as base:
            row = base.execute("SELECT content FROM source WHERE sha256 = ?", (bytes.fromhex(sha256),)).fetchone()
        content = decompress(row[0]) if row else None
    except (sqlite3.Error, ValueError, *DECOMPRESSION_ERRORS):
        return None
    return content if content is not None and hashlib.sha256(content).hexdigest() == sha256 else None


def iterate_sources(path: Path) -> Iterator[bytes]:
    """Yield all sources in order. Raises FileDamaged."""
    try:
        with closing(_connect(path)) as base:
            for (content,) in base.execute("SELECT content FROM source ORDER BY rowid"):
                yield decompress(content)
    except (sqlite3.Error, *DECOMPRESSION_ERRORS) as error:
        raise FileDamaged(f"{path} is damaged: {error}", "Build the release again.") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
