"""The files of a release contain its graph in each syntax, and are identical in every build."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import zlib
from itertools import chain
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pyoxigraph as ox
import pytest
import rdflib
import zstandard

from cybilgraph import pipeline
from cybilgraph.model.formats import Format, FormatKind
from cybilgraph.rdf.dumps import (
    DUMP_FORMATS,
    GzipPart,
    combine_checksums,
    open_dumps,
    open_gzip,
    open_gzip_parts,
    serialise_chunk,
    write_zstandard,
)
from cybilgraph.rdf.dumps.tables import COLUMNS
from cybilgraph.rdf.serialisation import RDF_FORMATS, is_in_earlier_graph
from cybilgraph.release import Release, graph_file
from tests.conftest import ROOT, SEED, graph_of
from tests.support.dumps import VERSION, write_dumps
from tests.support.servers import Store, oxigraph, virtuoso

PARTS = [b"<x:a> <x:p> <x:b> .\n" * 1_000, b"", bytes(range(256)) * 300]


def decompress(path: Path) -> bytes:
    """Decompress a single gzip member or Zstandard frame, which must contain everything."""
    if path.suffix == ".gz":
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        content = member.decompress(path.read_bytes())
        assert member.eof
        assert not member.unused_data
        return content
    frame = zstandard.ZstdDecompressor().decompressobj()
    content = frame.decompress(path.read_bytes())
    assert frame.eof
    assert not frame.unused_data
    return content


@pytest.mark.parametrize("fmt", DUMP_FORMATS, ids=lambda fmt: fmt.name)
def test_each_syntax_contains_the_same_statements(release: Release, fmt: Format) -> None:
    path = release.folder / "public" / f"cybilgraph.{fmt.suffix}"
    content = decompress(path.with_name(f"{path.name}.gz"))
    graph = graph_of(release.folder)
    there = set(ox.parse(graph, format=ox.RdfFormat.N_QUADS))
    if fmt.name != "nquads":
        there = {quad for quad in there if quad.graph_name == ox.DefaultGraph()}
    assert set(ox.parse(content, format=RDF_FORMATS[fmt.name])) == there
    if fmt.name == "nquads":
        assert content == decompress(path.with_name(f"{path.name}.zst")) == graph


@pytest.mark.slow
@pytest.mark.parametrize("fmt", DUMP_FORMATS, ids=lambda fmt: fmt.name)
def test_rdflib_reads_all_statements(release: Release, fmt: Format) -> None:
    content = decompress(release.folder / "public" / f"cybilgraph.{fmt.suffix}.gz")
    store = rdflib.Dataset()
    name = {"ntriples": "nt", "jsonld": "json-ld", "rdfxml": "xml"}.get(fmt.name, fmt.name)
    store.parse(data=content, format=name)
    quads = release.manifest["counts"]["quads"]
    versions = sum(map(is_in_earlier_graph, graph_of(release.folder).splitlines(keepends=True)))
    assert versions > 50
    assert len(list(store.quads())) == (quads if fmt.name == "nquads" else quads - versions)


def test_javascript_parsers_read_all_statements(release: Release) -> None:
    """N3.js, and Comunica's parsers for JSON-LD and RDF/XML."""
    node, clients = shutil.which("node"), ROOT / "tests" / "clients"
    if node is None or not (clients / "node_modules").is_dir():
        pytest.skip("no node on this machine, or no `make clients` before")
    files = [release.folder / "public" / f"cybilgraph.{fmt.suffix}.gz" for fmt in DUMP_FORMATS]
    result = subprocess.run([node, clients / "dumps.mjs", *files], capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    lines = graph_of(release.folder).splitlines(keepends=True)
    versions = sum(map(is_in_earlier_graph, lines))
    assert {found["suffix"]: found["count"] for found in map(json.loads, result.stdout.splitlines())} == {
        fmt.suffix: len(lines) if fmt.name == "nquads" else len(lines) - versions for fmt in DUMP_FORMATS
    }


@pytest.mark.slow
def test_virtuoso_and_oxigraph_load_all_statements(release: Release, tmp_path: Path) -> None:
    """Servers that load a dump as a graph through the Graph Store Protocol, or with its named graphs through a
    bulk loader.
    """
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl on this machine")
    lines = graph_of(release.folder).splitlines(keepends=True)
    there = len(lines) - sum(map(is_in_earlier_graph, lines))
    with virtuoso(tmp_path) as one, oxigraph() as other:
        # Digest at once: with "--anyauth", Virtuoso may close the connection while curl sends the body without it.
        for server, of_graph, login in ((one, "graph-uri", ("--digest", "-u", "dba:dba")), (other, "graph", ())):
            for fmt in (fmt for fmt in DUMP_FORMATS if fmt.kind is FormatKind.GRAPH):
                graph = f"https://example.org/{fmt.name}"
                way = (*login, "-X", "PUT", "-H", f"Content-Type: {fmt.media_type}")
                sent = subprocess.run(
                    [curl, "-sf", *way, "--data-binary", "@-", f"{server.graph_store}?{of_graph}={graph}"],
                    input=decompress(release.folder / "public" / f"cybilgraph.{fmt.suffix}.gz"),
                    capture_output=True,
                )
                assert sent.returncode == 0, (fmt.name, sent.stderr)
                assert _count(server, graph) == there, (server.endpoint, fmt.name)
        _load(one, release.folder / "public", tmp_path, "https://example.org/loaded")
        assert _count(one, "https://example.org/loaded") == there
        of_version = [line for line in lines if is_in_earlier_graph(line)]
        version = of_version[0].split(b" ")[-2].decode()[1:-1]
        assert _count(one, version) == sum(f" <{version}> .".encode() in line for line in of_version)


def _count(server: Store, graph: str) -> int:
    count = f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
    asked = Request(f"{server.endpoint}?{urlencode({'query': count})}", headers={"Accept": "text/csv"})
    with urlopen(asked, timeout=60) as answer:
        return int(answer.read().split()[1])


def _load(server: Store, public: Path, folder: Path, graph: str) -> None:
    """Load the compressed N-Quads with Virtuoso's bulk loader."""
    shell = shutil.which("isql-vt")
    if shell is None:
        pytest.skip("no isql-vt on this machine (Debian: virtuoso-opensource-7)")
    shutil.copy(public / "cybilgraph.nq.gz", folder)
    done = f"ld_dir('{folder}', '*.nq.gz', '{graph}'); rdf_loader_run();"
    subprocess.run([shell, server.shell, "dba", "dba", f"EXEC={done}"], check=True, capture_output=True, timeout=60)


def test_checksums_verify_with_sha256sum(release: Release, tmp_path: Path) -> None:
    for name in release.served_files():
        with release.open(name) as file:
            (tmp_path / name).write_bytes(file.read())
    for place in (tmp_path, release.folder):
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=place, check=True, capture_output=True)
    listed = {line.split()[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in tmp_path.iterdir()} - {"SHA256SUMS"}
    assert all(
        hashlib.sha256(path.read_bytes()).hexdigest() == release.checksum(path.name) for path in tmp_path.iterdir()
    )


@pytest.mark.slow
def test_equal_graphs_give_equal_dumps(release: Release, tmp_path: Path) -> None:
    write_dumps(release.folder / graph_file.GRAPH, tmp_path)
    public = release.folder / "public"
    dumps = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(dumps) == len(DUMP_FORMATS) + 1 + 2 * len(COLUMNS) + 3
    assert all(path.read_bytes() == (public / path.name).read_bytes() for path in dumps)


@pytest.mark.slow
@pytest.mark.parametrize("versions", [(), (0,), (300,), (599,)], ids=str)
def test_only_n_quads_have_earlier_captures(versions: tuple[int, ...], tmp_path: Path) -> None:
    present = [
        [f'<x:s{number}> <x:p> "{hashlib.sha256(b"%d" % number).hexdigest()}" .\n'.encode()] * 40
        for number in range(600)
    ]
    earlier = [[f"<x:s> <x:p> <x:o> <{VERSION}> .\n".encode()] if at in versions else [] for at in range(600)]
    with open_dumps(tmp_path) as add:
        for lines, others in zip(present, earlier, strict=True):
            add(serialise_chunk(b"".join(lines + others), b"".join(lines), b""))
    dumps = {fmt.name: decompress(tmp_path / f"cybilgraph.{fmt.suffix}.gz") for fmt in DUMP_FORMATS}
    assert dumps["ntriples"] == b"".join(chain(*present))
    assert dumps["nquads"] == b"".join(chain(*(lines + others for lines, others in zip(present, earlier, strict=True))))
    quads, triples = (set(ox.parse(dumps[name], format=RDF_FORMATS[name])) for name in ("nquads", "ntriples"))
    for fmt in DUMP_FORMATS:
        expected = quads if fmt.name == "nquads" else triples
        assert set(ox.parse(dumps[fmt.name], format=RDF_FORMATS[fmt.name])) == expected


@pytest.mark.slow
def test_release_without_dumps(tmp_path: Path) -> None:
    release, _ = pipeline.build([SEED], tmp_path, dumps=False)
    described = {"void.ttl", "dcat.ttl", "dcat.jsonld", "dcat.rdf"}
    assert set(release.served_files()) == {"manifest.json", "report.json", "SHA256SUMS"} | described
    release.verify()


def write(path: Path, parts: list[bytes]) -> bytes:
    with open_gzip_parts(path) as add:
        for part in parts:
            add(GzipPart.of(part))
    return path.read_bytes()


@pytest.mark.parametrize("count", range(len(PARTS) + 1))
def test_parts_form_one_gzip_member(count: int, tmp_path: Path) -> None:
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)  # like readers that stop after the first member
    assert member.decompress(write(tmp_path / "a", PARTS[:count])) == b"".join(PARTS[:count])
    assert (member.eof, member.unused_data) == (True, b"")


