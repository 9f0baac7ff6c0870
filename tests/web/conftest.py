"""A server that accepts suggestions, with a rate limit high enough for tests, and one with several releases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from tests.conftest import RECORDS, SEED, running_server
from tests.support.release_files import DUMP


@pytest.fixture(scope="session")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the suggestions folder of ``portal``."""
    return tmp_path_factory.mktemp("suggestions")


@pytest.fixture(scope="session")
def portal(releases: Path, queue: Path) -> Iterator[str]:
    """Start a server that accepts suggestions, and return its URL."""
    with running_server(releases, "--suggestions", queue, "--rate", 100_000, "--body-seconds", 5) as url:
        yield url


@pytest.fixture(scope="module")
def shelf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build four releases: the first removed, the second with a damaged dump, the last current."""
    folder = tmp_path_factory.mktemp("shelf")
    for sources in ([SEED], [SEED], [SEED, RECORDS / "cmm-review-samoa.txt"], [SEED]):
        pipeline.build(sources, folder)
    shutil.rmtree(folder / "0001")
    dump = folder / "0002" / "public" / DUMP
    content = bytearray(dump.read_bytes())
    content[1000] ^= 1
    dump.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def shelf(shelf_folder: Path) -> Iterator[str]:
    """Start a server with these releases, and return its URL."""
    with running_server(shelf_folder) as url:
        yield url
