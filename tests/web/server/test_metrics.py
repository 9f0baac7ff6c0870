"""Metrics count requests and queries, and show the state of the server."""

from __future__ import annotations

import re

import pytest

from cybilgraph.web.server.access_log import OUTCOMES
from tests.conftest import ROOT, running_server
from tests.support.operations import LONG, ROWS, Asking, ask, figure, get, lines, until

pytestmark = pytest.mark.slow


def queries(server: running_server) -> list[dict[str, object]]:
    return [line for line in lines(server) if line["event"] == "query"]


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        (ROWS, "ok"),
        ("SELECT * { ?s ?p }", "syntax"),
        ("INSERT DATA { <a:a> <a:b> <a:c> }", "refused"),
        ("CONSTRUCT WHERE { ?s ?p ?o }", "format"),
        ("SELECT * { ?s ?p ?o }", "too_large"),
        (LONG, "timeout"),
    ],
)
def test_queries_are_logged_and_counted(patient: running_server, query: str, outcome: str) -> None:
    before = len(queries(patient))
    counted = figure(patient.url, f'cybilgraph_queries_total{{outcome="{outcome}"}}')
    status, body = ask(patient.url, query, Accept="text/csv", X_Forwarded_For="2001:db8::1")
    until(lambda: len(queries(patient)) > before)
    line = queries(patient)[-1]
    assert {name: line[name] for name in ("event", "client", "method", "path", "status", "outcome", "release")} == {
        "event": "query", "client": "2001:db8::/64", "method": "GET", "path": "/sparql",
        "status": status, "outcome": outcome, "release": 1,
    }  # fmt: skip
    assert line["bytes"] == len(body.encode())
    assert (line["rows"], line["format"]) == ((3, "csv") if outcome == "ok" else (None, ""))
    assert len(str(line["query_hash"])) == 16
    assert query not in patient.log
    assert figure(patient.url, f'cybilgraph_queries_total{{outcome="{outcome}"}}') == counted + 1


def test_operators_guide_explains_each_outcome() -> None:
    guide = (ROOT / "docs" / "guides" / "operators.md").read_text(encoding="utf-8")
    table = guide.partition("| Outcome |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \| \w", table, re.MULTILINE) == list(OUTCOMES)


def test_cached_answer_is_logged_as_cached(patient: running_server) -> None:
    hits = figure(patient.url, "cybilgraph_cache_hits_total")
    for _ in range(2):
        ask(patient.url, f"{ROWS} # twice", Accept="text/csv")
    until(lambda: [line["cached"] for line in queries(patient)][-2:] == [False, True])
    assert figure(patient.url, "cybilgraph_cache_hits_total") == hits + 1


@pytest.mark.timeout(180)
def test_health_and_metrics_do_not_wait(served: running_server) -> None:
    slow = [Asking(served.url, number, seconds=4) for number in range(5)]
    assert get(f"{served.url}/healthz") == (200, "alive\n")
    assert get(f"{served.url}/readyz") == (200, "ready\n")
    assert figure(served.url, 'cybilgraph_pool{state="long"}') >= 2
    assert figure(served.url, "cybilgraph_release") == 1
    assert figure(served.url, 'cybilgraph_resident_bytes{process="server"}') > 1e7
    for asking in slow:
        asking.join()
