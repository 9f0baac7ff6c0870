"""A release is complete or absent, whatever happens to the build."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from filelock import FileLock

from cybilgraph import pipeline
from cybilgraph.errors import ReleaseError
from cybilgraph.model.site_profile import DEFAULT_PROFILE
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.sources import SOURCES, iterate_sources
from tests.conftest import CYBILGRAPH, SEED, run, running_server
from tests.support.operations import until

pytestmark = pytest.mark.slow


def test_release_stores_sources_of_single_records(release: Release, tmp_path: Path) -> None:
    content = SEED.read_bytes()
    assert release.source(hashlib.sha256(content).hexdigest()) == content
    assert release.source(hashlib.sha256(b"").hexdigest()) is None
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "several.csv").write_text("title,code\nA,G0101\nB,G0102\n", encoding="utf-8")
    (tmp_path / "in" / "page.txt").write_text("A project\n\nSummary\n\nIt helps Fiji.\n", encoding="utf-8")
    built, _ = pipeline.build([tmp_path / "in"], tmp_path / "into")
    assert list(iterate_sources(built.folder / SOURCES)) == [(tmp_path / "in" / "page.txt").read_bytes()]
    (built.folder / SOURCES).unlink()
    assert built.source(hashlib.sha256((tmp_path / "in" / "page.txt").read_bytes()).hexdigest()) is None


def test_releases_are_numbered_and_the_newest_is_current(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        release, _ = pipeline.build([SEED], tmp_path)
        assert release.number == number
        assert Releases(tmp_path).current().number == number
    assert Releases(tmp_path).numbers == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [
        "0001",
        "0002",
        "0003",
        "current",
    ]


def test_bad_record_does_not_stop_the_others(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.txt").write_bytes(b"")
    (sources / "b.txt").write_bytes(SEED.read_bytes())
    (sources / "c.txt").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01")
    (sources / "d.txt").write_text("A project\nFrom: May 2020\nTo: May 2019\nSummary\nText.", encoding="utf-8")
    release, report = pipeline.build([sources], tmp_path / "into")
    assert release.manifest["counts"]["projects"] == 2
    assert report.unread == 2
    assert {finding.file for finding in report.findings if finding.severity == "violation"} == {
        "a.txt",
        "c.txt",
        "d.txt",
    }
    with pytest.raises(ReleaseError, match="strict"):
        pipeline.build([sources], tmp_path / "into", strict=True)
    assert Releases(tmp_path / "into").current().number == 1


def test_build_without_records_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReleaseError, match="No record"):
        pipeline.build([tmp_path / "empty"], tmp_path / "into")
    with pytest.raises(ReleaseError, match="contains no release"):
        Releases(tmp_path / "into").current()


def test_concurrent_build_is_refused(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(ReleaseError, match="Another build"):
        pipeline.build([SEED], tmp_path)


def test_build_can_wait_for_another(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        waiting = subprocess.Popen([*CYBILGRAPH, "build", str(SEED), "--into", str(tmp_path), "--wait"])
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
    assert waiting.wait(60) == 0
    assert Releases(tmp_path).numbers == [1]


def damage(folder: Path, number: int) -> None:
    with (folder / f"{number:04d}" / GRAPH).open("ab") as graph:
        graph.write(b" ")


def test_releases_are_listed_activated_and_rolled_back(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    (folder / "0002" / "manifest.json").unlink()
    listed = run("releases", folder).stdout.decode().splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [
        ["0003", "*"],
        ["0002", "incomplete"],
        ["0001", listed[3].split()[1]],
    ]
    rows = json.loads(run("releases", folder, "-f", "json").stdout)
    assert [(row["release"], row["current"], "damaged" in row) for row in rows] == [
        (3, True, False),
        (2, False, True),
        (1, False, False),
    ]
    damage(folder, 3)
    messages = run("releases", folder)
    assert messages.stdout.decode().splitlines()[1].startswith("0003 * damaged  20")
    assert (
        b"0003 is damaged: graph.nq.zst has a wrong checksum. A server started now would serve release 0001"
        in messages.stderr
    )
    rows = json.loads(run("releases", folder, "-f", "json").stdout)
    assert [(row["current"], row["served"], "damaged" in row) for row in rows] == [
        (True, False, True),
        (False, False, True),
        (False, True, False),
    ]
    shutil.copy(three / "0003" / GRAPH, folder / "0003")
    assert run("rollback", folder).stdout == b"Release 0001 is current.\n", "rollback skips a damaged release"
    refused = run("rollback", folder)
    assert (refused.returncode, b"no intact release before 0001" in refused.stderr) == (2, True)
    assert run("activate", folder, 3).returncode == 0
    assert Releases(folder).current_number() == 3
    damage(folder, 1)
    refused = run("activate", folder, 1)
    assert (refused.returncode, b"is damaged: graph.nq.zst" in refused.stderr) == (2, True)
    assert b"Available releases: 1, 2, 3." in run("activate", folder, 7).stderr
    assert Releases(folder).current_number() == 3


def test_prune_keeps_the_newest_and_the_current_release(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    (folder / ".removed-0009").mkdir()  # left by a killed process
    Releases(folder).activate(1)
    with FileLock(folder / ".lock"):
        assert b"Another build" in run("prune", folder, "--keep", 1).stderr
    assert run("prune", folder, "--keep", 1).stdout.startswith(b"Removed 0002: ")
    assert Releases(folder).numbers == [1, 3]
    assert not list(folder.glob(".removed*"))
    assert run("prune", folder, "--keep", 5).stdout == b"Nothing to remove.\n"


def test_prune_keeps_the_release_served_instead_of_a_damaged_one(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    damage(folder, 3)
    messages: list[str] = []
    assert Releases(folder).prune(1, on_event=messages.append)[0] == [1]
    assert messages[-1] == "Release 0002 is kept, because it is served instead of 0003."
    damage(folder, 2)
    with pytest.raises(ReleaseError, match="0003 is damaged"):
        Releases(folder).prune(1)
    assert Releases(folder).numbers == [2, 3]


def test_last_intact_release_is_served(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    damage(folder, 3)
    server = running_server(folder)
    with server:
        assert server.log.count("Release 0003 is refused") == 1
        assert "Serving release 0002" in server.log
    damage(folder, 2)
    (folder / "current").write_text("nonsense")
    messages: list[str] = []
    assert Releases(folder).select_intact(messages.append).number == 1
    assert len(messages) == 3
    assert re.search("names the current release, is damaged: it does not contain a number. The newest", messages[0])
    (folder / "current").write_text("1")
    damage(folder, 1)
    with pytest.raises(ReleaseError, match="0001 is damaged"):
        Releases(folder).select_intact(messages.append)


def test_lost_current_file_is_reported_with_a_hint(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    hint = f"Choose a release: cybilgraph activate {folder} 3. Available releases: 1, 2, 3."
    for harm, how in (
        (lambda: (folder / "current").write_bytes(b"\xff"), "is damaged: it does not contain a number"),
        ((folder / "current").unlink, "is missing"),
    ):
        harm()
        with pytest.raises(ReleaseError, match=re.escape(how)) as error:
            Releases(folder).current()
        assert error.value.hint == hint
        listed = run("releases", folder)
        assert listed.returncode == 0
        assert listed.stdout.count(b"\n") == 4
        assert f"{folder}/current, which names the current release, {how}. {hint}" in listed.stderr.decode()
        messages: list[str] = []
        assert Releases(folder).select_intact(messages.append).number == 3
        assert how in messages[0]
    (folder / "current").mkdir()
    with pytest.raises(ReleaseError, match="Is a directory") as error:
        Releases(folder).current()
    assert error.value.hint == f"Move the folder {folder}/current away, and {hint[0].lower()}{hint[1:]}"
    (folder / "current").rmdir()
    keys = list(Releases(folder).identities(DEFAULT_PROFILE))
    assert keys
    assert keys == list(Releases(three).identities(DEFAULT_PROFILE))
    assert run("activate", folder, 2).returncode == 0
    assert Releases(folder).current().number == 2


def test_newest_release_replaces_a_lost_current_file(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    (folder / "current").write_bytes(b"\xff")
    done = run("rollback", folder)
    assert (done.returncode, done.stdout) == (0, b"Release 0002 is current.\n")
    assert b"is damaged: it does not contain a number. The newest intact release takes its place" in done.stderr
    (folder / "current").unlink()
    damage(folder, 3)
    pruned = run("prune", folder, "--keep", 1)
    assert (pruned.returncode, pruned.stdout[:14]) == (0, b"Removed 0001: ")
    assert pruned.stderr.count(b"is missing") == 1
    assert b"Release 0002 is kept, because it is served instead of 0003." in pruned.stderr
    assert Releases(folder).numbers == [2, 3], "the last intact one and the newest"
    assert run("rollback", folder).stdout == b"Release 0002 is current.\n"
    (folder / "current").unlink()
    shutil.rmtree(folder / "0003")
    refused = run("rollback", folder)
    assert (refused.returncode, b"There is no intact release before 0002" in refused.stderr) == (2, True)
    (folder / "current").mkdir()
    shutil.copytree(three / "0001", folder / "0001")
    assert f"{folder} cannot be written" in run("rollback", folder).stderr.decode()


def test_nearest_intact_release_replaces_a_missing_current_one(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    Releases(folder).activate(1)
    shutil.rmtree(folder / "0001")
    pruned = run("prune", folder, "--keep", 1)
    assert (pruned.returncode, pruned.stdout) == (0, b"Nothing to remove.\n")
    assert b"Release 0002 is kept, because it is served instead of 0001." in pruned.stderr
    done = run("rollback", folder)
    assert (done.returncode, done.stdout) == (0, b"Release 0002 is current.\n")
    assert b"Release 0001, the current one, is missing. Available releases: 2, 3." in done.stderr
    (folder / "current").write_text("4")
    assert run("rollback", folder).stdout == b"Release 0003 is current.\n"


def test_server_continues_without_current_file_and_reports_it_once(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    server = running_server(folder)
    with server as url:
        (folder / "current").unlink()
        until(lambda: "stays in use" in server.log)
        time.sleep(2.5)  # nothing shows that the server has looked again, as it does every second
        assert server.log.count("Release 0003 stays in use: ") == 1
        assert f"cybilgraph activate {folder} 3" in server.log
        assert urllib.request.urlopen(f"{url}/latest/SHA256SUMS").headers["Cybilgraph-Release"] == "3"


def test_failed_activation_leaves_no_files(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(three / "0001", tmp_path / "0001")
    releases = Releases(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReleaseError, match="No space left on device"):
        releases.activate(1)
    assert [path.name for path in tmp_path.iterdir()] == ["0001"]
