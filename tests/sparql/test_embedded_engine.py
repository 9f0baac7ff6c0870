"""The embedded engine answers correctly, and no query can harm the next."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph.errors import (
    AnswerTooLarge,
    EngineUnavailable,
    FormatMismatch,
    QueryError,
    QuerySyntaxError,
)
from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.store import opens_all_files
from tests.support.queries import TITLE


@pytest.mark.parametrize("name", ["json", "xml", "csv", "tsv"])
def test_tables_are_written_in_every_format(engine: EmbeddedEngine, name: str) -> None:
    answer = engine.answer(TITLE, (BY_NAME[name],))
    assert answer.format.name == name
    assert b"Support to Belize National Cyber Security Strategy" in answer.content


@pytest.mark.parametrize("name", ["turtle", "ntriples", "nquads", "trig", "jsonld", "rdfxml"])
def test_graphs_are_written_in_every_format(engine: EmbeddedEngine, name: str) -> None:
    answer = engine.answer(
        "CONSTRUCT { project:G0020 dcterms:title ?t } { project:G0020 dcterms:title ?t }", (BY_NAME[name],)
    )
    assert answer.format.name == name
    assert b"Support to Belize" in answer.content


def test_first_suitable_format_is_used(engine: EmbeddedEngine) -> None:
    both = (BY_NAME["turtle"], BY_NAME["csv"])
    assert engine.answer("ASK { ?s ?p ?o }", both).content == b"true"
    assert engine.answer("DESCRIBE project:G0020", both).format.name == "turtle"
    with pytest.raises(FormatMismatch):
        engine.answer("DESCRIBE project:G0020", RESULT_FORMATS)


def test_earlier_captures_are_in_named_graphs_only(engine: EmbeddedEngine) -> None:
    csv = (BY_NAME["csv"],)
    assert engine.answer("ASK { project:G0020 dcterms:title ?a, ?b FILTER(?a != ?b) }", csv).content == b"false"
    graphs = engine.answer("SELECT DISTINCT ?g { GRAPH ?g { ?p a cyb:Project } }", csv).content.decode().split()
    assert graphs == ["g", "https://w3id.org/cybilgraph/graph/G0020/1"]


def test_syntax_error_has_a_position_and_a_hint(engine: EmbeddedEngine) -> None:
    with pytest.raises(QuerySyntaxError) as error:
        engine.answer("SELECT ?s\nWHERE { ?s ex:p ?o }", RESULT_FORMATS)
    assert error.value.line == 2
    assert "ex:" in error.value.hint


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_store_is_in_memory_if_it_fits(release: Release) -> None:
    graph = release.folder / GRAPH
    on_disk = EmbeddedEngine(release.store, QueryLimits(workers=1, store=1_000), graph=graph)
    in_memory = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=0, store=1_000_000_000), graph=graph)
    assert on_disk.storage == "on disk: it does not fit in 1,000 bytes of memory"
    assert in_memory.storage.startswith("in memory: ")
    query = "SELECT ?s ?p ?o { ?s ?p ?o } ORDER BY ?s ?p ?o LIMIT 5000"
    assert on_disk.answer(query, RESULT_FORMATS).content == in_memory.answer(query, RESULT_FORMATS).content
    assert in_memory.answer("ASK {}", RESULT_FORMATS).content
    [worker] = in_memory.processes
    os.kill(worker, signal.SIGKILL)
    assert in_memory.answer("ASK {}", RESULT_FORMATS).content
    for engine in (on_disk, in_memory):
        engine.close()


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT * { ?project dcterms:title ?title ; cyb:country ?country } LIMIT 1", "project,title,country"),
        ("# SELECT * { ?z }\nselect distinct * { ?z a ?b . ?a a ?z }", "z,b,a"),
        ("SELECT ?z ?a { ?a a ?z } LIMIT 1", "z,a"),
        ("SELECT ?z { { SELECT * { ?z a ?b } LIMIT 1 } }", "z"),
        ("SELECT * { ?z a ?b MINUS { ?c a ?z } }", "z,b"),
        ("SELECT * {}", ""),
    ],
)
def test_columns_keep_the_order_of_the_query(engine: EmbeddedEngine, query: str, columns: str) -> None:
    assert engine.answer(query, (BY_NAME["csv"],)).content.decode().split("\r\n")[0] == columns


@pytest.mark.slow
def test_unreadable_store_is_reported(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "nothing", QueryLimits(workers=1))
    with pytest.raises(EngineUnavailable, match="cannot be opened"):
        engine.answer("ASK {}", RESULT_FORMATS)
    engine.close()


@pytest.fixture(scope="module")
def scattered(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """An engine over a store with more table files than it opens at start, as in a large one."""
    folder = tmp_path_factory.mktemp("scattered") / "store"
    shutil.copytree(release.store, folder)
    store = ox.Store(str(folder))
    for number in range(3):
        subject, predicate = ox.NamedNode(f"urn:s{number}"), ox.NamedNode("urn:p")
        store.extend(ox.Quad(subject, predicate, subject, graph) for graph in (ox.DefaultGraph(), subject))
        store.flush()
        if not opens_all_files(folder):
            break
    del store
    assert not opens_all_files(folder)
    engine = EmbeddedEngine(folder, QueryLimits(workers=1))
    yield engine
    engine.close()


@pytest.mark.slow
def test_store_with_many_table_files_is_read_completely(engine: EmbeddedEngine, scattered: EmbeddedEngine) -> None:
    for pattern in ("?s ?p ?o", "GRAPH ?g { ?s ?p ?o }"):
        query = f"SELECT (COUNT(?text) AS ?n) {{ {pattern} BIND(STR(?o) AS ?text) }}"
        relaxations, more = (
            int(each.answer(query, (BY_NAME["csv"],)).content.split()[1]) for each in (engine, scattered)
        )
        assert more > relaxations


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}",
        "SELECT * FROM <http://127.0.0.1:{port}/> {{ ?s ?p ?o }}",
    ],
)
@pytest.mark.parametrize("which", ["engine", "scattered"])
def test_nothing_is_fetched_even_without_the_guard(which: str, query: str, request: pytest.FixtureRequest) -> None:
    """The worker itself cannot open connections, even if the guard is bypassed."""
    engine: EmbeddedEngine = request.getfixturevalue(which)
    reached = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(1.5)

        def accept() -> None:
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()
                reached.set()

        watcher = threading.Thread(target=accept)
        watcher.start()
        with contextlib.suppress(QueryError):
            engine.answer(query.format(port=listener.getsockname()[1]), RESULT_FORMATS, timeout=5)
        watcher.join()
    assert not reached.is_set()


def test_engine_supports_every_format(engine: EmbeddedEngine) -> None:
    for fmt in FORMATS:
        query = "CONSTRUCT WHERE { project:G0020 dcterms:title ?t }" if fmt.carries_graph else TITLE
        assert engine.answer(query, (fmt,)).format is fmt


def test_product_that_is_too_large_gets_its_cause(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, answer=100_000))
    try:
        with pytest.raises(AnswerTooLarge) as caught:
            engine.answer("SELECT * { ?a a cyb:Project . ?b a cyb:Project . ?c a cyb:Project }", (BY_NAME["json"],))
        assert "share no variable" in caught.value.hint
        assert [kind for kind, *_ in caught.value.hints] == ["slow"]
        with pytest.raises(AnswerTooLarge) as caught:
            engine.answer("SELECT * { ?project dcterms:title ?title ; ?property ?value }", (BY_NAME["json"],))
        assert caught.value.hint == "Add a LIMIT, or download the full dataset."
    finally:
        engine.close()
