"""Fixtures for tests of the synchronisation."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import CYB, RDF
from cybilgraph.release import Release, Releases
from cybilgraph.sync.changes import ChangeLogCache
from tests.conftest import RECORDS, SEED, graph_of
from tests.support.changes import SAMOA
from tests.support.hostile_publisher import GOOD, Held, Hostile, take
from tests.support.publisher import FaultyProxy, Publisher, published
from tests.support.verification import DCAT, SPDX, VOID


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """A publisher that was good once, and the copy of that time."""
    with Hostile() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        into = tmp_path / "copy"
        take(server, into)
        server.patch = b"no patch"
        server.release = "2"
        yield Held(server, into)
        assert (into / "graph.nq").read_bytes() == GOOD
        assert '"release": 1' in (into / "state.json").read_text()
        server.shutdown()


@pytest.fixture
def way(server: str, release: Release) -> Iterator[FaultyProxy]:
    """A proxy for the server that adds descriptions in VoID and DCAT."""
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
    """A site with three releases."""
    with published(tmp_path_factory.mktemp("published")) as site:
        yield site


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five releases: two records; one changed; nothing but its reading; one removed and one added; the same again."""
    folder, sources = tmp_path_factory.mktemp("shelf"), tmp_path_factory.mktemp("sources")
    seed = sources / SEED.name
    shutil.copy(SEED, seed)
    shutil.copy(RECORDS / SAMOA, sources)
    pipeline.build([sources], folder)
    text = seed.read_text(encoding="utf-8")
    text = text.replace("Apr 2018", "May 2018").replace("Finished", "Ongoing")
    seed.write_text(text, encoding="utf-8")
    pipeline.build([sources], folder)
    seed.write_text(f"\n\n{text}", encoding="utf-8")  # other checksum, other lines
    pipeline.build([sources], folder)
    (sources / SAMOA).unlink()
    new = sources / "new.json"
    new.write_text('{"title": "A New Project", "code": "G0998", "countries": ["Tonga"]}', encoding="utf-8")
    pipeline.build([sources], folder)
    pipeline.build([sources], folder)
    return folder


@pytest.fixture(scope="module")
def changes(shelf: Path) -> Iterator[ChangeLogCache]:
    changes = ChangeLogCache(Releases(shelf))
    yield changes
    changes.close()
