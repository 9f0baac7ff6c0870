"""What single records were read from, each by its SHA-256, in one file (SQLite): of many, one is had at once."""

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
    """A new file, to be filled. Equal sources in equal order give equal bytes. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.executescript(_SCHEMA)
        self._closed = False

    def keep(self, content: bytes) -> None:
        """Keep a source, once."""
        row = hashlib.sha256(content).digest(), compress(content)
        self._base.execute("INSERT OR IGNORE INTO source VALUES (?, ?)", row)

    def close(self) -> None:
        """Write what is not written yet. That may be done again."""
        if not self._closed:
            self._closed = True
            self._base.execute("COMMIT")
            self._base.close()


def read_source(path: Path, sha256: str) -> bytes | None:
    """The source of this SHA-256; None where the file has it not, or it is damaged or gone."""
    try:
        with closing(_connect(path)) as base:
            row = base.execute("SELECT content FROM source WHERE sha256 = ?", (bytes.fromhex(sha256),)).fetchone()
        content = decompress(row[0]) if row else None
    except (sqlite3.Error, ValueError, *DECOMPRESSION_ERRORS):
        return None
    return content if content is not None and hashlib.sha256(content).hexdigest() == sha256 else None


def iterate_sources(path: Path) -> Iterator[bytes]:
    """All sources, in their order. Raises FileDamaged."""
    try:
        with closing(_connect(path)) as base:
            for (content,) in base.execute("SELECT content FROM source ORDER BY rowid"):
                yield decompress(content)
    except (sqlite3.Error, *DECOMPRESSION_ERRORS) as error:
        raise FileDamaged(f"{path} is not what was built: {error}", "Build the release again.") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
