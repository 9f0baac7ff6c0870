"""The difference between two releases is printed, or the reason why there is none."""

from __future__ import annotations

from pathlib import Path

from cybilgraph import pipeline
from tests.conftest import SEED, run


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
