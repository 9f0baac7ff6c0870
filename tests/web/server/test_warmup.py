"""Cache warm-up: limited time before a release is served, the rest in the background."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey
from cybilgraph.web.server.warmup import WarmUp, WarmUpQuery
from tests.support.queries import SLOW

pytestmark = pytest.mark.slow

JSON = (BY_NAME["json"],)
FEW = [
    WarmUpQuery(name, CacheKey.of(query, JSON))
    for name, query in {
        "quick": "ASK {}",
        "large": "SELECT * { ?s ?p ?o } LIMIT 100",
        "other": "SELECT (1 AS ?one) {}",
        "slow": SLOW,
    }.items()
]


def test_slow_queries_continue_in_background_and_uncacheable_ones_are_logged(release: Release) -> None:
    with closing(
        EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long_workers=1, answer=1_000))
    ) as engine:
        engine.answer(
            "SELECT (2 AS ?two) {}", JSON, 60
        )  # start the worker first, so that its start does not count towards the second
        answers, events = AnswerCache(engine, "1", 10_000), list[str]()
        warm_up = WarmUp(release, answers, events.append, FEW)
        assert warm_up.state == {"kept": 0, "waiting": 4, "left_out": 0}
        warm_up.run(1)
        assert warm_up.state == {"kept": 2, "waiting": 1, "left_out": 1}
        assert events == [
            "Release 0001: cache warm-up has 1 of 4 queries left after 1 seconds (--warm-seconds); "
            "they continue in the background"
        ]
        warm_up.run_in_background()
        until = time.monotonic() + 60
        while len(events) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        assert warm_up.state == {"kept": 2, "waiting": 0, "left_out": 2}
        assert "the result of large is not cached. The result is larger than 1,000 bytes" in events[1]
        assert "the result of slow is not cached. The query was stopped after 2 seconds" in events[2]


def test_stop_takes_effect_at_once(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=20, workers=1, long_workers=1))
    events = list[str]()
    warm_up = WarmUp(release, AnswerCache(engine, "1", 10_000), events.append, FEW)
    warm_up.run(0.001)
    warm_up.run_in_background()
    until = time.monotonic() + 60
    while not engine.load["long"] and time.monotonic() < until:
        time.sleep(0.02)
    warm_up.stop()
    while engine.load["long"] and time.monotonic() < until:
        time.sleep(0.02)
    assert engine.load["long"] == 0
    assert len(events) == 1
    engine.close()
