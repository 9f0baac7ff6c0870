"""Releases are copied, loaded, harvested and verified, or the reason is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.release import Release, Releases
from tests.conftest import graph_of, run


@pytest.mark.slow
def test_copy_equals_the_graph_of_the_site(server: str, release: Release, tmp_path: Path) -> None:
    first = run("harvest", server, "--into", tmp_path / "copy")
    assert (first.returncode, first.stdout.count(b"\n")) == (0, 1)
    copy = (tmp_path / "copy" / "graph.nq").read_bytes().splitlines()
    assert copy == sorted(graph_of(release.folder).splitlines())
    assert run("harvest", server, "--into", tmp_path / "copy", "--quiet").stdout == b""


@pytest.mark.slow
def test_missing_site_is_not_harvested(tmp_path: Path) -> None:
    refused = run("harvest", "http://127.0.0.1:1", "--into", tmp_path / "copy", "--attempts", 1)
    assert refused.returncode == 2
    assert b"no connection" in refused.stderr


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [("nowhere", b"is not an absolute URL"), ("http://127.0.0.1:1/sparql", b"does not respond")],
)
def test_unusable_endpoint_is_reported(releases: Path, endpoint: str, message: bytes) -> None:
    refused = run("load", releases, "--endpoint", endpoint)
    assert refused.returncode == 2
    assert message in refused.stderr


def test_published_release_is_complete(releases: Path, tmp_path: Path) -> None:
    done = run("publish", releases, (tmp_path / "copy").as_uri())
    assert done.returncode == 0, done.stderr
    Releases(tmp_path / "copy").current().verify()


def test_folder_without_release_is_not_published(tmp_path: Path) -> None:
    refused = run("publish", tmp_path, (tmp_path / "copy").as_uri())
    assert refused.returncode == 2
    assert b"contains no release" in refused.stderr
    assert not (tmp_path / "copy").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "json"])
def test_missing_site_is_not_verified(name: str) -> None:
    refused = run("verify", "http://127.0.0.1:1", "--quick", "-f", name)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"no connection" in refused.stderr
