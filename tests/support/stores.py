"""Builds without dumps, and a comparison of their store and graph."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyoxigraph as ox

from cybilgraph import pipeline
from cybilgraph.release import Release
from tests.conftest import graph_of

DAY = date(2026, 1, 1)


def build(pages: Path, into: Path) -> Release:
    return pipeline.build([pages], into, as_of=DAY, dumps=False)[0]


def store_equals_graph(release: Release) -> bool:
    graph = set(ox.parse(graph_of(release.folder), format=ox.RdfFormat.N_QUADS))
    return set(ox.Store.read_only(str(release.store)).quads_for_pattern(None, None, None, None)) == graph
