"""A store is updated with the changed chunks only, and only if it is intact."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release, store_update
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.compression import compress
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.conftest import RECORDS, graph_of
from tests.support.builds import added, changed, removed
from tests.support.stores import build, store_equals_graph


def is_read_from_disk(release: Release) -> bool:
    """Return whether workers, which cannot open files after the store, can answer queries."""
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=20))
    queries = ("SELECT ?t ?n { ?p dcterms:title ?t ; cyb:country/skos:prefLabel ?n }", "ASK { ?p cyb:implementor ?a }")
    try:
        return all(engine.answer(query, (BY_NAME["csv"],)).content for query in queries)
    finally:
        engine.close()


@pytest.mark.slow
def test_updated_store_equals_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    into = tmp_path / "into"
    assert "carried" not in build(pages, into).manifest
    for times, step in enumerate((changed, added, removed), start=1):
        step(pages)
        release = build(pages, into)
        assert release.manifest["carried"] == times
        assert store_equals_graph(release)
        assert is_read_from_disk(release)
        release.verify()
    monkeypatch.setattr(store_update, "_MAX_UPDATES", 3)
    release = build(pages, into)
    assert "carried" not in release.manifest
    assert store_equals_graph(release)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["store", "graph", "both gone"])
def test_store_of_a_damaged_release_is_not_updated(tmp_path: Path, damaged: str) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    first = build(pages, tmp_path / "into")
    if damaged == "store":
        path = max(first.store.glob("*.sst"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damaged == "graph":
        path = first.folder / GRAPH
        path.write_bytes(compress(graph_of(first.folder).replace(b"Belize", b"Belise")))
    else:
        shutil.rmtree(first.store)
        (first.folder / GRAPH).unlink()
    changed(pages)
    release = build(pages, tmp_path / "into")
    assert "carried" not in release.manifest
    assert store_equals_graph(release)
