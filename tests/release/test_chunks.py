"""A changed graph rebuilds only its changed chunks, and updates the store of the previous release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release, Releases, store_update
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.compression import compress
from cybilgraph.sparql.embedded import EmbeddedEngine, QueryLimits
from tests.conftest import RECORDS, graph_of
from tests.pipeline.test_preparation import DAY, added, changed, removed


def build(pages: Path, into: Path) -> Release:
    return pipeline.build([pages], into, as_of=DAY, dumps=False)[0]


def store_equals_graph(release: Release) -> bool:
    graph = set(ox.parse(graph_of(release.folder), format=ox.RdfFormat.N_QUADS))
    return set(ox.Store.read_only(str(release.store)).quads_for_pattern(None, None, None, None)) == graph


def is_read_from_disk(release: Release) -> bool:
    """Return whether workers, which cannot open files after the store, can answer queries."""
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=20))
    queries = ("SELECT ?t ?n { ?p dcterms:title ?t ; cyb:country/skos:prefLabel ?n }", "ASK { ?p cyb:implementor ?a }")
    try:
        return all(engine.answer(query, (BY_NAME["csv"],)).content for query in queries)
    finally:
        engine.close()


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


def test_erasure_rebuilds_updated_stores(tmp_path: Path) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    page = pages / "belize-G0020.txt"
    text = page.read_text(encoding="utf-8")
    page.write_text(f"{text}\nContact\n\nAda Example, ada@example.org\n", encoding="utf-8")
    into = tmp_path / "into"
    assert b"Ada Example" in graph_of(build(pages, into).folder)
    page.write_text(text, encoding="utf-8")
    release = build(pages, into)
    assert "carried" in release.manifest
    assert b"Ada Example" not in graph_of(release.folder)
    before = release.manifest
    assert Releases(into).erase("Somebody  Else") == {}
    assert Releases(into).get(2).manifest == before, "a release without the contact is unchanged"
    erasures = Releases(into).erase("ada  example")
    outcomes = {number: (erasure.found, erasure.was_rebuilt) for number, erasure in erasures.items()}
    assert outcomes == {1: (True, True), 2: (False, True)}
    release = Releases(into).get(2)
    assert "carried" not in release.manifest
    assert store_equals_graph(release)
