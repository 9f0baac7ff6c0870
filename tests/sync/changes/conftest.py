"""Fixtures for tests of changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.release import Releases
from cybilgraph.sync.changes import ChangeLogCache
from tests.conftest import RECORDS, SEED
from tests.support.changes import SAMOA


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five releases: two records; one changed; nothing but its reading; one removed and one added; the same again."""
    folder, sources = tmp_path_factory.mktemp("shelf"), tmp_path_factory.mktemp("sources")
    seed = sources / SEED.name
    shutil.copy(SEED, seed)
    shutil.copy(RECORDS / SAMOA, sources)
    pipeline.build([sources], folder)
    text = seed.read_text(encoding="utf-8")
    text = text.replace("Apr 2018", "May 2018").replace("Finished", "Ongoing")
    seed.write_text(text, encoding="utf-8")
    pipeline.build([sources], folder)
    seed.write_text(f"\n\n{text}", encoding="utf-8")  # other checksum, other lines
    pipeline.build([sources], folder)
    (sources / SAMOA).unlink()
    new = sources / "new.json"
    new.write_text('{"title": "A New Project", "code": "G0998", "countries": ["Tonga"]}', encoding="utf-8")
    pipeline.build([sources], folder)
    pipeline.build([sources], folder)
    return folder


@pytest.fixture(scope="module")
def changes(shelf: Path) -> Iterator[ChangeLogCache]:
    changes = ChangeLogCache(Releases(shelf))
    yield changes
    changes.close()
