"""A release is written completely and reproducibly, or not at all."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import ReleaseError
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps import MAY_REACH
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.sources import SOURCES
from tests.conftest import PAGES, SEED, graph_of, run, running_server
from tests.support.commands import ForkedProcess

pytestmark = pytest.mark.slow

#: How often a build is killed at a random moment; set KILLS=100 for a longer test.
KILLS = int(os.environ.get("KILLS", "12"))


def test_release_contains_the_expected_files(release: Release) -> None:
    assert {path.name for path in release.folder.iterdir()} == {
        GRAPH,
        "identities.csv",
        SOURCES,
        "store",
        "report.json",
        "search.sqlite",
        "manifest.json",
        "public",
        "SHA256SUMS",
    }
    counts = release.manifest["counts"]
    assert (counts["sources"], counts["records"], counts["projects"], counts["unread"]) == (15, 15, 14, 0)
    assert counts["quads"] == len(graph_of(release.folder).decode().splitlines())
    report = json.loads((release.folder / "report.json").read_text(encoding="utf-8"))
    assert len(report["findings"]) == sum(counts["findings"].values())
    release.verify()


def test_every_own_resource_that_a_statement_names_is_described(release: Release) -> None:
    described, named = set(), set()
    for line in graph_of(release.folder).decode().splitlines():
        subject, _, rest = line.split(" ", 2)
        described.add(subject)
        terms = rest.split(" ") if rest.startswith("<") else rest.rsplit(" ", 2)[1:]  # the object and the graph
        named.update(term for term in terms if term.startswith(f"<{BASE}"))
    assert not named - described


def test_equal_input_gives_equal_bytes(releases: Path, tmp_path: Path) -> None:
    first = Releases(releases).current()
    day = json.loads((first.folder / "report.json").read_text(encoding="utf-8"))["as_of"]
    again, _ = pipeline.build(PAGES, tmp_path, as_of=date.fromisoformat(day))
    for name in (GRAPH, "report.json", SOURCES, f"public/{MAY_REACH}"):
        assert (again.folder / name).read_bytes() == (first.folder / name).read_bytes()


def test_disk_error_leaves_the_earlier_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.build([SEED], tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cybilgraph.release.draft.write_index", full)
    with pytest.raises(ReleaseError, match="No space left on device"):
        pipeline.build([SEED], tmp_path)
    assert Releases(tmp_path).current().number == 1
    assert not list(tmp_path.glob(".building-*"))


@pytest.mark.parametrize("kilobytes", [100, 400, 700, 1100, 1500])
def test_full_disk_leaves_the_earlier_release(three: Path, tmp_path: Path, kilobytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    size = sum(path.stat().st_size // 4096 * 4 + 4 for path in (three / "0001").rglob("*")) + kilobytes
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(three / "0001", disk / "0001")
        (disk / "current").write_text("1")
        result = run("build", SEED, "--into", disk)
        assert result.returncode == 2, "the disk was large enough"
        assert b"cannot be written" in result.stderr
        assert b"No space left on device" in result.stderr or b"disk is full" in result.stderr
        assert b"earlier release is unchanged" in result.stderr
        Releases(disk).current().verify()
        assert Releases(disk).numbers == [1]
        assert not list(disk.glob(".building-*"))
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.timeout(900)  # it waits for a share of the time that a build takes
def test_killed_build_leaves_the_earlier_release(tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path)
    command = ["build", *map(str, PAGES), "--into", str(tmp_path)]
    random.seed(20)
    with running_server(tmp_path) as site, Path(os.devnull).open("w") as output:
        started = time.monotonic()
        assert ForkedProcess(command, output.fileno()).wait() == 0
        duration = time.monotonic() - started
        for _ in range(KILLS):
            process = ForkedProcess(command, output.fileno())
            time.sleep(random.uniform(0, duration * 1.05))
            process.kill()
            process.wait()
            current = Releases(tmp_path).current()
            current.verify()
            assert max(Releases(tmp_path).numbers) in (current.number, current.number + 1)
            with urllib.request.urlopen(f"{site}/id/project/G0020.nt") as answer:
                assert answer.status == 200
    release, _ = pipeline.build([SEED], tmp_path)
    assert Releases(tmp_path).current().number == release.number
    assert not list(tmp_path.glob(".building-*"))
