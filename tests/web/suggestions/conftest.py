"""A folder of records and a queue of suggestions."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.web.suggestions import (
    SuggestionQueue,
)
from tests.conftest import SEED


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    (folder / "below").mkdir(parents=True)
    for path in (folder / SEED.name, folder / "below" / SEED.name, folder / ".hidden.txt"):
        path.write_bytes(SEED.read_bytes())
    return folder


@pytest.fixture
def queue(tmp_path: Path) -> SuggestionQueue:
    return SuggestionQueue(tmp_path / "queue", max_pending=3)
