"""Running servers that a test may stop or reconfigure."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running_server
from tests.support.operations import get, until


@pytest.fixture
def own(releases: Path, tmp_path: Path) -> Path:
    """Return a releases folder that the test may change."""
    return Path(shutil.copytree(releases, tmp_path / "releases"))


@pytest.fixture
def served(own: Path) -> Iterator[running_server]:
    """Start a separate server."""
    server = running_server(own, "--log-format", "json", "--timeout", 170, "--stop-seconds", 180)
    with server as url:
        until(lambda: get(f"{url}/readyz") == (200, "ready\n"))  # and warmed up
        yield server


@pytest.fixture(scope="module")
def patient(releases: Path) -> Iterator[running_server]:
    """Start a server behind a proxy that waits a second and logs no queries."""
    options = ("--header-seconds", 1, "--body-seconds", 1, "--timeout", 1, "--trusted-proxy", "127.0.0.1")
    server = running_server(releases, *options, "--answer-bytes", 100_000, "--log-format", "json", "--log-addresses")
    with server as url:
        until(lambda: get(f"{url}/readyz") == (200, "ready\n"))  # and warmed up
        yield server
