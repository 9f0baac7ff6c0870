"""The list of erased names reveals nothing without its key, and no build starts without the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.runtime.keyed_hash import create_key, read_key

pytestmark = pytest.mark.slow


def test_key_hashes_the_same_after_reading_it_back(tmp_path: Path) -> None:
    key, other = create_key(tmp_path / "key"), create_key(tmp_path / "other")
    assert read_key(tmp_path / "key").hash("x") == key.hash("x") != other.hash("x")
    assert key.name != other.name
    assert repr(key) == repr(other)
