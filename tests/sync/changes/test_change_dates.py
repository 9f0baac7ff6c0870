"""The date of a record's last change outlives the releases."""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sync.changes import ChangeLogCache, as_json, last_changes_until, prune


def test_date_changes_only_with_the_statements(changes: ChangeLogCache) -> None:
    moved = changes.last_changed(1, 5)
    assert {key: release.number for key, release in moved.items()} == {
        "G0020": 2,
        "G0998": 4,
        "cmm-review-samoa": 4,
    }
    assert f'"modified": "{moved["G0020"].manifest["created"]}"' in "".join(as_json(changes.between(1), moved))


@pytest.mark.parametrize("damaged", [False, True])
def test_pruning_keeps_the_dates_of_last_changes(shelf: Path, tmp_path: Path, damaged: bool) -> None:
    releases = Releases(shutil.copytree(shelf, tmp_path / "copy"))
    created = {number: releases.get(number).manifest["created"] for number in releases.numbers}
    if damaged:
        (releases.folder / "0004" / GRAPH).write_text("")
    for keep in (3, 1):
        assert prune(releases, keep)[0]
    with closing(ChangeLogCache(releases)) as left:
        rows = last_changes_until(left, releases, 5)
    result = {row.key: (row.kind, row.release) for row in rows}
    if damaged:
        assert result.keys() == {"G0020", "G0998"}, "without the graph, only current records are known"
        return
    assert result == {"G0020": ("changed", 2), "G0998": ("added", 4), "cmm-review-samoa": ("removed", 4)}
    assert [row.created for row in rows] == [created[2], created[4], created[4]]
    assert [path.name for path in releases.folder.glob("moved-*")] == ["moved-0005.csv"]


def test_damaged_change_dates_are_ignored(
    shelf: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("cybilgraph"), "propagate", True)
    releases = Releases(shutil.copytree(shelf, tmp_path / "copy"))
    prune(releases, 1)
    kept = releases.folder / "moved-0005.csv"
    content = kept.read_bytes()
    flipped = content.replace(b"A New", b"A Nev")
    with closing(ChangeLogCache(releases)) as left:
        assert {row.release for row in last_changes_until(left, releases, 5)} == {2, 4}
        for damaged in (flipped, content[:-1], b"", b"\xff" + content):
            kept.write_bytes(damaged)
            assert {(row.kind, row.release) for row in last_changes_until(left, releases, 5)} == {("added", 5)}
    assert "moved-0005.csv is damaged" in caplog.text
