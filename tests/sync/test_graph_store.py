"""A release into another server: resumed where it broke off, counted, and never told to be there before it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cybilgraph.errors import EndpointFailed, LoadError
from cybilgraph.rdf.serialisation import is_of_version
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.endpoint import LOADED, Credentials, Endpoint, present
from cybilgraph.sync import graph_store
from cybilgraph.sync.graph_store import difference, load, require
from tests.conftest import graph_of
from tests.support.servers import Way, oxigraph

ALONE = b"<http://x/a> <http://x/b> <http://x/c> .\n"


@pytest.fixture
def way() -> Iterator[Way]:
    with oxigraph() as store, Way(store) as way:
        yield way


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_store, "_AT_ONCE", 1_000)
    monkeypatch.setattr(graph_store, "_PAUSE", 0.01)


def test_a_load_goes_on_where_it_broke_off(way: Way, release: Release) -> None:
    endpoint = Endpoint(way.store.endpoint)
    quads = release.manifest["counts"]["quads"]
    way.left = 3
    with pytest.raises(LoadError, match="refused POST of"):
        load(release, endpoint, way.store.graph_store, Credentials())
    with pytest.raises(EndpointFailed, match="has no whole release"):
        require(endpoint, release)
    way.left, way.wrote = 1_000, []
    seen: list[tuple[int, int]] = []
    done = load(release, endpoint, way.store.graph_store, Credentials(), told=lambda *now: seen.append(now))
    assert done.statements + 102 == quads
    assert (done.sent, done.graphs) == (quads - 3_000, 1)
    assert max(way.wrote) == 1_000
    assert seen[-1] == (quads, quads)
    require(endpoint, release)
    assert load(release, endpoint, way.store.graph_store, Credentials()).sent == 0
    assert load(release, endpoint, way.store.graph_store, Credentials(), anew=True).sent == quads


def test_what_is_of_others_stays_and_what_is_wrong_is_told(way: Way, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store._GraphStore(way.store.graph_store, Credentials())
    store.put("http://example.org/theirs", ALONE)
    store.put("https://w3id.org/cybilgraph/graph/gone/1", ALONE)
    store.put(present("of-an-earlier-release"), ALONE)
    load(release, endpoint, way.store.graph_store, Credentials())
    counts = endpoint.counts()
    name = present(release.checksum(GRAPH))
    stated = sum(not is_of_version(line) for line in graph_of(release.folder).splitlines())
    assert counts == {name: stated, "https://w3id.org/cybilgraph/graph/G0020/1": 102, LOADED: 2}
    [row] = endpoint._rows("SELECT (COUNT(*) AS ?n) { GRAPH <http://example.org/theirs> { ?s ?p ?o } }", None)
    assert row["n"] == "1"
    store.add(name, ALONE)  # more than there is: it is made anew
    assert load(release, endpoint, way.store.graph_store, Credentials()).statements == stated
    elsewhere = replace(release, manifest=release.manifest | {"release": 2}, number=2)
    require(endpoint, release)
    assert endpoint.held() == (release.checksum(GRAPH), elsewhere.number - 1)


def test_what_is_changed_behind_a_release_is_found(way: Way, release: Release) -> None:
    endpoint, store = Endpoint(way.store.endpoint), graph_store._GraphStore(way.store.graph_store, Credentials())
    load(release, endpoint, way.store.graph_store, Credentials())
    assert difference(endpoint, release) == ""
    name, quads = present(release.checksum(GRAPH)), release.manifest["counts"]["quads"]
    store.add(name, ALONE)
    assert difference(endpoint, release) == f"it has {quads + 1:,} statements, and the release {quads:,}"
    lines = [line for line in graph_of(release.folder).splitlines() if not is_of_version(line)]
    planned = next(line for line in lines if b"/G0020> " in line and b"#start> " in line)
    store.put(name, b"\n".join([*(line for line in lines if line != planned), ALONE]))
    told = difference(endpoint, release)
    assert told == "what it has of https://w3id.org/cybilgraph/id/project/G0020 is not what the release has"
    load(release, endpoint, way.store.graph_store, Credentials(), anew=True)
    assert difference(endpoint, release) == ""


def test_graphs_of_another_server_are_told(way: Way, release: Release) -> None:
    """The address of one server to ask, and of another to write."""
    with (
        oxigraph() as other,
        pytest.raises(LoadError, match="other numbers of statements than the release, in 2 graphs"),
    ):
        load(release, Endpoint(other.endpoint), way.store.graph_store, Credentials())


def test_no_graph_store_is_told(way: Way, release: Release) -> None:
    with pytest.raises(LoadError) as told:
        load(release, Endpoint(way.store.endpoint), way.store.endpoint, Credentials())
    assert "--graph-store URL" in told.value.hint


def test_a_password_is_sent_to_who_asks_for_it(way: Way, release: Release) -> None:
    way.asks_for = Credentials("me", "secret").header["Authorization"]
    mine = Credentials("me", "secret")
    assert load(release, Endpoint(way.store.endpoint, mine), way.store.graph_store, mine).graphs == 1
    other = Credentials("me", "wrong")
    with pytest.raises(LoadError, match="refused"):
        load(release, Endpoint(way.store.endpoint, other), way.store.graph_store, other)
