"""Writes, updates and opens the store, on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from cybilgraph.errors import FileDamaged
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.runtime.files import sha256_of

RESULT_FORMATS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
#: The result of a query. A graph is any iterable of triples.
QueryResult = ox.QuerySolutions | ox.QueryBoolean | Iterable[ox.Triple]
#: Quads loaded per batch: a bulk load buffers up to a million, at about a kilobyte each.
_LOAD_BATCH_QUADS = 50_000
#: Table files that a store opens at start; it opens the others when they are first read (RocksDB's
#: ``kInitialLoadLimit``). There is one for each index and one more for each 64 MB.
_MAX_FILES_OPENED_AT_START = 16


def write_store(nquads: Path, folder: Path, batch_quads: int = _LOAD_BATCH_QUADS) -> int:
    """Load an N-Quads file, possibly compressed, into a new store in this folder; return the number of quads."""
    store = ox.Store(folder)
    with open_decompressed(nquads) as lines:
        while block := b"".join(islice(lines, batch_quads)):
            store.bulk_load(input=block, format=ox.RdfFormat.N_QUADS, lenient=True)  # we wrote it
    store.optimize()
    store.flush()
    return len(store)


def opens_all_files(folder: Path) -> bool:
    """Return whether opening the store in this folder opens all its table files."""
    return sum(1 for _ in folder.glob("*.sst")) <= _MAX_FILES_OPENED_AT_START


def load_into_memory(nquads: str, checksum: str = "") -> ox.Store:
    """Load an N-Quads file, possibly compressed, into a store in memory, which has no threads and may be forked.

    Raises FileDamaged if the file cannot be read, or does not have the SHA-256 ``checksum`` (if given).
    """
    store = ox.Store()
    try:
        if checksum and sha256_of(Path(nquads)) != checksum:
            raise FileDamaged(f"{nquads} has a wrong checksum")
        with open_decompressed(Path(nquads)) as file:
            store.bulk_load(input=file, format=ox.RdfFormat.N_QUADS, lenient=True)  # we wrote it
    except OSError as error:
        raise FileDamaged(f"{nquads} cannot be read: {error.strerror}") from error
    except DECOMPRESSION_ERRORS as error:
        raise FileDamaged(f"{nquads} cannot be decompressed: {error}") from error
    return store


def statements_about(folder: Path, things: Iterable[str]) -> dict[str, set[str]]:
    """Return the current triples about things and their parts (IRIs below theirs), as N-Triples lines by subject."""
    store = ox.Store.read_only(str(folder))
    found: dict[str, set[str]] = {}
    waiting = list(things)
    while waiting:
        if (thing := waiting.pop()) not in found:
            quads = list(store.quads_for_pattern(ox.NamedNode(thing), None, None, ox.DefaultGraph()))
            found[thing] = {f"{quad.triple} ." for quad in quads}
            objects = {quad.object.value for quad in quads if isinstance(quad.object, ox.NamedNode)}
            waiting += [value for value in objects if value.startswith(f"{thing}/")]
    return found


def query_bytes(store: ox.Store, query: str) -> bytes:
    """Run a query on a store and serialise the result: a table as CSV, a graph as N-Triples.

    Raises SyntaxError, OSError, RuntimeError.
    """
    found: Any = store.query(query, prefixes=PREFIXES)
    is_graph = isinstance(found, ox.QueryTriples)
    return bytes(found.serialize(format=ox.RdfFormat.N_TRIPLES if is_graph else ox.QueryResultsFormat.CSV))
