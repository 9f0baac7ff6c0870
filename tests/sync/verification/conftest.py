"""Fixtures for tests of the verification."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from cybilgraph.model.vocabulary import CYB, RDF
from cybilgraph.release import Release
from tests.conftest import graph_of
from tests.support.publisher import FaultyProxy, Publisher, published
from tests.support.verification import DCAT, SPDX, VOID


@pytest.fixture
def way(server: str, release: Release) -> Iterator[FaultyProxy]:
    """A way to the server; what it does not tell of its releases yet is problems by the way, rightly."""
    lines = graph_of(release.folder).splitlines(keepends=True)
    present = [
        line for line in lines if b" <https://w3id.org/cybilgraph/graph/" not in line[-120:] or b"wasRevisionOf" in line
    ]
    projects = sum(line.split(b" ", 1)[1] == f"<{RDF.type}> <{CYB.Project}> .\n".encode() for line in present)
    void = (
        f'<x:data> <{VOID}triples> "{len(lines)}" .\n'
        f"<x:part> <{VOID}class> <{CYB.Project}> .\n"
        f'<x:part> <{VOID}entities> "{projects}" .\n'
    )
    dump = release.served_files()["cybilgraph.nq.zst"].read_bytes()
    dcat = (
        f"<x:file> <{DCAT}downloadURL> <{server}/release/1/cybilgraph.nq.zst> .\n"
        f'<x:file> <{DCAT}byteSize> "{len(dump)}" .\n'
        f"<x:file> <{SPDX}checksum> <x:sum> .\n"
        f'<x:sum> <{SPDX}checksumValue> "{hashlib.sha256(dump).hexdigest()}" .\n'
    )
    with FaultyProxy(server) as way:
        way.more = {
            "/.well-known/void": ("application/n-triples", void.encode()),
            "/catalog": ("application/n-triples", dcat.encode()),
        }
        yield way


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with published(tmp_path_factory.mktemp("site")) as publisher:
        yield publisher
