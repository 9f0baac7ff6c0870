"""The embedded engine answers correctly, and no query can harm the next."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph.errors import (
    AnswerTooLarge,
    EngineUnavailable,
    FormatMismatch,
    QueryError,
    QuerySyntaxError,
    QueryTimeout,
)
from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import Dataset
from cybilgraph.sparql.embedded import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.store import opens_all_files

SLOW = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
TITLE = "SELECT ?title { project:G0020 dcterms:title ?title }"


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


@pytest.mark.timeout(60)
def test_slow_query_is_stopped_and_the_next_is_answered(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=1, workers=1))
    with pytest.raises(QueryTimeout, match="1 seconds"):
        engine.answer(SLOW, RESULT_FORMATS)
    assert engine.answer("ASK {}", RESULT_FORMATS).content
    with pytest.raises(QueryTimeout, match=r"0\.2 seconds"):
        engine.answer(SLOW, RESULT_FORMATS, timeout=0.2)
    assert engine.restarts == 0, "it was stopped on purpose"
    engine.close()


def test_query_is_rejected_while_all_workers_are_busy(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long_workers=0))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(engine.answer, SLOW, RESULT_FORMATS)
        time.sleep(0.3)
        with pytest.raises(EngineUnavailable):
            engine.answer("ASK {}", RESULT_FORMATS, timeout=0.5)
        assert isinstance(slow.exception(), QueryTimeout)
    engine.close()


@pytest.mark.timeout(60)
def test_short_queries_do_not_wait_for_long_ones(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=4, workers=1, long_workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(engine.answer, SLOW, RESULT_FORMATS) for _ in range(3)]
        expected = {"quick": 0, "waiting": 0, "long": 1, "paused": 2}
        until = time.monotonic() + 3
        while engine.load != expected and time.monotonic() < until:
            time.sleep(0.05)
        assert engine.load == expected
        for _ in range(20):
            engine.answer("ASK {}", RESULT_FORMATS)
        assert {type(query.exception()) for query in slow} <= {QueryTimeout, EngineUnavailable}
    assert engine.load == {"quick": 0, "waiting": 0, "long": 0, "paused": 0}
    engine.close()


def test_long_query_is_answered_completely(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=1))
    query = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: engine.answer(query, (BY_NAME["csv"],)).content, range(3)))
    assert len(set(answers)) == 1
    assert int(answers[0].split()[1]) > 100_000
    engine.close()


@pytest.mark.timeout(60)
def test_cancelled_query_frees_its_worker(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(2) as pool:
        callers = [Caller("one"), Caller("one")]
        waiting = [pool.submit(engine.answer, SLOW, RESULT_FORMATS, caller=caller) for caller in callers]
        time.sleep(1)
        for caller in callers:
            caller.leave()
        assert all(isinstance(query.exception(), QueryError) for query in waiting)
    assert engine.load == {"quick": 0, "waiting": 0, "long": 0, "paused": 0}
    engine.close()


@pytest.mark.timeout(60)
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


def test_large_answer_is_complete_and_on_disk(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    answer = engine.answer("SELECT ?s ?o { ?s ?p ?o . ?a a cyb:Country } LIMIT 300000", (BY_NAME["csv"],))
    assert answer.body.size > 10_000_000
    assert answer.rows == answer.content.count(b"\r\n") - 1
    engine.close()


@pytest.mark.parametrize("name", ["json", "xml", "csv", "tsv"])
def test_rows_are_counted(engine: EmbeddedEngine, name: str) -> None:
    """Values may look like row markers."""
    query = """SELECT ?a ?b { VALUES (?a ?b) { ('x},{"y":[{"' "<result>\\r\\n") (1 2) (UNDEF '') } }"""
    expected = 4 if name == "csv" else 3  # CSV does not distinguish a line end inside a value
    assert engine.answer(query, (BY_NAME[name],)).rows == expected
    assert engine.answer("SELECT ?a { ?a a cyb:Nothing }", (BY_NAME[name],)).rows == 0
    assert engine.answer("ASK {}", (BY_NAME[name],)).rows is None


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


def test_request_can_choose_the_graphs(engine: EmbeddedEngine) -> None:
    csv = (BY_NAME["csv"],)
    history = "https://w3id.org/cybilgraph/graph/G0020/1"
    all_titles = "SELECT (COUNT(?t) AS ?n) { ?p dcterms:title ?t }"
    of_graph = engine.answer(all_titles, csv, graphs=Dataset(default=(history,))).content
    assert of_graph == b"n\r\n1\r\n"
    assert engine.answer(all_titles, csv).content != of_graph
    named = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"
    assert engine.answer(named, csv, graphs=Dataset(named=(history,))).content.decode().split() == ["g", history]
    assert engine.answer(named, csv, graphs=Dataset(default=(history,))).content.decode().split() == ["g"]
    # The request overrides FROM.
    from_nothing = "SELECT (COUNT(?t) AS ?n) FROM <x:none> { ?p dcterms:title ?t }"
    assert engine.answer(from_nothing, csv, graphs=Dataset(default=(history,))).content == of_graph


@pytest.mark.parametrize(
    "bomb",
    [
        "SELECT * { " + "{" * 50_000 + "}" * 50_000 + " }",
        "SELECT (" + "+".join(["1"] * 50_000) + " AS ?x) {}",
        "SELECT * { ?s " + "(" * 30_000 + "a" + ")*" * 30_000 + " ?o }",
        "SELECT (?x AS ?y) { BIND('aaaaaaaaaaaaaaaa' AS ?x0) "
        + " ".join(f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(31))
        + " BIND(STRLEN(?x31) AS ?x) }",
    ],
    ids=["braces", "sum", "path", "concat"],
)
def test_oversized_query_fails_and_the_next_is_answered(engine: EmbeddedEngine, bomb: str) -> None:
    restarts = engine.restarts
    with pytest.raises(QueryError, match="exceeded the memory limit or the nesting limit"):
        engine.answer(bomb, RESULT_FORMATS, timeout=30)
    assert engine.restarts == restarts + 1, "it is not run again"
    assert b"true" in engine.answer("ASK { ?s ?p ?o }", RESULT_FORMATS).content


@pytest.mark.timeout(60)
def test_deadline_applies_while_an_answer_is_streamed(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=3, workers=1))
    with contextlib.suppress(QueryTimeout):
        engine.answer("SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 300000", RESULT_FORMATS)
    engine.close()


def test_unreadable_store_is_reported(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "nothing", QueryLimits(workers=1))
    with pytest.raises(EngineUnavailable, match="cannot be opened"):
        engine.answer("ASK {}", RESULT_FORMATS)
    engine.close()


def test_answer_over_the_limit_is_an_error(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(answer=10_000, workers=1))
    with pytest.raises(AnswerTooLarge, match="10,000 bytes"):
        engine.answer("SELECT * { ?s ?p ?o }", RESULT_FORMATS)
    assert engine.answer(TITLE, RESULT_FORMATS).content
    engine.close()


def test_killed_worker_is_replaced(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    [worker] = engine.processes
    os.kill(worker, signal.SIGKILL)
    assert engine.answer("ASK {}", RESULT_FORMATS).content
    assert worker not in engine.processes
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


def test_store_with_many_table_files_is_read_completely(engine: EmbeddedEngine, scattered: EmbeddedEngine) -> None:
    for pattern in ("?s ?p ?o", "GRAPH ?g { ?s ?p ?o }"):
        query = f"SELECT (COUNT(?text) AS ?n) {{ {pattern} BIND(STR(?o) AS ?text) }}"
        relaxations, more = (
            int(each.answer(query, (BY_NAME["csv"],)).content.split()[1]) for each in (engine, scattered)
        )
        assert more > relaxations


def test_repeated_kills_are_reported_as_unavailable(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(engine.answer, SLOW, RESULT_FORMATS)
        while not query.done():
            for worker in engine.processes:
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.02)
    with pytest.raises(EngineUnavailable, match="killed repeatedly"):
        query.result()
    engine.close()


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


def test_threads_get_their_own_answers(engine: EmbeddedEngine) -> None:
    def ask(number: int) -> bytes:
        return engine.answer(f"SELECT ({number} AS ?n) {{}}", (BY_NAME["csv"],)).content

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(300))) == [f"n\r\n{number}\r\n".encode() for number in range(300)]


def test_engine_supports_every_format(engine: EmbeddedEngine) -> None:
    for fmt in FORMATS:
        query = "CONSTRUCT WHERE { project:G0020 dcterms:title ?t }" if fmt.carries_graph else TITLE
        assert engine.answer(query, (fmt,)).format is fmt
