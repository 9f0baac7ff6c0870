"""The sources of records in one SQLite file, found by SHA-256: whole files of single records, and pages of others."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cybilgraph.errors import FileDamaged, SourceError
from cybilgraph.readers.excerpts import has_lines, source_lines
from cybilgraph.readers.inputs import Input
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, compress, decompress

SOURCES = "sources.sqlite"
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
BEGIN;
CREATE TABLE source (sha256 BLOB PRIMARY KEY, content BLOB);
CREATE TABLE text (sha256 BLOB, page INTEGER, content BLOB, PRIMARY KEY (sha256, page));
"""
#: The lines of a page of text, and the maximum length of a line in a file with several records, in characters.
LINES_PER_PAGE, _MAX_LINE_CHARS = 500, 10_000
#: The pages of larger files are not stored.
MAX_TEXT_BYTES = 50_000_000


class TextPage(NamedTuple):
    """A page of the text of a source: its lines, its number from 1, and the number of pages."""

    lines: list[str]
    number: int
    pages: int


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

    def add_text(self, sha256: str, lines: Iterable[str]) -> None:
        """Add the pages of a text, unless it is in the file already. Raises SourceError if it cannot be read."""
        key, rest = bytes.fromhex(sha256), iter(lines)
        if self._base.execute("SELECT 1 FROM text WHERE sha256 = ?", (key,)).fetchone():
            return
        for number, page in enumerate(iter(lambda: list(islice(rest, LINES_PER_PAGE)), []), start=1):
            cut = (line if len(line) <= _MAX_LINE_CHARS else f"{line[:_MAX_LINE_CHARS]}…" for line in page)
            self.add_page(key, number, "\n".join(cut))

    def add_page(self, key: bytes, number: int, text: str) -> None:
        """Add one page of a text; ``key`` is the SHA-256."""
        row = key, number, compress(text.encode("utf-8", "replace"))
        self._base.execute("INSERT INTO text VALUES (?, ?, ?)", row)

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


def has_text(path: Path, sha256: str, file: str) -> bool:
    """Return whether the text of a source is stored; ``file`` is its name."""
    query = "SELECT 1 FROM source WHERE sha256 = ?1 AND ?2 UNION SELECT 1 FROM text WHERE sha256 = ?1"
    with suppress(sqlite3.Error, ValueError), closing(_connect(path)) as base:
        return base.execute(query, (bytes.fromhex(sha256), has_lines(Input(file)))).fetchone() is not None
    return False


def read_text_page(path: Path, sha256: str, file: str, number: int) -> TextPage | None:
    """Return a page of the text of a source, or the last page if there are fewer; None if it is missing or damaged."""
    if (content := read_source(path, sha256)) is not None:
        with suppress(SourceError):
            lines = list(source_lines(Input(file, data=content)))
            pages = -(-len(lines) // LINES_PER_PAGE)
            number = min(number, pages)
            part = lines[(number - 1) * LINES_PER_PAGE : number * LINES_PER_PAGE]
            return TextPage(part, number, pages) if part else None
        return None
    key = bytes.fromhex(sha256)
    with suppress(sqlite3.Error, ValueError, *DECOMPRESSION_ERRORS), closing(_connect(path)) as base:
        [pages] = base.execute("SELECT MAX(page) FROM text WHERE sha256 = ?", (key,)).fetchone()
        number = min(number, pages or 1)
        row = base.execute("SELECT content FROM text WHERE sha256 = ? AND page = ?", (key, number)).fetchone()
        return TextPage(decompress(row[0]).decode().split("\n"), number, pages) if row else None
    return None


def iterate_text_pages(path: Path) -> Iterator[tuple[bytes, int, str]]:
    """Yield the SHA-256, number and text of each page of a text, in order. Raises FileDamaged."""
    try:
        with closing(_connect(path)) as base:
            if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'text'").fetchone():
                return  # an older version of the software built the release
            for key, number, content in base.execute("SELECT sha256, page, content FROM text ORDER BY rowid"):
                yield key, number, decompress(content).decode()
    except (sqlite3.Error, *DECOMPRESSION_ERRORS) as error:
        raise _damaged(path, error) from error


def iterate_sources(path: Path) -> Iterator[bytes]:
    """Yield all sources in order. Raises FileDamaged."""
    try:
        with closing(_connect(path)) as base:
            for (content,) in base.execute("SELECT content FROM source ORDER BY rowid"):
                yield decompress(content)
    except (sqlite3.Error, *DECOMPRESSION_ERRORS) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> FileDamaged:
    return FileDamaged(f"{path} is damaged: {error}", "Build the release again.")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
