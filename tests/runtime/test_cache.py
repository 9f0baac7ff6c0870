"""The cache returns what the last build used, and nothing that is damaged or of another version."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.runtime.cache import BuildCache, delete_cache


def cached(path: Path | None, value: object = None, fingerprint: bytes = b"1") -> object:
    """Return the cached value of a key, and store another value if one is given."""
    with BuildCache(path, (), fingerprint) as cache:
        key = cache.key(b"part", b"other part")
        found = cache.get(key)
        if value is not None:
            cache.put(key, value)
        return found and cache.load(found)


def test_value_is_returned_to_the_next_build(tmp_path: Path) -> None:
    assert cached(tmp_path / "cache", ["a", 1]) is None
    assert cached(tmp_path / "cache") == ["a", 1]


def test_value_of_another_fingerprint_is_not_returned(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "old")
    assert cached(tmp_path / "cache", fingerprint=b"2") is None


def test_unused_values_are_deleted(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "a name that must not stay")
    with BuildCache(tmp_path / "cache", (), b"1"):
        pass
    assert cached(tmp_path / "cache") is None
    assert b"a name that must not stay" not in (tmp_path / "cache").read_bytes()


def test_failed_build_deletes_nothing(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "kept")
    with pytest.raises(RuntimeError), BuildCache(tmp_path / "cache", (), b"1"):
        raise RuntimeError
    assert cached(tmp_path / "cache") == "kept"


def test_parts_of_a_key_are_delimited() -> None:
    with BuildCache(None, (), b"1") as cache:
        assert cache.key(b"ab", b"c") != cache.key(b"a", b"bc")


def test_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"no database" * 1_000)
    assert cached(tmp_path / "cache", "new") is None
    assert cached(tmp_path / "cache") == "new"


def test_without_a_path_nothing_is_cached() -> None:
    assert cached(None, "value") is None
    assert cached(None) is None


def test_deleted_cache_is_empty(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "value")
    delete_cache(tmp_path / "cache")
    assert not list(tmp_path.iterdir())
