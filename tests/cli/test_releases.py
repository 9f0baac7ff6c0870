"""Releases are listed, activated, pruned and compared from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cybilgraph import pipeline
from tests.conftest import SEED, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two equal releases, of which the second is current."""
    pipeline.build([SEED], tmp_path, dumps=False)
    shutil.copytree(tmp_path / "0001", tmp_path / "0002")
    (tmp_path / "current").write_text("2")
    return tmp_path


def test_list_marks_the_current_release(folder: Path) -> None:
    _, newest, oldest = run("releases", folder).stdout.decode().splitlines()
    assert newest.startswith("0002 *")
    assert oldest.startswith("0001 ")
    assert "*" not in oldest
    rows = json.loads(run("releases", folder, "-f", "json", "--all").stdout)
    assert [(row["release"], row["current"], "damaged" in row) for row in rows] == [(2, True, False), (1, False, False)]


def test_activated_release_is_kept_by_prune(folder: Path) -> None:
    assert run("activate", folder, 1).stdout == b"Release 0001 is current.\n"
    assert run("prune", folder, "--keep", 1).stdout == b"Nothing to remove.\n"
    refused = run("activate", folder, 7)
    assert refused.returncode == 2
    assert b"7" in refused.stderr


@pytest.mark.slow
def test_changed_field_is_printed(tmp_path: Path) -> None:
    page, folder = tmp_path / SEED.name, tmp_path / "releases"
    text = SEED.read_text(encoding="utf-8")
    for content in (text, text.replace("Finished", "Ongoing")):
        page.write_text(content, encoding="utf-8")
        pipeline.build([page], folder, dumps=False)
    shown = run("diff", folder, 1, 2)
    assert shown.returncode == 0
    assert "status: Finished → Ongoing" in shown.stdout.decode()


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    refused = run("diff", tmp_path / "nothing", 1)
    assert refused.returncode == 2
    assert b"There is no release 1" in refused.stderr
