"""A changed graph rebuilds only its changed chunks, and updates the store of the previous release."""

from __future__ import annotations

import shutil
from pathlib import Path

from cybilgraph.release import Releases
from tests.conftest import RECORDS, graph_of
from tests.support.stores import build, store_equals_graph


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
