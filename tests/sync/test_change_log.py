"""What is different between two releases, and what is not."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import ReleaseError, ReleaseGone
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sync.changes import ChangeLogCache, as_json, describe_log, last_changes_until, prune
from cybilgraph.sync.changes.record_changes import Change, FieldChange
from cybilgraph.sync.patches import apply_patch, read_patch
from tests.conftest import RECORDS, SEED, graph_of, run, running_server
from tests.web.api.test_protocol import send

SAMOA = "cmm-review-samoa.txt"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five releases: two records; one changed; nothing but its reading; one removed and one added; the same again."""
    folder, sources = tmp_path_factory.mktemp("shelf"), tmp_path_factory.mktemp("sources")
    seed = sources / SEED.name
    shutil.copy(SEED, seed)
    shutil.copy(RECORDS / SAMOA, sources)
    pipeline.build([sources], folder)
    text = seed.read_text(encoding="utf-8")
    text = text.replace("Apr 2018", "May 2018").replace("Finished", "Ongoing")
    seed.write_text(text, encoding="utf-8")
    pipeline.build([sources], folder)
    seed.write_text(f"\n\n{text}", encoding="utf-8")  # other checksum, other lines
    pipeline.build([sources], folder)
    (sources / SAMOA).unlink()
    new = sources / "new.json"
    new.write_text('{"title": "A New Project", "code": "G0998", "countries": ["Tonga"]}', encoding="utf-8")
    pipeline.build([sources], folder)
    pipeline.build([sources], folder)
    return folder


@pytest.fixture(scope="module")
def changes(shelf: Path) -> Iterator[ChangeLogCache]:
    changes = ChangeLogCache(Releases(shelf))
    yield changes
    changes.close()


def test_change_is_described_by_field(changes: ChangeLogCache) -> None:
    [change] = changes.between(1, 2).records()
    title = "Support to Belize National Cyber Security Strategy"
    fields = [FieldChange("status", ["Finished"], ["Ongoing"]), FieldChange("start", ["2018-04"], ["2018-05"])]
    assert change == Change("G0020", "changed", title, fields)
    assert change.describe() == "status: Finished → Ongoing; start: 2018-04 → 2018-05."


def test_rereading_a_record_is_not_a_change(changes: ChangeLogCache) -> None:
    log = changes.between(2, 3)
    assert list(log.records()) == []
    assert log.counts["added_quads"], "the patch contains them"
    assert not any(log.counts[kind] for kind in ("added", "changed", "removed", "other_quads"))
    assert list(changes.between(4, 5).quads()) == []


def test_added_and_removed_records_are_listed(changes: ChangeLogCache) -> None:
    log = changes.between(3)
    assert log.until.number == 5
    assert [(change.key, change.kind, change.title) for change in log.records()] == [
        ("G0998", "added", "A New Project"),
        ("cmm-review-samoa", "removed", "CMM Review - Samoa"),
    ]
    assert list(describe_log(log)) == ["+ G0998  A New Project", "− cmm-review-samoa  CMM Review - Samoa"]
    assert {change.kind for change in changes.between(0, 1).records()} == {"added"}


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


@pytest.mark.parametrize("since", [1, 2, 3, 4, 5])
def test_patch_gives_the_other_graph(changes: ChangeLogCache, shelf: Path, since: int) -> None:
    log = changes.between(since)
    rows = b"".join(log.patch()).splitlines(keepends=True)
    header, done = read_patch(rows)
    before, after = (sorted(graph_of(shelf / name).splitlines(True)) for name in (f"000{since}", "0005"))
    assert list(apply_patch(before, done)) == after
    assert header == log.header
    assert (header.since, header.until) == (since, 5)


def test_logs_are_cached_up_to_a_limit(shelf: Path) -> None:
    changes = ChangeLogCache(Releases(shelf), max_logs=2)
    first = changes.between(1, 2)
    assert changes.between(1, 2) is first
    patch = first.patch()
    next(patch)
    changes.between(2, 3)
    changes.between(3, 4)
    assert not first.folder.exists()
    assert b"".join(patch).endswith(b"TC .\n"), "a patch being read stays readable"
    assert changes.between(1, 2).counts == first.counts
    changes.close()


def test_large_logs_are_dropped_from_the_cache(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = ChangeLogCache(Releases(shelf))
    first, second = changes.between(1, 2), changes.between(2, 3)
    assert first.is_there
    monkeypatch.setattr("cybilgraph.sync.changes.change_log._MAX_CACHED_BYTES", second.on_disk + 1)
    third = changes.between(3, 4)
    assert third.is_there
    assert not first.folder.exists()
    assert not second.folder.exists()
    changes.close()


def test_removed_contacts_are_not_named(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for name in ("Ann Old", "Bea New"):
        source.write_text(f'{{"title": "Project", "code": "G0997", "contacts": ["{name}"]}}', encoding="utf-8")
        pipeline.build([source], folder)
    changes = ChangeLogCache(Releases(folder))
    [change] = changes.between(1).records()
    assert change.fields == [FieldChange("contacts", [], ["Bea New"])]
    changes.close()


def test_new_code_replaces_the_old_record(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for code in ("", "G0997"):
        source.write_text(f'{{"title": "A Project of Ours", "code": "{code}"}}', encoding="utf-8")
        pipeline.build([source], folder)
    changes = ChangeLogCache(Releases(folder))
    result = {change.kind: change for change in changes.between(1).records()}
    assert result["removed"].replaced_by == "G0997"
    assert result["added"].key == "G0997"
    changes.close()


def test_missing_and_damaged_releases_are_reported(shelf: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(shelf, folder)
    shutil.rmtree(folder / "0001")
    with (folder / "0002" / GRAPH).open("ab") as graph:
        graph.write(b"<x:a> <x:b> <x:c> .\n")
    changes = ChangeLogCache(Releases(folder))
    with pytest.raises(ReleaseGone, match="full dump"):
        changes.between(1)
    with pytest.raises(ReleaseError, match="There is no release 9"):
        changes.between(9)
    with pytest.raises(ReleaseError, match="damaged"):
        changes.between(2)
    changes.close()


def test_command_writes_text_json_and_patch(shelf: Path) -> None:
    result = run("diff", shelf, 1, 2)
    assert result.returncode == 0
    first, *lines = result.stdout.decode().splitlines()
    assert first.startswith("Release 1 → 2: 1 record changed (")
    assert lines[:2] == [
        "~ G0020  Support to Belize National Cyber Security Strategy",
        "    status: Finished → Ongoing; start: 2018-04 → 2018-05.",
    ]
    assert json.loads(run("diff", shelf, 1, "-f", "json").stdout)["until"]["release"] == 5
    assert run("diff", shelf, 1, 2, "-f", "rdfp").stdout.endswith(b"TC .\n")
    wrong = run("diff", shelf, 9)
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"Available releases: 1, 2, 3, 4, 5." in wrong.stderr


def test_folder_of_a_killed_process_is_removed_by_the_next(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = running_server(shelf)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with server as site:
        assert send(site, "GET", "/changes?since=1").status == 200
        [before] = tmp_path.glob("cybilgraph.changes.*")
        with running_server(shelf):
            assert before.exists(), "another server on the same machine does not remove it"
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
    assert before.exists()
    for _ in range(100):  # until its worker processes notice that it has ended
        ChangeLogCache(Releases(shelf)).close()
        if not before.exists():
            break
        time.sleep(0.1)
    assert not list(tmp_path.glob("cybilgraph.changes.*"))
