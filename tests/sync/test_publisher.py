"""A release at an address: all of it or, to whoever looks, none."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import AddressError, ReleaseError
from cybilgraph.readers.filesystems import RemoteFolder
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sync.publisher import publish
from tests.conftest import SEED, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small release; copied by who changes it."""
    folder = tmp_path_factory.mktemp("built")
    pipeline.build([SEED], folder)
    return folder


def test_published_folder_is_a_folder_of_releases(built: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    said = run("publish", built, there.as_uri())
    assert said.returncode == 0, said.stderr
    Releases(there).current().verify()
    asked = run("query", "SELECT ?t { project:G0020 dcterms:title ?t }", "--from", there, "-f", "csv")
    assert b"Belize" in asked.stdout
    assert b"already up to date" in run("publish", built, there.as_uri()).stdout
    (there / "0001" / "public" / "void.ttl").unlink()
    assert b"(1 files copied)" in run("publish", built, there.as_uri()).stdout
    assert b"is not a URL" in run("publish", built, there).stderr


def test_interrupted_copy_is_not_a_release(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release, there = Releases(built).current(), tmp_path / "there"
    files = len(release.manifest["files"]) + 2
    put, left = RemoteFolder.put, [0]

    def breaking(folder: RemoteFolder, path: Path, name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise AddressError("no connection")
        put(folder, path, name)

    monkeypatch.setattr(RemoteFolder, "put", breaking)
    for moment in (0, 1, files // 2, files - 1):
        left[0] = moment
        with pytest.raises(AddressError):
            publish(release, there.as_uri())
        with pytest.raises(ReleaseError):
            Releases(there).current()
        assert not (there / "0001" / "manifest.json").exists()
    left[0] = files
    assert publish(release, there.as_uri()) == files
    Releases(there).current().verify()


@pytest.mark.slow
def test_publishing_again_replaces_a_rebuilt_release(built: Path, tmp_path: Path) -> None:
    folder, there = shutil.copytree(built, tmp_path / "releases"), tmp_path / "there"
    publish(Releases(folder).current(), there.as_uri())
    assert Releases(folder).erase("Daniela Schnidrig")[1].found
    publish(Releases(folder).current(), there.as_uri())
    now = Releases(there).current()
    now.verify()
    assert now.manifest["forgotten"] == 1
    assert not any(b"Schnidrig" in path.read_bytes() for path in there.rglob("*") if path.is_file())


def test_files_and_releases_of_others_are_not_replaced(built: Path, release: Release) -> None:
    system, address = fsspec.filesystem("memory"), "memory://published"
    mine = Releases(built).current()
    try:
        system.pipe("/published/0001/photo.jpg", b"x")
        with pytest.raises(ReleaseError, match=r"files that do not belong to this release: photo\.jpg"):
            publish(mine, address)
        system.rm("/published/0001/photo.jpg")
        assert publish(mine, f"{address}/") > 0
        assert system.cat("/published/current") == b"1\n"
        with pytest.raises(ReleaseError, match="different release with this number"):
            publish(release, address)
        assert publish(mine, address) == 0
        with (built / "0001" / GRAPH).open("ab") as graph:
            graph.write(b" ")
        with pytest.raises(ReleaseError, match="damaged"):
            publish(mine, address)
    finally:
        system.rm("/", recursive=True)
