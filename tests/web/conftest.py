"""A server that takes suggestions, and lets one client ask as often as a test may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running_server


@pytest.fixture(scope="session")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of suggestions of ``portal``."""
    return tmp_path_factory.mktemp("suggestions")


@pytest.fixture(scope="session")
def portal(releases: Path, queue: Path) -> Iterator[str]:
    """The address of a server with a form to suggest edits."""
    with running_server(releases, "--suggestions", queue, "--rate", 100_000, "--body-seconds", 5) as url:
        yield url
