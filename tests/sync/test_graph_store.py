"""Loading a release into another server resumes where it was interrupted, counts, and reports success only when complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cybilgraph.errors import EndpointFailed, LoadError
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint, current_graph, loaded_graph
from cybilgraph.sync import graph_store
from cybilgraph.sync.graph_store import find_difference, load, require_loaded
from tests.conftest import graph_of
from tests.support.servers import FaultyProxy, oxigraph

pytestmark = pytest.mark.slow

ALONE = b"<http://x/a> <http://x/b> <http://x/c> .\n"


@pytest.fixture
def way() -> Iterator[FaultyProxy]:
    with oxigraph() as store, FaultyProxy(store) as way:
        yield way


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_store, "_BLOCK_STATEMENTS", 1_000)
    monkeypatch.setattr(graph_store, "_FIRST_PAUSE_SECONDS", 0.01)


def _earlier(release: Release) -> int:
    """Return the number of statements about earlier versions."""
    return sum(map(is_in_earlier_graph, graph_of(release.folder).splitlines()))


def test_load_resumes_where_it_was_interrupted(way: FaultyProxy, release: Release) -> None:
    endpoint = Endpoint(way.store.endpoint)
    quads = release.manifest["counts"]["quads"]
    way.left = 3
    with pytest.raises(LoadError, match="refused POST of"):
        load(release, endpoint, way.store.graph_store, Credentials())
    with pytest.raises(EndpointFailed, match="has no complete release"):
        require_loaded(endpoint, release)
    way.left, way.wrote = 1_000, []
    seen: list[tuple[int, int]] = []
    done = load(release, endpoint, way.store.graph_store, Credentials(), on_progress=lambda *now: seen.append(now))
    assert done.statements + _earlier(release) == quads
    assert (done.sent, done.graphs) == (quads - 3_000, 1)
    assert max(way.wrote) == 1_000
    assert seen[-1] == (quads, quads)
    require_loaded(endpoint, release)
    assert load(release, endpoint, way.store.graph_store, Credentials()).sent == 0
    assert load(release, endpoint, way.store.graph_store, Credentials(), resend=True).sent == quads


def test_load_keeps_graphs_of_others_and_replaces_a_wrong_one(way: FaultyProxy, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store.GraphStore(way.store.graph_store, Credentials())
    store.put("http://example.org/theirs", ALONE)
    store.put("https://w3id.org/cybilgraph/graph/gone/1", ALONE)
    store.put(current_graph("of-an-earlier-release"), ALONE)
    load(release, endpoint, way.store.graph_store, Credentials())
    counts = endpoint.counts()
    name = current_graph(release.checksum(GRAPH))
    stated = sum(not is_in_earlier_graph(line) for line in graph_of(release.folder).splitlines())
    assert counts == {name: stated, "https://w3id.org/cybilgraph/graph/G0020/1": _earlier(release), loaded_graph(): 2}
    assert "true" in str(endpoint.query("ASK { GRAPH <http://example.org/theirs> { ?s ?p ?o } }")).lower()
    store.add(name, ALONE)  # more than the release has: the graph is replaced
    assert load(release, endpoint, way.store.graph_store, Credentials()).statements == stated
    elsewhere = replace(release, manifest=release.manifest | {"release": 2}, number=2)
    require_loaded(endpoint, release)
    assert endpoint.loaded_release() == (release.checksum(GRAPH), elsewhere.number - 1)


def test_changes_on_the_server_are_found(way: FaultyProxy, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store.GraphStore(way.store.graph_store, Credentials())
    load(release, endpoint, way.store.graph_store, Credentials())
    assert find_difference(endpoint, release) == ""
    name, quads = current_graph(release.checksum(GRAPH)), release.manifest["counts"]["quads"]
    store.add(name, ALONE)
    assert find_difference(endpoint, release) == f"it has {quads + 1:,} statements, but the release has {quads:,}"
    lines = [line for line in graph_of(release.folder).splitlines() if not is_in_earlier_graph(line)]
    planned = next(line for line in lines if b"/G0020> " in line and b"#start> " in line)
    store.put(name, b"\n".join([*(line for line in lines if line != planned), ALONE]))
    difference = find_difference(endpoint, release)
    assert (
        difference
        == "its statements about https://w3id.org/cybilgraph/id/project/G0020 differ from those of the release"
    )
    load(release, endpoint, way.store.graph_store, Credentials(), resend=True)
    assert find_difference(endpoint, release) == ""


def test_endpoint_and_store_of_different_servers_are_reported(way: FaultyProxy, release: Release) -> None:
    """The query endpoint belongs to another server than the graph store."""
    with (
        oxigraph() as other,
        pytest.raises(LoadError, match="differ in the number of statements of 2 graphs"),
    ):
        load(release, Endpoint(other.endpoint), way.store.graph_store, Credentials())


def test_missing_graph_store_is_reported(way: FaultyProxy, release: Release) -> None:
    with pytest.raises(LoadError) as error:
        load(release, Endpoint(way.store.endpoint), way.store.endpoint, Credentials())
    assert "--graph-store URL" in error.value.hint


def test_password_is_sent_if_the_server_requests_it(way: FaultyProxy, release: Release) -> None:
    way.asks_for = Credentials("me", "secret").header["Authorization"]
    mine = Credentials("me", "secret")
    assert load(release, Endpoint(way.store.endpoint, mine), way.store.graph_store, mine).graphs == 1
    other = Credentials("me", "wrong")
    with pytest.raises(LoadError, match="refused"):
        load(release, Endpoint(way.store.endpoint, other), way.store.graph_store, other)
