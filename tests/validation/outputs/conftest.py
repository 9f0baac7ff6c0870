"""Fixtures for tests of the validation."""

from __future__ import annotations

import pytest

from cybilgraph import pipeline
from cybilgraph.model.findings import (
    Report,
)
from tests.conftest import PAGES, ROOT


@pytest.fixture(scope="session")
def report() -> Report:
    """A report on the records and on samples in other formats."""
    found = pipeline.check(*PAGES, ROOT / "tests" / "samples" / "one-project", excerpts=True)
    assert len(found.findings) > 50
    return found
