"""A copy of a site is written and reported in one line, unless the site does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.release import Release
from tests.conftest import graph_of, run

pytestmark = pytest.mark.slow


def test_copy_equals_the_graph_of_the_site(server: str, release: Release, tmp_path: Path) -> None:
    first = run("harvest", server, "--into", tmp_path / "copy")
    assert (first.returncode, first.stdout.count(b"\n")) == (0, 1)
    copy = (tmp_path / "copy" / "graph.nq").read_bytes().splitlines()
    assert copy == sorted(graph_of(release.folder).splitlines())
    assert run("harvest", server, "--into", tmp_path / "copy", "--quiet").stdout == b""


def test_missing_site_is_reported(tmp_path: Path) -> None:
    refused = run("harvest", "http://127.0.0.1:1", "--into", tmp_path / "copy", "--attempts", 1)
    assert refused.returncode == 2
    assert b"no connection" in refused.stderr
