"""Erased names are stored as keyed hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import ReleaseError
from cybilgraph.release import Releases
from cybilgraph.release.erasure import normalise_name
from cybilgraph.release.forgotten import read_forgotten
from cybilgraph.runtime.files import create_key
from cybilgraph.sync.publisher import publish
from tests.conftest import SEED, run, running_server
from tests.support.erasure import EMAIL, NAME, everything
from tests.support.http_client import send

pytestmark = pytest.mark.slow


def plain(who: str) -> str:
    return hashlib.sha256(normalise_name(who).encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pipeline.build([SEED], tmp_path / "into", dumps=False)
    return tmp_path / "into"


def test_erased_names_are_stored_as_keyed_hashes(folder: Path) -> None:
    Releases(folder).erase(EMAIL)
    entries = (folder / "forgotten").read_text()
    for who in (EMAIL, NAME, "mailto:" + EMAIL):
        assert plain(who) not in entries
    assert (folder / "forgotten").stat().st_mode & 0o777 == 0o600
    assert (folder / "forgotten.key").stat().st_mode & 0o777 == 0o600
    assert EMAIL in read_forgotten(folder)
    assert "other@example.org" not in read_forgotten(folder)
    key = (folder / "forgotten.key").read_text().strip()
    assert key not in repr(read_forgotten(folder))
    assert key.encode() not in everything(folder / "0001")


@pytest.mark.slow
def test_list_and_key_are_neither_published_nor_served(folder: Path, tmp_path: Path) -> None:
    Releases(folder).erase(EMAIL)
    publish(Releases(folder).current(), str(tmp_path / "elsewhere"))
    assert not list((tmp_path / "elsewhere").rglob("forgotten*"))
    with running_server(folder) as url:
        for name in ("forgotten", "forgotten.key"):
            for target in (f"/{name}", f"/latest/{name}", f"/release/1/{name}", f"/release/1/../{name}"):
                assert send(url, "GET", target).status == 404


def test_list_of_plain_hashes_is_honoured_and_converted(folder: Path) -> None:
    (folder / "forgotten").write_text(f"{plain(EMAIL)}\n{plain('Somebody Else')}\n")
    assert EMAIL in read_forgotten(folder)
    release, _ = pipeline.build([SEED], folder, dumps=False)
    assert EMAIL.encode() not in everything(release.folder)
    entries = (folder / "forgotten").read_text()
    assert plain(EMAIL) not in entries
    assert plain("Somebody Else") not in entries
    assert EMAIL in read_forgotten(folder)
    assert "somebody  ELSE" in read_forgotten(folder)
    assert len(entries.splitlines()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", ["is missing", "is a different one", "cannot be read"])
def test_build_is_refused_without_the_key(folder: Path, how: str) -> None:
    Releases(folder).erase(EMAIL)
    key = folder / "forgotten.key"
    match how:
        case "is missing":
            key.unlink()
        case "is a different one":
            create_key(key)
        case _:
            key.write_text("no key")
    built = run("build", SEED, "--into", folder)
    assert built.returncode == 2
    assert f"its key {key} {how}" in built.stderr.decode()
    assert "Restore the key from a backup" in built.stderr.decode()
    assert Releases(folder).numbers == [1]
    with pytest.raises(ReleaseError, match="its key"):
        Releases(folder).erase(NAME)


def test_damaged_list_is_refused(folder: Path) -> None:
    Releases(folder).erase(EMAIL)
    (folder / "forgotten").write_bytes(b"hmac-sha256:0\n")
    with pytest.raises(ReleaseError, match=r"Line 1 of .* is damaged"):
        pipeline.build([SEED], folder, dumps=False)
