"""A release: a folder with the graph and everything derived from it, complete or absent, and never changed later.

    DIR/
    ├── current          the number of the release that is served
    ├── forgotten        keyed hashes of erased names and e-mail addresses
    ├── forgotten.key    the key of these hashes, readable only by its owner
    ├── moved-0001.csv   the last change of each record, up to the oldest release that is kept
    ├── 0001/
    │   ├── sources.sqlite  the sources of single records, by their SHA-256
    │   ├── graph.nq.zst    the whole graph, sorted and compressed: equal input gives equal bytes
    │   ├── search.sqlite   the search index, and the findings of each record
    │   ├── store/          the same graph, indexed for queries
    │   ├── report.json     the findings of the build
    │   ├── identities.csv  the names of each project and numbers of its captures, which keep IRIs stable
    │   ├── public/         downloads: dumps in all syntaxes, tables, descriptions
    │   ├── manifest.json   counts, versions, and the SHA-256 of every other file
    │   └── SHA256SUMS      checksums of the served files, for sha256sum --check
    └── 0002/ …

A release is built in a hidden folder next to the others, flushed to disk, renamed, and then named in ``current``.
Each of these steps is atomic.
"""

from __future__ import annotations

from cybilgraph.release.folder import CURRENT, Releases
from cybilgraph.release.manifest import CHECKSUMS, IDENTITIES, MANIFEST, SEARCH, Release

__all__ = ["CHECKSUMS", "CURRENT", "IDENTITIES", "MANIFEST", "SEARCH", "Release", "Releases"]
