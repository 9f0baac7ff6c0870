"""The graph file consists of independent compressed chunks, and damage to it is detected."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cybilgraph.errors import FileDamaged
from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import graph_file
from cybilgraph.release.graph_file import GRAPH
from tests.conftest import graph_of

PROJECT = re.compile(rf"^<{BASE}(?:id/project|record)/([^/>]+)", re.MULTILINE)


def lines_of(*keys: str) -> list[bytes]:
    return [
        f'<{BASE}{kind}/{key}{part}> <x:says> "{"many words " * 50}" .\n'.encode()
        for key in sorted(keys)
        for kind, part in (("id/project", ""), ("id/project", "/outcome/1"), ("record", ""))
    ]


def test_project_is_in_one_chunk() -> None:
    keys = [f"G{number:04}" for number in range(5_000)]
    before = list(graph_file.split_chunks(lines_of(*keys)))
    assert b"".join(before) == b"".join(lines_of(*keys))
    assert len(before) > 5
    found = [set(PROJECT.findall(chunk.decode())) for chunk in before]
    assert sum(map(len, found)) == len(keys) == len(set.union(*found))


def test_graph_is_readable_as_a_whole_by_line_and_by_chunk(tmp_path: Path) -> None:
    lines = lines_of(*(f"G{number:04}" for number in range(500)))
    path = tmp_path / GRAPH
    graph_file.write_graph(path, lines)
    assert graph_of(tmp_path) == b"".join(lines)
    with graph_file.open_lines(path) as read:
        assert list(read) == lines
    assert list(graph_file.read_graph(path)) == list(graph_file.split_chunks(lines))
    assert path.stat().st_size < len(b"".join(lines)) / 5


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_zstd_decompresses_the_file(tmp_path: Path) -> None:
    lines = lines_of("G1", "G2", "G3")
    graph_file.write_graph(tmp_path / GRAPH, lines)
    decompressed = subprocess.run(["zstd", "-dc", tmp_path / GRAPH], check=True, capture_output=True)
    assert decompressed.stdout == b"".join(lines)


def test_empty_graph_has_no_chunks(tmp_path: Path) -> None:
    graph_file.write_graph(tmp_path / GRAPH, [])
    assert list(graph_file.read_graph(tmp_path / GRAPH)) == []
    with graph_file.open_lines(tmp_path / GRAPH) as read:
        assert list(read) == []


@pytest.mark.parametrize("at", [0.0, 0.3, 0.5, 0.999])
def test_damage_is_detected_by_every_reader(tmp_path: Path, at: float) -> None:
    path = tmp_path / GRAPH
    graph_file.write_graph(path, lines_of(*(f"G{number:04}" for number in range(500))))
    good = path.read_bytes()
    place = int(at * len(good))
    for bad in (good[:place] + bytes([good[place] ^ 8]) + good[place + 1 :], good[:-5]):
        path.write_bytes(bad)
        with pytest.raises(FileDamaged, match=GRAPH):
            list(graph_file.read_graph(path))
    path.write_bytes(good[:place] + bytes([good[place] ^ 8]) + good[place + 1 :])
    with pytest.raises(FileDamaged, match=GRAPH), graph_file.open_lines(path) as read:
        list(read)
