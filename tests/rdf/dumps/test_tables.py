"""The tables of a release agree with its graph."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyoxigraph as ox
import pytest
from arro3.io import read_parquet

from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, RDF
from cybilgraph.rdf.dumps.tables import TableNames, write_tables
from cybilgraph.release import Release, graph_file
from tests.support.dumps import write_dumps


def test_tables_agree_with_the_graph(release: Release) -> None:
    folder = release.folder / "public"
    store = ox.Store.read_only(str(release.store))
    asked = {
        "projects": f"SELECT (COUNT(*) AS ?n) {{ ?x a <{CYB.Project}> }}",
        "participations": f"SELECT (COUNT(*) AS ?n) {{ ?x a <{CYB.Participation}> }}",
        "scopes": f"SELECT (COUNT(*) AS ?n) {{ ?x a <{CYB.Scope}> }}",
        "outcomes": f"SELECT (COUNT(*) AS ?n) {{ ?x a ?kind VALUES ?kind {{ <{CYB.Outcome}> <{CYB.Output}> <{CYB.Activity}> }} }}",
    }
    tables = {}
    for name, query in asked.items():
        text = gzip.decompress((folder / f"{name}.csv.gz").read_bytes()).decode()
        tables[name] = rows = list(csv.DictReader(io.StringIO(text, newline="")))
        [solution] = store.query(query)
        assert len(rows) == int(solution["n"].value)
        parquet = read_parquet(folder / f"{name}.parquet").read_all()
        assert parquet.column_names == list(rows[0])
        for column in parquet.column_names:
            assert list(map(as_text, parquet.column(column).to_pylist())) == list(
                map(plain, (row[column] for row in rows))
            )
    [belize] = [row for row in tables["projects"] if row["code"] == "G0020"]
    assert (belize["title"], belize["start"], belize["status"]) == (
        "Support to Belize National Cyber Security Strategy",
        "2018-04",
        "Finished",
    )
    assert belize["countries"] == "Belize"
    [cicte] = [
        row
        for row in tables["participations"]
        if row["project"] == belize["project"] and "cicte" in row["actor"] and row["role"] == "Implementer"
    ]
    assert cicte["basis"] == "Possible"
    assert cicte["quote"].startswith("OAS/CICTE provided")
    assert 0 < float(cicte["confidence"]) < 1
    [country] = [row for row in tables["scopes"] if (row["project"], row["kind"]) == (belize["project"], "country")]
    assert (country["concept_name"], country["basis"]) == ("Belize", "Derived from the text")
    assert "Belize" in country["quote"]
    outputs = [row for row in tables["outcomes"] if row["project"] == belize["project"]]
    assert [row["kind"] for row in outputs].count("activity") == 4


def as_text(value: Any) -> str:
    """A value of Parquet as the CSV has it."""
    return "; ".join(value) if isinstance(value, list) else plain("" if value is None else str(value))


def plain(text: str) -> str:
    """A number without trailing zeros; other texts as they are."""
    return text.rstrip("0").rstrip(".") if re.fullmatch(r"[0-9]+\.[0-9]+", text) else text


def test_parquet_has_types(release: Release) -> None:
    projects = read_parquet(release.folder / "public" / "projects.parquet").read_all()
    rows = {row["code"]: row for row in projects.to_struct_array().to_pylist()}
    belize = rows["G0020"]
    assert (belize["countries"], belize["country_codes"]) == (["Belize"], ["BZ"])
    assert (belize["start_earliest"], belize["start_latest"]) == (date(2018, 4, 1), date(2018, 4, 30))
    assert belize["part_of"] == []
    scopes = read_parquet(release.folder / "public" / "scopes.parquet").read_all()
    assert all(value is None or 0 < value <= 1 for value in scopes.column("confidence").to_pylist())


def test_duckdb_reads_the_types_of_parquet(release: Release) -> None:
    def types(name: str) -> dict[str, str]:
        path = release.folder / "public" / f"{name}.parquet"
        return {row[0]: str(row[1]) for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}

    projects, funding = types("projects"), types("funding")
    assert {projects[name] for name in ("countries", "country_codes", "part_of")} == {"VARCHAR[]"}
    assert {projects[name] for name in ("start_earliest", "end_latest")} == {"DATE"}
    assert (types("scopes")["confidence"], types("participations")["basis"]) == ("DOUBLE", "VARCHAR")
    assert funding["amount"].startswith(("DECIMAL", "DOUBLE")), funding
    projects_file = release.folder / "public" / "projects.parquet"
    query = (
        f"SELECT code FROM '{projects_file}' WHERE list_contains(country_codes, 'BZ') AND year(start_earliest) = 2018"
    )
    assert ("G0020",) in duckdb.sql(query).fetchall()


@pytest.mark.parametrize("rows", [1, 20_000])
def test_full_disk_is_reported_while_writing_tables(rows: int, tmp_path: Path) -> None:
    (tmp_path / "outcomes.parquet").symlink_to("/dev/full")
    names = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(rows))
    with TableNames() as nothing, pytest.raises(OSError, match="No space left on device"):
        write_tables([{"outcomes": [(name, "outcome", "1", name) for name in names]}], nothing, tmp_path)


def test_long_texts_are_kept(tmp_path: Path) -> None:
    project, text = f"<{BASE}id/project/long>", "Training for Tonga. " * 10_000
    graph = tmp_path / graph_file.GRAPH
    statements = f'{project} <{RDF.type}> <{CYB.Project}> .\n{project} <{DCTERMS.title}> "{text}" .\n'
    graph_file.write_graph(graph, [statements.encode()])
    csv.field_size_limit(1 << 17)  # the default
    write_dumps(graph, tmp_path)
    [row] = read_parquet(tmp_path / "projects.parquet").read_all().to_struct_array().to_pylist()
    assert row["title"] == text


@pytest.mark.slow
def test_project_without_type_is_left_out(tmp_path: Path) -> None:
    graph = tmp_path / graph_file.GRAPH
    graph_file.write_graph(graph, [f"<{BASE}id/project/old> <x:isReplacedBy> <{BASE}id/project/new> .\n".encode()])
    write_dumps(graph, tmp_path)
    assert gzip.decompress((tmp_path / "projects.csv.gz").read_bytes()).count(b"\n") == 1
    assert read_parquet(tmp_path / "projects.parquet").read_all().num_rows == 0
