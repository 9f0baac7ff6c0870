"""A graph in pieces: what is different in it is made anew, and nothing else; the store is carried on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.engine.embedded import EmbeddedEngine, Limits
from cybilgraph.formats import BY_NAME
from cybilgraph.release import Release, Releases, carried, pieces
from cybilgraph.vocab import BASE
from tests.conftest import RECORDS
from tests.test_preparing import DAY, added, changed, removed

PROJECT = re.compile(rf"^<{BASE}(?:id/project|record)/([^/>]+)", re.MULTILINE)


def lines_of(*keys: str) -> list[bytes]:
    return [
        f'<{BASE}{kind}/{key}{part}> <x:says> "{"many words " * 50}" .\n'.encode()
        for key in sorted(keys)
        for kind, part in (("id/project", ""), ("id/project", "/outcome/1"), ("record", ""))
    ]


def test_a_project_is_in_one_piece_and_a_new_one_changes_no_more_than_that() -> None:
    keys = [f"G{number:04}" for number in range(2_000)]
    before = list(pieces.pieces(lines_of(*keys)))
    assert b"".join(before) == b"".join(lines_of(*keys))
    assert len(before) > 10
    found = [set(PROJECT.findall(piece.decode())) for piece in before]
    assert sum(map(len, found)) == len(keys) == len(set.union(*found))
    for new in ("G0000x", "G1000x", "G1999x"):
        after = list(pieces.pieces(lines_of(*keys, new)))
        assert len(set(after) - set(before)) <= 2
        assert len(set(before) - set(after)) <= 1


def build(pages: Path, into: Path) -> Release:
    return pipeline.build([pages], into, as_of=DAY, dumps=False)[0]


def holds_its_graph(release: Release) -> bool:
    graph = set(ox.parse(path=release.folder / "graph.nq", format=ox.RdfFormat.N_QUADS))
    return set(ox.Store.read_only(str(release.store)).quads_for_pattern(None, None, None, None)) == graph


def is_read_from_disk(release: Release) -> bool:
    """By workers that can open no more files, once they have opened the store."""
    engine = EmbeddedEngine(release.store, Limits(timeout=20))
    asked = ("SELECT ?t ?n { ?p dcterms:title ?t ; cyb:country/skos:prefLabel ?n }", "ASK { ?p cyb:implementor ?a }")
    try:
        return all(engine.answer(query, (BY_NAME["csv"],)).content for query in asked)
    finally:
        engine.close()


def test_a_store_is_carried_on_and_holds_what_the_graph_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    into = tmp_path / "into"
    assert "carried" not in build(pages, into).manifest
    for times, step in enumerate((changed, added, removed), start=1):
        step(pages)
        release = build(pages, into)
        assert release.manifest["carried"] == times
        assert holds_its_graph(release)
        assert is_read_from_disk(release)
        release.verify()
    monkeypatch.setattr(carried, "_TIMES", 3)
    release = build(pages, into)
    assert "carried" not in release.manifest
    assert holds_its_graph(release)


@pytest.mark.parametrize("damaged", ["store", "graph", "both gone"])
def test_a_store_is_not_carried_on_from_a_damaged_release(tmp_path: Path, damaged: str) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    first = build(pages, tmp_path / "into")
    if damaged == "store":
        path = max(first.store.glob("*.sst"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damaged == "graph":
        path = first.folder / "graph.nq"
        path.write_bytes(path.read_bytes().replace(b"Belize", b"Belise"))
    else:
        shutil.rmtree(first.store)
        (first.folder / "graph.nq").unlink()
    changed(pages)
    release = build(pages, tmp_path / "into")
    assert "carried" not in release.manifest
    assert holds_its_graph(release)


def test_who_is_forgotten_is_in_no_store_that_was_carried_on(tmp_path: Path) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    page = pages / "belize-G0020.txt"
    said = page.read_text(encoding="utf-8")
    page.write_text(f"{said}\nContact\n\nAda Example, ada@example.org\n", encoding="utf-8")
    into = tmp_path / "into"
    assert b"Ada Example" in (build(pages, into).folder / "graph.nq").read_bytes()
    page.write_text(said, encoding="utf-8")
    release = build(pages, into)
    assert "carried" in release.manifest
    assert b"Ada Example" not in (release.folder / "graph.nq").read_bytes()
    before = release.manifest
    assert Releases(into).forget("Somebody  Else") == {}
    assert Releases(into).get(2).manifest == before, "what nothing was found in stays as it is"
    told = Releases(into).forget("ada  example")
    assert {number: (one.found, one.made_anew) for number, one in told.items()} == {1: (True, True), 2: (False, True)}
    release = Releases(into).get(2)
    assert "carried" not in release.manifest
    assert holds_its_graph(release)
