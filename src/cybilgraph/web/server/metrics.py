"""Metrics for monitoring, in the Prometheus format."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cybilgraph.runtime.processes import resident_bytes
from cybilgraph.web.server.access_log import OUTCOMES, AccessLog, LogEntry
from cybilgraph.web.server.live_releases import LiveReleases

_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of requests, and gauges of the server's present state."""

    def __init__(self, live: LiveReleases, access_log: AccessLog, routes: frozenset[str]) -> None:
        """Register the metrics; ``routes`` are the known first segments of paths."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._routes = routes
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "cybilgraph_requests", "Requests answered.", ("route", "status"), registry=self._registry
        )
        self._queries = Counter("cybilgraph_queries", "Queries, by outcome.", ("outcome",), registry=self._registry)
        self._seconds = Histogram(
            "cybilgraph_query_seconds",
            "Query duration in seconds.",
            buckets=_BUCKETS_SECONDS,
            registry=self._registry,
        )
        self._outcomes = {outcome: self._queries.labels(outcome) for outcome in OUTCOMES}
        self._counter_of = lru_cache(maxsize=1024)(self._requests.labels)  # needed for each request
        self._registry.register(_LiveCollector(live, access_log))

    def count(self, entry: LogEntry) -> None:
        """Count a request that has ended."""
        first = entry.path.split("/", 2)[1] if "/" in entry.path else ""
        self._counter_of(f"/{first}" if first in self._routes else "other", entry.status or "gone").inc()
        if entry.query:
            self._outcomes[entry.outcome].inc()
            self._seconds.observe(entry.seconds)

    def text(self) -> bytes:
        """Return all metrics in the text format 0.0.4."""
        return generate_latest(self._registry)


class _LiveCollector(Collector):
    """Metrics that are computed when they are scraped."""

    def __init__(self, live: LiveReleases, access_log: AccessLog) -> None:
        self._live = live
        self._access_log = access_log

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics (the collector protocol of prometheus_client)."""
        serving, different = self._live.current, bool(self._live.endpoint_difference)
        answers, engine = serving.answers, serving.engine
        yield _counter("cache_hits", "Queries answered from the cache.", answers.hits)
        yield _counter("cache_misses", "Queries not found in the cache.", answers.misses)
        yield _gauge("cache_bytes", "Bytes of cached answers.", answers.size)
        yield _gauges("asked_ahead", "Cache warm-up queries by state.", "state", serving.warm_up.state)
        yield _gauges("pool", "Queries in the worker pool by state.", "state", engine.load)
        yield _counter("worker_restarts", "Workers that ended unexpectedly and were replaced.", engine.restarts)
        yield _gauge("release", "Number of the current release.", serving.release.number)
        created = datetime.fromisoformat(serving.release.manifest["created"]).timestamp()
        yield _gauge("release_age_seconds", "Seconds since the release was built.", time.time() - created)
        yield _gauge("ready", "Whether queries are answered.", not (engine.trouble or different))
        yield _gauge("endpoint_different", "Whether the endpoint's data differ from the release.", different)
        yield _gauge("damaged_files", "Damaged files of releases.", len(self._live.integrity))
        memory = {"server": resident_bytes(os.getpid()), "workers": sum(map(resident_bytes, engine.processes))}
        yield _gauges("resident_bytes", "Resident memory in bytes; workers share most of theirs.", "process", memory)
        dropped = self._access_log.dropped_lines
        yield _counter("log_lines_left_out", "Log lines dropped because the queue was full.", dropped)


def _counter(name: str, what: str, value: float) -> Metric:
    return CounterMetricFamily(f"cybilgraph_{name}", what, value)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"cybilgraph_{name}", what, value)


def _gauges(name: str, what: str, label: str, values: dict[str, int]) -> Metric:
    metric = GaugeMetricFamily(f"cybilgraph_{name}", what, labels=(label,))
    for value, number in values.items():
        metric.add_metric((value,), number)
    return metric
