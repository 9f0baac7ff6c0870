"""A release is copied to another folder, or the reason is printed."""

from __future__ import annotations

from pathlib import Path

from cybilgraph.release import Releases
from tests.conftest import run


def test_published_release_is_complete(releases: Path, tmp_path: Path) -> None:
    done = run("publish", releases, (tmp_path / "copy").as_uri())
    assert done.returncode == 0, done.stderr
    Releases(tmp_path / "copy").current().verify()


def test_folder_without_release_is_reported(tmp_path: Path) -> None:
    refused = run("publish", tmp_path, (tmp_path / "copy").as_uri())
    assert refused.returncode == 2
    assert b"contains no release" in refused.stderr
    assert not (tmp_path / "copy").exists()
