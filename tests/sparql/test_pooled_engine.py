"""Queries run under limits, and no query can harm the next."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cybilgraph.errors import (
    AnswerTooLarge,
    EngineUnavailable,
    QueryError,
    QueryTimeout,
)
from cybilgraph.model.formats import BY_NAME, RESULT_FORMATS
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Caller, Deadline, run_blocking
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.operations import until
from tests.support.queries import SLOW, TITLE

pytestmark = pytest.mark.slow


@pytest.mark.timeout(180)
def test_slow_query_is_stopped_and_the_next_is_answered(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=1, workers=1))
    with pytest.raises(QueryTimeout, match=r"after 1 second\n"):
        engine.answer(SLOW, RESULT_FORMATS)
    assert engine.answer("ASK {}", RESULT_FORMATS).content
    with pytest.raises(QueryTimeout, match=r"after 0\.2 seconds\n"):
        engine.answer(SLOW, RESULT_FORMATS, timeout=0.2)
    assert engine.restarts == 0, "it was stopped on purpose"
    engine.close()


def test_time_limit_covers_the_wait_before_a_query(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=30))
    engine.answer("ASK {}", RESULT_FORMATS)
    began, deadline = time.monotonic(), Deadline(1.5)
    time.sleep(1)
    with pytest.raises(QueryTimeout, match=r"after 1\.5 seconds\n"):
        run_blocking(engine.answer_async(SLOW, RESULT_FORMATS, deadline))
    assert time.monotonic() - began < 10
    engine.close()


def test_query_is_rejected_while_all_workers_are_busy(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long_workers=0))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(engine.answer, SLOW, RESULT_FORMATS)
        until(lambda: any(engine.load.values()))
        with pytest.raises(EngineUnavailable):
            engine.answer("ASK {}", RESULT_FORMATS, timeout=0.5)
        assert isinstance(slow.exception(), QueryTimeout)
    engine.close()


@pytest.mark.timeout(180)
def test_short_queries_do_not_wait_for_long_ones(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=4, workers=1, long_workers=2))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(engine.answer, SLOW, RESULT_FORMATS) for _ in range(3)]
        expected = {"quick": 0, "waiting": 0, "long": 2}
        until(lambda: engine.load == expected)
        for _ in range(20):
            engine.answer("ASK {}", RESULT_FORMATS)
        assert {type(query.exception()) for query in slow} <= {QueryTimeout, EngineUnavailable}
    assert engine.load == {"quick": 0, "waiting": 0, "long": 0}
    engine.close()


def test_long_query_is_answered_completely(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1))
    query = "SELECT (COUNT(*) AS ?n) { ?a dcterms:title ?c . ?d ?e ?f . ?g a cyb:Project }"
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: engine.answer(query, (BY_NAME["csv"],)).content, range(3)))
    assert len(set(answers)) == 1
    assert int(answers[0].split()[1]) > 100_000
    engine.close()


@pytest.mark.timeout(180)
def test_cancelled_query_frees_its_worker(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(2) as pool:
        callers = [Caller("one"), Caller("one")]
        waiting = [pool.submit(engine.answer, SLOW, RESULT_FORMATS, caller=caller) for caller in callers]
        until(lambda: engine.load["long"] == 1)
        for caller in callers:
            caller.leave()
        assert all(isinstance(query.exception(), QueryError) for query in waiting)
    assert engine.load == {"quick": 0, "waiting": 0, "long": 0}
    engine.close()


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
    with pytest.raises(QueryError, match=r"exceeded the memory limit or the nesting limit|stopped after") as error:
        engine.answer(bomb, RESULT_FORMATS, timeout=30)
    is_crash = not isinstance(error.value, QueryTimeout)
    assert engine.restarts == restarts + is_crash, "it is not run again"
    assert b"true" in engine.answer("ASK { ?s ?p ?o }", RESULT_FORMATS).content


def test_values_without_an_order_get_advice(engine: EmbeddedEngine) -> None:
    """The order that the engine gives these kinds of values contradicts itself, and its sort aborts."""
    kinds = ("{0}", '"{0}"', '"{1}"^^xsd:gYear', '"{1}-01-01"^^xsd:date', '"P{2}Y"^^xsd:duration')
    values = (
        kinds[(n * n + n) % 5 if n % 3 else n % 5].format(n * 37 % 100, 2000 + n * 7 % 20, n % 9) for n in range(200)
    )
    with pytest.raises(QueryError) as error:
        engine.answer(f"SELECT ?o {{ VALUES ?o {{ {' '.join(values)} }} }} ORDER BY ?o", RESULT_FORMATS)
    assert "ORDER BY STR(?name)" in error.value.hint
    assert b"true" in engine.answer("ASK { ?s ?p ?o }", RESULT_FORMATS).content


@pytest.mark.timeout(180)
def test_deadline_applies_while_an_answer_is_streamed(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=3, workers=1))
    with contextlib.suppress(QueryTimeout):
        engine.answer("SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 300000", RESULT_FORMATS)
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


def test_repeated_kills_are_reported_as_unavailable(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(workers=1, long_workers=1))
    engine.answer("ASK {}", RESULT_FORMATS)
    with ThreadPoolExecutor(1) as pool:
        query = pool.submit(engine.answer, SLOW, RESULT_FORMATS)
        while not query.done():
            for worker in engine.processes:
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.02)
    with pytest.raises(EngineUnavailable, match="killed"):
        query.result()
    engine.close()


def test_threads_get_their_own_answers(engine: EmbeddedEngine) -> None:
    def ask(number: int) -> bytes:
        return engine.answer(f"SELECT ({number} AS ?n) {{}}", (BY_NAME["csv"],)).content

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(300))) == [f"n\r\n{number}\r\n".encode() for number in range(300)]
