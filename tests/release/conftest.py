"""Fixtures for tests of releases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cybilgraph import pipeline
from tests.conftest import SEED


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three equal releases, to be copied, because tests damage them."""
    folder = tmp_path_factory.mktemp("three")
    pipeline.build([SEED], folder)
    for number in (2, 3):
        shutil.copytree(folder / "0001", folder / f"000{number}")
    (folder / "current").write_text("3")
    return folder
