"""The store holds the same graph, however it is loaded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, SupportsIndex

import pyoxigraph as ox
import pytest

from cybilgraph.model.formats import BY_NAME
from cybilgraph.rdf import serialisation
from cybilgraph.release import Release
from cybilgraph.sparql import store
from tests.conftest import graph_of


@pytest.mark.slow
@pytest.mark.parametrize("batch_quads", [7, 1_000, 1_000_000])
def test_graph_loaded_in_batches_is_complete(batch_quads: int, release: Release, tmp_path: Path) -> None:
    lines = graph_of(release.folder).splitlines(keepends=True)
    graph = tmp_path / "graph.nq"
    graph.write_bytes(b"".join(lines[:700]))
    assert store.write_store(graph, tmp_path / "store", batch_quads) == 700
    held = ox.Store.read_only(str(tmp_path / "store"))
    assert sorted(b"%s .\n" % str(quad).encode() for quad in held) == sorted(lines[:700])


class _Counted(bytes):
    """Bytes that count how many are copied."""

    copied = 0

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        part = super().__getitem__(key)
        _Counted.copied += len(part) if isinstance(part, bytes) else 1
        return _Counted(part) if isinstance(part, bytes) else part


def test_large_block_is_not_copied_for_each_part() -> None:
    block = _Counted(b"".join(b'<urn:a> <urn:p> "%d" .\n' % number for number in range(20_000)))
    output = io.BytesIO()
    serialisation.serialise([block], BY_NAME["turtle"], output)
    assert output.getvalue().count(b'"') == 40_000
    assert _Counted.copied <= 2 * len(block)
