"""Cache warm-up: a small set of queries, which delays a new release for a limited time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Thread

import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.resources import SAMPLE_TABLE
from cybilgraph.release import Release
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey
from cybilgraph.web.server.open_release import WarmUp, key_figures_query, warm_up_queries
from tests.support.operations import until
from tests.support.queries import SLOW

pytestmark = pytest.mark.slow

JSON = (BY_NAME["json"],)
FEW = [
    (name, CacheKey.of(query, JSON))
    for name, query in {
        "quick": "ASK {}",
        "large": "SELECT * { ?s ?p ?o } LIMIT 100",
        "other": "SELECT (1 AS ?one) {}",
        "slow": SLOW,
    }.items()
]


def test_answers_that_cannot_be_cached_are_logged(release: Release) -> None:
    limits = QueryLimits(timeout=2, workers=1, long_workers=1, answer=1_000)
    with closing(EmbeddedEngine(release.store, limits)) as engine:
        answers, events = AnswerCache(engine, "1", 10_000), list[str]()
        warm_up = WarmUp(release, answers, events.append, FEW)
        assert warm_up.state == {"kept": 0, "waiting": 4, "left_out": 0}
        assert not warm_up.is_over
        warm_up.run()
        assert warm_up.is_over
        assert warm_up.state == {"kept": 2, "waiting": 0, "left_out": 2}
        assert "Release 0001: the result of large is not cached. The result is larger than 1,000 bytes" in events[0]
        assert "Release 0001: the result of slow is not cached. The query was stopped after 2 seconds" in events[1]


def test_warm_up_is_over_in_time_and_stops_at_once(release: Release) -> None:
    with closing(EmbeddedEngine(release.store, QueryLimits(timeout=200, workers=1, long_workers=1))) as engine:
        events = list[str]()
        warm_up = WarmUp(release, AnswerCache(engine, "1", 10_000), events.append, FEW)
        thread = Thread(target=warm_up.run, args=(0.001,))
        thread.start()
        until(lambda: engine.load["long"])
        assert warm_up.is_over, "visitors need not wait for slow queries"
        assert warm_up.state["waiting"] == 1
        warm_up.stop()
        thread.join(60)
        assert not thread.is_alive()
        assert engine.load["long"] == 0
        assert len(events) <= 1, "a query that was stopped is not reported"


def test_warm_up_set_is_small(release: Release) -> None:
    """Each query competes with those of visitors."""
    assert 5 < len(list(warm_up_queries(release))) <= 17


def test_key_figures_count_projects_of_the_sample(tmp_path: Path) -> None:
    built = pipeline.build([SAMPLE_TABLE], tmp_path, dumps=False)[0]
    [figures] = ox.Store.read_only(str(built.store)).query(key_figures_query())
    assert figures["projectsFromFile"] == figures["projects"]
    assert int(figures["projects"].value) > 500