def test_blocks_form_one_zstandard_frame(tmp_path: Path) -> None:
    assert list(write_zstandard(tmp_path / "a.zst", PARTS)) == PARTS
    frame = zstandard.ZstdDecompressor().decompressobj()
    assert frame.decompress((tmp_path / "a.zst").read_bytes()) == b"".join(PARTS)
    assert (frame.eof, frame.unused_data) == (True, b"")


def test_equal_parts_give_equal_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a", PARTS) == write(tmp_path / "b", PARTS)


@pytest.mark.parametrize("size", [0, 1, 7, 1_000, 1_000_000])
def test_checksums_are_combined(size: int) -> None:
    first, second = os.urandom(100), os.urandom(size)
    combined = combine_checksums(zlib.crc32(first), zlib.crc32(second), size)
    assert combined == zlib.crc32(first + second)


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        write(tmp_path / "a.gz", PARTS)
    assert (tmp_path / "a.gz").read_bytes() == b"kept"


def test_gzip_header_has_neither_name_nor_time(tmp_path: Path) -> None:
    for name in ("a.gz", "another-name.gz"):
        with open_gzip(tmp_path / name) as output:
            output.write(PARTS[0])
    content = (tmp_path / "a.gz").read_bytes()
    assert content == (tmp_path / "another-name.gz").read_bytes()
    assert gzip.decompress(content) == PARTS[0]
