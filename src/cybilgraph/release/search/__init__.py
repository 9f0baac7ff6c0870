"""Searches projects by words and facets, with an index in one file of a release (SQLite, FTS5).

The file is written once with the release, and opened read-only. It also contains the findings of each record, so that
a project page need not read the whole report. Equal releases give equal bytes with the same SQLite library.

Words match by their English stems, ignoring accents, and as prefixes. A word without matches is replaced by the most
similar ones. No search text is an error, because only its words reach the index.
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
