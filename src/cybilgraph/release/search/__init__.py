"""Finding projects by words and by what they are linked to: an index in one file of a release (SQLite, FTS5).

The file is written once, with the release, and opened for reading only. Beside the index it has what was
found wrong in each record, so that the page of a project need not read the whole report. Equal releases
have equal bytes of it, where the library of SQLite is the same.

Words are compared by their English stems and without accents; each may be a beginning. A word that nothing has
is replaced by the one that is spelt most alike. No text that is searched for is an error: only its
words reach the index.
"""

from __future__ import annotations

from cybilgraph.release.search.index_writer import FACETS, IndexEntry, Name, index_entries, write_index
from cybilgraph.release.search.searcher import (
    MAX_FACET_VALUES,
    ORDERS,
    PAGE_SIZE,
    FacetValue,
    QueryPart,
    Relaxation,
    SearchHit,
    SearchIndex,
    SearchQuery,
    SearchResult,
)

__all__ = [
    "FACETS",
    "MAX_FACET_VALUES",
    "ORDERS",
    "PAGE_SIZE",
    "FacetValue",
    "IndexEntry",
    "Name",
    "QueryPart",
    "Relaxation",
    "SearchHit",
    "SearchIndex",
    "SearchQuery",
    "SearchResult",
    "index_entries",
    "write_index",
]
