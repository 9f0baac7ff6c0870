"""A release into another server: resumed where it broke off, counted, and never told to be there before it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cybilgraph.errors import EndpointFailed, LoadError
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.endpoint import LOADED_GRAPH, Credentials, Endpoint, current_graph
from cybilgraph.sync import graph_store
from cybilgraph.sync.graph_store import find_difference, load, require_loaded
from tests.conftest import graph_of
from tests.support.servers import FaultyProxy, oxigraph

ALONE = b"<http://x/a> <http://x/b> <http://x/c> .\n"


@pytest.fixture
def way() -> Iterator[FaultyProxy]:
    with oxigraph() as store, FaultyProxy(store) as way:
        yield way


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_store, "_BLOCK_STATEMENTS", 1_000)
    monkeypatch.setattr(graph_store, "_FIRST_PAUSE_SECONDS", 0.01)


def test_a_load_goes_on_where_it_broke_off(way: FaultyProxy, release: Release) -> None:
    endpoint = Endpoint(way.store.endpoint)
    quads = release.manifest["counts"]["quads"]
    way.left = 3
    with pytest.raises(LoadError, match="refused POST of"):
        load(release, endpoint, way.store.graph_store, Credentials())
    with pytest.raises(EndpointFailed, match="has no whole release"):
        require_loaded(endpoint, release)
    way.left, way.wrote = 1_000, []
    seen: list[tuple[int, int]] = []
    done = load(release, endpoint, way.store.graph_store, Credentials(), on_progress=lambda *now: seen.append(now))
    assert done.statements + 102 == quads
    assert (done.sent, done.graphs) == (quads - 3_000, 1)
    assert max(way.wrote) == 1_000
    assert seen[-1] == (quads, quads)
    require_loaded(endpoint, release)
    assert load(release, endpoint, way.store.graph_store, Credentials()).sent == 0
    assert load(release, endpoint, way.store.graph_store, Credentials(), resend=True).sent == quads


def test_what_is_of_others_stays_and_what_is_wrong_is_told(way: FaultyProxy, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store._GraphStore(way.store.graph_store, Credentials())
    store.put("http://example.org/theirs", ALONE)
    store.put("https://w3id.org/cybilgraph/graph/gone/1", ALONE)
    store.put(current_graph("of-an-earlier-release"), ALONE)
    load(release, endpoint, way.store.graph_store, Credentials())
    counts = endpoint.counts()
    name = current_graph(release.checksum(GRAPH))
    stated = sum(not is_in_earlier_graph(line) for line in graph_of(release.folder).splitlines())
    assert counts == {name: stated, "https://w3id.org/cybilgraph/graph/G0020/1": 102, LOADED_GRAPH: 2}
    [row] = endpoint._rows("SELECT (COUNT(*) AS ?n) { GRAPH <http://example.org/theirs> { ?s ?p ?o } }", None)
    assert row["n"] == "1"
    store.add(name, ALONE)  # more than there is: it is made anew
    assert load(release, endpoint, way.store.graph_store, Credentials()).statements == stated
    elsewhere = replace(release, manifest=release.manifest | {"release": 2}, number=2)
    require_loaded(endpoint, release)
    assert endpoint.loaded_release() == (release.checksum(GRAPH), elsewhere.number - 1)


def test_what_is_changed_behind_a_release_is_found(way: FaultyProxy, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store._GraphStore(way.store.graph_store, Credentials())
    load(release, endpoint, way.store.graph_store, Credentials())
    assert find_difference(endpoint, release) == ""
    name, quads = current_graph(release.checksum(GRAPH)), release.manifest["counts"]["quads"]
    store.add(name, ALONE)
    assert find_difference(endpoint, release) == f"it has {quads + 1:,} statements, and the release {quads:,}"
    lines = [line for line in graph_of(release.folder).splitlines() if not is_in_earlier_graph(line)]
    planned = next(line for line in lines if b"/G0020> " in line and b"#start> " in line)
    store.put(name, b"\n".join([*(line for line in lines if line != planned), ALONE]))
    told = find_difference(endpoint, release)
    assert told == "what it has of https://w3id.org/cybilgraph/id/project/G0020 is not what the release has"
    load(release, endpoint, way.store.graph_store, Credentials(), resend=True)
    assert find_difference(endpoint, release) == ""


def test_graphs_of_another_server_are_told(way: FaultyProxy, release: Release) -> None:
    """The address of one server to ask, and of another to write."""
    with (
        oxigraph() as other,
        pytest.raises(LoadError, match="other numbers of statements than the release, in 2 graphs"),
    ):
        load(release, Endpoint(other.endpoint), way.store.graph_store, Credentials())


def test_no_graph_store_is_told(way: FaultyProxy, release: Release) -> None:
    with pytest.raises(LoadError) as told:
        load(release, Endpoint(way.store.endpoint), way.store.endpoint, Credentials())
    assert "--graph-store URL" in told.value.hint


def test_a_password_is_sent_to_who_asks_for_it(way: FaultyProxy, release: Release) -> None:
    way.asks_for = Credentials("me", "secret").header["Authorization"]
    mine = Credentials("me", "secret")
    assert load(release, Endpoint(way.store.endpoint, mine), way.store.graph_store, mine).graphs == 1
    other = Credentials("me", "wrong")
    with pytest.raises(LoadError, match="refused"):
        load(release, Endpoint(way.store.endpoint, other), way.store.graph_store, other)
