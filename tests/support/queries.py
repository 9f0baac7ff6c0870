"""Queries of known cost, and an engine that runs several at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from cybilgraph.model.formats import BY_NAME
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import Answer
from cybilgraph.sparql.pooled_engine import PooledEngine

#: Takes longer than any time limit of a test.
SLOW = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
TITLE = "SELECT ?title { project:G0020 dcterms:title ?title }"
CSV = (BY_NAME["csv"],)
NOTHING = {"quick": 0, "waiting": 0, "long": 0}


class Queries:
    """An engine that is queried in threads; at the end, callers that still wait leave."""

    def __init__(self, engine: PooledEngine, threads: ThreadPoolExecutor) -> None:
        self.engine, self._threads, self.callers = engine, threads, list[Caller]()

    def ask(self, name: str, query: str) -> Future[Answer]:
        self.callers.append(Caller(name))
        return self._threads.submit(self.engine.answer, query, CSV, caller=self.callers[-1])

    def wait(self, **load: int) -> None:
        """Wait until the engine has this load."""
        until = time.monotonic() + 60
        while not load.items() <= self.engine.load.items() and time.monotonic() < until:
            time.sleep(0.02)
        assert load.items() <= self.engine.load.items()


@contextmanager
def asking(engine: PooledEngine) -> Iterator[Queries]:
    engine.answer("ASK {}", CSV)
    with ThreadPoolExecutor(16) as threads:
        queries = Queries(engine, threads)
        try:
            yield queries
        finally:
            for caller in queries.callers:
                caller.leave()
            engine.close()
    assert engine.load == NOTHING
