"""The store holds the graph, however it is loaded."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph.engine import store
from cybilgraph.release import Release


@pytest.mark.parametrize("at_once", [7, 1_000, 1_000_000])
def test_a_graph_that_is_loaded_in_parts_is_whole(
    at_once: int, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (release.folder / "graph.nq").read_bytes().splitlines(keepends=True)
    graph = tmp_path / "graph.nq"
    graph.write_bytes(b"".join(lines[:700]))
    monkeypatch.setattr(store, "_AT_ONCE", at_once)
    assert store.write_store(graph, tmp_path / "store") == 700
    held = ox.Store.read_only(str(tmp_path / "store"))
    assert sorted(b"%s .\n" % str(quad).encode() for quad in held) == sorted(lines[:700])
