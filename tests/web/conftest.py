"""A server that accepts suggestions, with a rate limit high enough for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running_server


@pytest.fixture(scope="session")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the suggestions folder of ``portal``."""
    return tmp_path_factory.mktemp("suggestions")


@pytest.fixture(scope="session")
def portal(releases: Path, queue: Path) -> Iterator[str]:
    """Start a server that accepts suggestions, and return its URL."""
    with running_server(releases, "--suggestions", queue, "--rate", 100_000, "--body-seconds", 5) as url:
        yield url
