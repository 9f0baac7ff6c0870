"""What is different between two releases, and what is not."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from cybilgraph.errors import ReleaseError, ReleaseGone
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH, open_lines, read_graph, write_graph
from cybilgraph.runtime.files import sha256_of
from cybilgraph.sync.changes import ChangeLogCache, as_json, describe_log, last_changes_until, prune
from cybilgraph.sync.patches import apply_patch, read_patch
from tests.conftest import graph_of, run, running_server
from tests.support.http_client import send

pytestmark = pytest.mark.slow


def test_added_and_removed_records_are_listed(changes: ChangeLogCache) -> None:
    log = changes.between(3)
    assert log.until.number == 5
    assert [(change.key, change.kind, change.title) for change in log.records()] == [
        ("G0998", "added", "A New Project"),
        ("cmm-review-samoa", "removed", "CMM Review - Samoa"),
    ]
    assert list(describe_log(log)) == ["+ G0998  A New Project", "− cmm-review-samoa  CMM Review - Samoa"]
    assert {change.kind for change in changes.between(0, 1).records()} == {"added"}


@pytest.mark.parametrize("since", [1, 2, 3, 4, 5])
def test_patch_gives_the_other_graph(changes: ChangeLogCache, shelf: Path, since: int) -> None:
    log = changes.between(since)
    rows = b"".join(log.patch()).splitlines(keepends=True)
    header, done = read_patch(rows)
    before, after = (sorted(graph_of(shelf / name).splitlines(True)) for name in (f"000{since}", "0005"))
    assert list(apply_patch(before, done)) == after
    assert header == log.header
    assert (header.since, header.until) == (since, 5)


def test_graphs_of_many_chunks_give_the_same_log(
    changes: ChangeLogCache, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal chunks are skipped; which ones are equal must not matter."""
    monkeypatch.setattr("cybilgraph.release.graph_file._CHUNK_BYTES", 1_000)
    chunks: dict[str, list[bytes]] = {}
    for release in map(Releases(shelf).get, Releases(shelf).numbers):
        folder = tmp_path / release.folder.name
        folder.mkdir()
        with open_lines(release.folder / GRAPH) as lines:
            write_graph(folder / GRAPH, lines)
        chunks[folder.name] = list(read_graph(folder / GRAPH))
        files = release.manifest["files"] | {GRAPH: sha256_of(folder / GRAPH)}
        (folder / "manifest.json").write_text(json.dumps(release.manifest | {"files": files}))
    assert 0 < len(set(chunks["0001"]) & set(chunks["0002"])) < len(chunks["0001"]), "some are equal"
    with closing(ChangeLogCache(Releases(tmp_path))) as chunked:
        for since, until in pairwise(range(1, 6)):
            one, other = changes.between(since, until), chunked.between(since, until)
            assert list(one.patch()) == list(other.patch())
            assert list(one.records()) == list(other.records())
            assert one.counts == other.counts


def test_logs_are_cached_up_to_a_limit(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.sync.changes._MAX_CACHED_LOGS", 2)
    changes = ChangeLogCache(Releases(shelf))
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
    monkeypatch.setattr("cybilgraph.sync.changes._MAX_CACHED_BYTES", second.on_disk + 1)
    third = changes.between(3, 4)
    assert third.is_there
    assert not first.folder.exists()
    assert not second.folder.exists()
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
    [kept] = releases.folder.glob("moved-*")
    assert kept.name == "moved-0005.csv"
    assert "CMM Review" not in kept.read_text(encoding="utf-8"), "the text of a removed record is not remembered"


def test_titles_of_removed_records_in_files_of_version_0_1_are_dropped(shelf: Path, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(shelf, tmp_path / "copy"))
    prune(releases, 1)
    kept = releases.folder / "moved-0005.csv"
    *rows, _ = kept.read_text(encoding="utf-8").splitlines(keepends=True)
    content = "".join(rows).replace("removed,,", "removed,CMM Review - Samoa,")
    assert "CMM Review" in content
    kept.write_text(f"{content}{hashlib.sha256(content.encode()).hexdigest()}\n", encoding="utf-8")
    with closing(ChangeLogCache(releases)) as left:
        rows_read = last_changes_until(left, releases, 5)
    assert {row.key: row.title for row in rows_read if row.kind == "removed"} == {"cmm-review-samoa": ""}


def test_erased_contact_leaves_the_dates_of_changes(shelf: Path, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(shelf, tmp_path / "copy"))
    prune(releases, 1)
    kept = releases.folder / "moved-0005.csv"
    before = kept.read_text(encoding="utf-8")
    [title] = [row["title"] for row in csv.DictReader(before.splitlines()) if row["key"] == "G0998"]
    run("forget", releases.folder, title)
    assert kept.read_text(encoding="utf-8").splitlines()[:-1] == before.replace(title, "").splitlines()[:-1] != []
    with closing(ChangeLogCache(releases)) as left:
        assert {row.release for row in last_changes_until(left, releases, 5)} == {2, 4}
    kept.write_text(f"{before}damaged", encoding="utf-8")
    run("forget", releases.folder, title)
    assert not kept.exists()


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


@pytest.mark.parametrize("temporary", [False, True])
def test_pruning_makes_room_on_a_full_disk(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: bool
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(shelf, disk, dirs_exist_ok=True)
        if temporary:
            monkeypatch.setenv("TMPDIR", str(disk))
        with suppress(OSError), (disk / "filling").open("wb", buffering=0) as filling:
            while filling.write(bytes(4096)):
                pass
        refused = run("activate", disk, 1)
        assert refused.returncode == 2
        assert f"{disk} cannot be written: No space left on device" in refused.stderr.decode()
        done = run("prune", disk, "--keep", 1)
        assert (done.returncode, done.stdout[:14]) == (0, b"Removed 0001, "), done.stderr
        releases = Releases(disk)
        assert releases.numbers == [5]
        with closing(ChangeLogCache(releases)) as left:
            assert {row.release for row in last_changes_until(left, releases, 5)} == {2, 4}
    finally:
        subprocess.run(["umount", disk], check=True)
