"""Tables of a release are read from CSV and Parquet, and damaged ones are reported."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cybilgraph.rdf.dumps.table_reader import read_table
from cybilgraph.release import Release


@pytest.mark.parametrize("name", ["projects", "participations", "outcomes"])
def test_csv_and_parquet_have_equal_rows(name: str, release: Release) -> None:
    folder = release.folder / "public"
    rows = list(read_table(folder / f"{name}.csv.gz", f"{name}.csv.gz"))
    assert len(rows) > 1
    assert list(read_table(folder / f"{name}.parquet", f"{name}.parquet")) == rows


def test_compression_follows_the_given_name(tmp_path: Path) -> None:
    path = tmp_path / "downloaded"
    path.write_bytes(gzip.compress(b'code,title\nG0001,"A law, and\nmore"\n'))
    assert list(read_table(path, "projects.csv.gz")) == [("code", "title"), ("G0001", "A law, and\nmore")]


def test_long_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"title\n{'x' * 1_000_000}\n".encode())
    assert [len(cell) for (cell,) in read_table(path, path.name)] == [5, 1_000_000]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_invalid_parquet_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a valid Parquet file"):
        list(read_table(path, path.name))
