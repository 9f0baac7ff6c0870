"""A release with an invalid manifest or a wrong checksum is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import cybilgraph
from cybilgraph import pipeline
from cybilgraph.errors import FileDamaged, ReleaseError
from cybilgraph.model.site_profile import DEFAULT_PROFILE
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.compression import compress
from tests.conftest import SEED, graph_of, run

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_damaged_release_is_refused(tmp_path: Path) -> None:
    release, _ = pipeline.build([SEED], tmp_path)
    graph = release.folder / GRAPH
    graph.write_bytes(compress(graph_of(release.folder).replace(b"Belize", b"Belise", 1)))
    with pytest.raises(ReleaseError, match=r"damaged: graph\.nq\.zst"):
        release.verify()
    result = run("serve", tmp_path)
    assert result.returncode == 2
    assert b"damaged" in result.stderr
    (release.folder / "manifest.json").unlink()
    with pytest.raises(ReleaseError, match="not a complete release"):
        Releases(tmp_path).current()


@pytest.mark.slow
@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        '{"files": []}',
        '{"files": {"../../etc/passwd": ""}}',
        '{"files": {"graph.nq.zst": "", "report.json": ""}}',
        '{"files": {"graph.nq.zst": "", "report.json": ""}, "counts": {"quads": 1}, "created": "x", "site": {"base": 1}}',
    ],
)
def test_invalid_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    release, _ = pipeline.build([SEED], tmp_path)
    (release.folder / "manifest.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "²").mkdir()
    with pytest.raises(ReleaseError, match="not a complete release"):
        Releases(tmp_path).current()


def test_damaged_manifest_is_reported(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three / "0001", tmp_path / "0001")
    good = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(good.replace('"quads": ', '"quads": 1'))
    with pytest.raises(FileDamaged, match=r"damaged: manifest\.json does not match SHA256SUMS"):
        Releases(tmp_path).get(1).verify()
    (folder / "manifest.json").write_text(good[1:])
    with pytest.raises(ReleaseError, match=r"is not a complete release: manifest\.json is damaged"):
        Releases(tmp_path).get(1)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["dump", "store", "sums"])
def test_flipped_bit_is_detected_and_the_last_intact_release_served(three: Path, tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    newest = folder / "0003"
    path = {
        "dump": newest / "public" / "cybilgraph.nq.zst",
        "store": max((newest / "store").glob("*.sst")),
        "sums": newest / "SHA256SUMS",
    }[kind]
    flip_a_bit(path)
    refused = run("activate", folder, 3)
    assert (refused.returncode, f"is damaged: {path.relative_to(newest)}" in refused.stderr.decode()) == (2, True)
    messages: list[str] = []
    assert Releases(folder).select_intact(messages.append).number == 2
    assert "0003 is refused" in messages[0]
    assert "\n" not in messages[0], "log messages have one line"


def test_damaged_store_is_not_queried(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    flip_a_bit(max((folder / "0003" / "store").glob("*.sst"), key=lambda path: path.stat().st_size))
    refused = run("query", "SELECT (SUM(STRLEN(STR(?o))) AS ?n) { ?s ?p ?o }", "--from", folder)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"Release 0003 is damaged: store/" in refused.stderr
    with pytest.raises(FileDamaged, match="store/"):
        cybilgraph.open(folder)


def test_damaged_file_is_not_read_for_a_review(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    flip_a_bit(folder / "0003" / "report.json")
    refused = run("review", folder, "--decisions", tmp_path, "--export", tmp_path / "claims.csv")
    assert (refused.returncode, b"damaged: report.json" in refused.stderr) == (2, True)


def test_build_does_not_follow_a_damaged_table_of_projects(three: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three, tmp_path / "releases")
    identities = folder / "0003" / "identities.csv"
    identities.write_bytes(identities.read_bytes().replace(b"G0020", b"G0021"))
    assert list(Releases(folder).identities(DEFAULT_PROFILE)) == list(Releases(three).identities(DEFAULT_PROFILE))
