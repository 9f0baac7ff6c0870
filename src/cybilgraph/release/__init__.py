"""Quads → a release: a folder that is whole or absent, and never changes afterwards.

    DIR/
    ├── current          the number of the release that is served
    ├── forgotten        keyed hashes of names and e-mail addresses that no release may have
    ├── forgotten.key    their key, for its owner alone
    ├── moved-0001.csv   when each record moved last, up to the oldest release that is kept
    ├── .prepared        what was worked out of records and of pieces of the graph, to save time
    ├── 0001/
    │   ├── sources.sqlite  what single records were read from, each by its SHA-256
    │   ├── graph.nq.zst the whole graph, sorted and packed: equal input gives equal bytes
    │   ├── search.sqlite  the index of the search, and the findings of each record
    │   ├── store/       the same graph, indexed for queries
    │   ├── report.json  what was found wrong or missing
    │   ├── identities.csv  the key of each project with all its names, so that a key stays good
    │   ├── public/      files to take away: dumps in all syntaxes, tables, descriptions
    │   ├── manifest.json  counts, versions, and the SHA-256 of every other file
    │   └── SHA256SUMS   the files that are served, for sha256sum --check
    └── 0002/ …

A release is built in a hidden folder beside the others, flushed to disk, renamed, and only
then named in ``current``; each of these steps either happens or does not.
"""

from __future__ import annotations

from cybilgraph.release.chunks import CLASSES
from cybilgraph.release.draft import Draft
from cybilgraph.release.folder import CURRENT, Releases
from cybilgraph.release.forgotten import ForgottenNames
from cybilgraph.release.manifest import CHECKSUMS, IDENTITIES, MANIFEST, REPORT, SEARCH, Release

__all__ = [
    "CHECKSUMS",
    "CLASSES",
    "CURRENT",
    "IDENTITIES",
    "MANIFEST",
    "REPORT",
    "SEARCH",
    "Draft",
    "ForgottenNames",
    "Release",
    "Releases",
]
