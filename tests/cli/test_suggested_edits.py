"""Pending suggestions are listed, and unknown ones are reported."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import run


def test_empty_queue_is_reported(tmp_path: Path) -> None:
    listed = run("suggestions", "list", tmp_path)
    assert (listed.returncode, listed.stdout) == (0, b"")
    assert listed.stderr == b"No suggestions are pending.\n"


def test_unknown_suggestion_cannot_be_rejected(tmp_path: Path) -> None:
    refused = run("suggestions", "reject", tmp_path, "20270131T120000-1f2e3d4c", "--reason", "none")
    assert refused.returncode == 2
    assert b"20270131T120000-1f2e3d4c" in refused.stderr
