"""Fixtures for tests of the synchronisation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_publisher import GOOD, Held, Hostile, take


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A publisher that was good once, and the copy of that time."""
    with Hostile() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        into = tmp_path / "copy"
        take(server, into)
        server.patch = b"no patch"
        server.release = "2"
        yield Held(server, into)
        assert (into / "graph.nq").read_bytes() == GOOD
        assert '"release": 1' in (into / "state.json").read_text()
        server.shutdown()
