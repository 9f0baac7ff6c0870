"""The store, on disk or in memory: writing, changing and opening it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from cybilgraph.errors import FileDamaged
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.rdf.serialisation import parse_nquads
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.runtime.files import sha256_of

RESULT_FORMATS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "csv": ox.QueryResultsFormat.CSV,
    "tsv": ox.QueryResultsFormat.TSV,
}
#: What a query finds. A graph is triples, of whatever kind of iterator.
QueryResult = ox.QuerySolutions | ox.QueryBoolean | Iterable[ox.Triple]
#: So many quads are loaded at once: the store would take a kilobyte of memory for each, up to a million.
_LOAD_BATCH_QUADS = 50_000
#: So many of its tables a store opens when it is opened, and each of the others when it is read (RocksDB's
#: ``kInitialLoadLimit``). It has one for each index, and one more for each 64 MB.
_MAX_FILES_OPENED_AT_START = 16


def write_store(nquads: Path, folder: Path) -> int:
    """Load an N-Quads file, which may be packed, into a new store in this folder; returns the number of quads."""
    store = ox.Store(folder)
    with open_decompressed(nquads) as lines:
        while block := b"".join(islice(lines, _LOAD_BATCH_QUADS)):
            store.bulk_load(input=block, format=ox.RdfFormat.N_QUADS, lenient=True)  # we wrote it
    store.optimize()
    store.flush()
    return len(store)


def update_store(folder: Path, removed: Iterable[Iterable[bytes]], added: Iterable[Iterable[bytes]]) -> int:
    """Take lines of N-Quads out of the store in this folder, then put others in; returns the number of quads."""
    store = ox.Store(folder)
    try:
        for lines in removed:
            for quad in parse_nquads(b"".join(lines)):
                store.remove(quad)
        for lines in added:
            store.extend(parse_nquads(b"".join(lines)))
        # Else its tables are many, and not all of them open with the store (see ``opens_all_files``).
        store.optimize()
        store.flush()
        return len(store)
    finally:
        del store  # a traceback would keep it, and its lock on the folder


def opens_all_files(folder: Path) -> bool:
    """Whether all tables of the store in this folder are open as soon as the store is."""
    return sum(1 for _ in folder.glob("*.sst")) <= _MAX_FILES_OPENED_AT_START


def load_into_memory(nquads: str, checksum: str = "") -> ox.Store:
    """Load an N-Quads file, which may be packed, into a store in memory. It has no threads, and may be forked.

    Raises FileDamaged where the file cannot be read, or is not that of the SHA-256 ``checksum``, if one is given.
    """
    store = ox.Store()
    try:
        if checksum and sha256_of(Path(nquads)) != checksum:
            raise FileDamaged(f"{nquads} is not what was built")
        with open_decompressed(Path(nquads)) as file:
            store.bulk_load(input=file, format=ox.RdfFormat.N_QUADS, lenient=True)  # we wrote it
    except OSError as error:
        raise FileDamaged(f"{nquads} cannot be read: {error.strerror}") from error
    except DECOMPRESSION_ERRORS as error:
        raise FileDamaged(f"{nquads} is not packed as its name says: {error}") from error
    return store


def statements_about(folder: Path, things: Iterable[str]) -> dict[str, set[str]]:
    """The triples of the present, as N-Triples lines by subject, about things and what is named below them."""
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
    """What a query finds in a store: a table as CSV, a graph as N-Triples.

    Raises SyntaxError, OSError, RuntimeError.
    """
    found: Any = store.query(query, prefixes=PREFIXES)
    is_graph = isinstance(found, ox.QueryTriples)
    return bytes(found.serialize(format=ox.RdfFormat.N_TRIPLES if is_graph else ox.QueryResultsFormat.CSV))
