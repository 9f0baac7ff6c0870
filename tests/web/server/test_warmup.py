"""What is asked ahead: for so long before a release is served, the rest behind, and what is left out is told."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from cybilgraph.model.formats import BY_NAME
from cybilgraph.release import Release
from cybilgraph.sparql.embedded import EmbeddedEngine, QueryLimits
from cybilgraph.web.server import warmup
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey
from cybilgraph.web.server.warmup import WarmUp
from tests.sparql.test_embedded import SLOW

JSON = (BY_NAME["json"],)
FEW = {
    "quick": "ASK {}",
    "large": "SELECT * { ?s ?p ?o } LIMIT 100",
    "other": "SELECT (1 AS ?one) {}",
    "slow": SLOW,
}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [warmup._WarmUpQuery(name, CacheKey.of(query, JSON)) for name, query in FEW.items()]
    monkeypatch.setattr(warmup, "_warm_up_queries", lambda _: wanted)


@pytest.mark.usefixtures("few")
def test_slow_queries_continue_in_background_and_uncacheable_ones_are_logged(release: Release) -> None:
    with closing(EmbeddedEngine(release.store, QueryLimits(timeout=2, workers=1, long=1, answer=1_000))) as engine:
        engine.answer("SELECT (2 AS ?two) {}", JSON, 60)  # what its worker takes to start is no part of the second
        answers, told = AnswerCache(engine, "1", 10_000), list[str]()
        asked = WarmUp(release, answers, told.append)
        assert asked.state == {"kept": 0, "waiting": 4, "left_out": 0}
        asked.run(1)
        assert asked.state == {"kept": 2, "waiting": 1, "left_out": 1}
        assert told == [
            "Release 0001: cache warm-up has 1 of 4 queries left after 1 seconds (--warm-seconds); "
            "they continue in the background"
        ]
        asked.run_in_background()
        until = time.monotonic() + 10
        while len(told) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        assert asked.state == {"kept": 2, "waiting": 0, "left_out": 2}
        assert "the answer to large is not cached. The answer is larger than 1,000 bytes" in told[1]
        assert "the answer to slow is not cached. The query was stopped after 2 seconds" in told[2]


@pytest.mark.usefixtures("few")
def test_stop_takes_effect_at_once(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=20, workers=1, long=1))
    told = list[str]()
    asked = WarmUp(release, AnswerCache(engine, "1", 10_000), told.append)
    asked.run(0.001)
    asked.run_in_background()
    until = time.monotonic() + 10
    while not engine.load["long"] and time.monotonic() < until:
        time.sleep(0.02)
    asked.stop()
    while engine.load["long"] and time.monotonic() < until:
        time.sleep(0.02)
    assert engine.load["long"] == 0
    assert len(told) == 1
    engine.close()
