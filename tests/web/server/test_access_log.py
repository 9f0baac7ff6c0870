"""The access log."""

from __future__ import annotations

import json
import logging
import os
import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cybilgraph.sparql.query_analysis import hash_query
from cybilgraph.web.server.access_log import AccessLog, LogEntry


@contextmanager
def access_log(form: str, *, queries: bool = True, addresses: bool = True) -> Iterator[tuple[AccessLog, list[str]]]:
    """Yield a log, and a list that has its lines after the block."""
    there, here = os.pipe()
    logged: list[str] = []
    log = AccessLog(form, queries=queries, addresses=addresses, handle=here)
    yield log, logged
    log.close()
    os.close(here)
    with os.fdopen(there, encoding="utf-8") as lines:
        logged += lines.read().splitlines()


QUERY = "SELECT *\n# \x1b[31m \u2028 red\n{ ?s ?p 'ü' }"


def entry() -> LogEntry:
    logged = LogEntry("192.0.2.1", "GET", "/sparql", status=200, bytes=5, format="csv", rows=1, release=7)
    logged.ask(QUERY, hash_query(QUERY))
    logged.end()
    return logged


@pytest.mark.parametrize("form", ["json", "text"])
def test_unformattable_record_does_not_stop_the_log(form: str) -> None:
    broken = entry()
    broken.status, broken.error = 400, ValueError("no class")  # type: ignore[assignment]
    with access_log(form) as (log, logged):
        log.log_request(broken)
        log.log_request(entry())
    assert len(logged) == log.dropped_lines == 1


@pytest.mark.parametrize(
    ("client", "logged_as"),
    [("192.0.2.1", "192.0.2.0/24"), ("2001:db8:1:2::/64", "2001:db8:1::/48"), ("not an address", "")],
)
def test_line_has_the_network_of_a_client_and_no_query_unless_asked(client: str, logged_as: str) -> None:
    own = entry()
    own.client = client
    with access_log("json", queries=False, addresses=False) as (log, logged):
        log.log_request(own)
    fields = json.loads(logged[0])
    assert fields["client"] == logged_as
    assert "query" not in fields
    assert len(fields["query_hash"]) > 8


@pytest.mark.parametrize("form", ["json", "text"])
def test_query_is_one_line_without_control_characters(form: str) -> None:
    with access_log(form) as (log, logged):
        log.log_request(entry())
    [line] = logged
    assert line.isprintable()
    assert "192.0.2.1" in line
    if form == "json":
        assert json.loads(line)["query"] == QUERY


def test_zero_rows_are_logged() -> None:
    found, none, graph = entry(), entry(), entry()
    none.rows, graph.rows = 0, None
    with access_log("text", queries=False) as (log, logged):
        for one in (found, none, graph):
            log.log_request(one)
    assert [[word for word in line.split() if "rows" in word] for line in logged] == [["rows=1"], ["rows=0"], []]
    assert not any("cached" in line for line in logged)


@pytest.mark.parametrize("form", ["json", "text"])
def test_query_text_can_be_left_out(form: str) -> None:
    with access_log(form, queries=False) as (log, logged):
        log.log_request(entry())
        log.log_event("Release 0001 is served")
    assert not any("SELECT" in line or "red" in line for line in logged)
    assert "hash" in logged[0]
    assert "Release 0001 is served" in logged[1]


@pytest.mark.timeout(180)
def test_logging_does_not_wait_for_the_reader() -> None:
    there, here = os.pipe()
    log = AccessLog("json", queries=True, handle=here)
    for _ in range(15_000):
        log.log_request(entry())
    assert log.dropped_lines > 1_000
    os.close(there)  # no reader is left: queued lines are dropped
    log.close()
    os.close(here)


@pytest.mark.parametrize("form", ["json", "text"])
def test_internal_error_is_logged_with_traceback(form: str) -> None:
    with access_log(form) as (_, logged):
        try:
            [][0]
        except IndexError:
            logging.getLogger("cybilgraph.web").exception("Exception on /sparql")
    text = json.loads(logged[0])["exception"] if form == "json" else "\n".join(logged)
    assert "IndexError" in text
    assert "Traceback" in text


#: Hostile values of the method, path and query, or of an address that a proxy forwards.
HOSTILE = (
    "a b 200 ok",
    "/x\n2026-01-31T00:00:00.000+00:00 request 192.0.2.9 GET /admin 200 ok",
    '/"} {"event": "request", "client": "192.0.2.9"}\r\n',
    "\x00\x1b[2J\x1b]0;title\x07\x7f\x9b31m",
    "/\u2028\u2029\x85\u202e\u2066\u200f",
    "/\udcff\ud800",
    '\\" rows=9 \\',
    "",
)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", ["client", "method", "path", "query"])
def test_client_input_cannot_forge_lines_or_fields(name: str, hostile: str) -> None:
    sent = {"client": "192.0.2.1", "method": "GET", "path": "/sparql", "query": "ASK {}"} | {name: hostile}
    with access_log("json") as (log, logged):
        log.log_request(LogEntry(**sent, status=200))
    [line] = logged
    assert line.isascii()
    assert json.loads(line)["status"] == 200
    whole = hostile.encode("utf-8", "backslashreplace").decode()
    assert whole.startswith(json.loads(line).get(name, "").removesuffix("…"))
    with access_log("text") as (log, logged):
        log.log_request(LogEntry(**sent, status=200))
    [line] = logged
    assert line.isprintable()
    _, _, *fields = re.findall(r'(?:[\w=]*"(?:[^"\\]|\\.)*"|[^ "])+', line)
    assert len(fields) >= 5
    assert fields[3:5] == ["200", "ok"]
    assert {field.partition("=")[0] for field in fields[5:]} <= {*KNOWN, *(("query",) if sent["query"] else ())}
    assert not any(field.startswith("rows=9") for field in fields)


KNOWN = ("milliseconds", "bytes", "release", "query_hash")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "text"])
def test_line_length_is_bounded(form: str) -> None:
    with access_log(form) as (log, logged):
        for letter in ("x", "\x1b", "\udcff", "🂡", '"'):
            log.log_request(LogEntry(*(letter * 100_000,) * 3, status=400, query=letter * 100_000))
        logging.getLogger("cybilgraph.web").error("x" * 1_000_000)
    assert len(logged) == 6
    assert max(map(len, logged)) < 40_000
    assert all("…" in line or "\\u2026" in line for line in logged)


def test_queued_lines_keep_little_client_input() -> None:
    there, here = os.pipe()
    log = AccessLog("json", queries=True, handle=here)
    tracemalloc.start()
    for number in range(2_000):
        log.log_request(LogEntry("192.0.2.1", "GET", f"/{number}" + "x" * 50_000, query=f"# {number}" + "x" * 50_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    os.close(there)
    log.close()
    os.close(here)
    assert held < 20_000_000, "2,000 lines of 100 kB each"


def test_traceback_cannot_forge_lines() -> None:
    forged = "2026-01-31T00:00:00.000+00:00 request 192.0.2.9 GET /admin 200 ok"
    with access_log("text") as (_, logged):
        try:
            {}[_Sent(f"wrong:\n{forged}\n{'y' * 100_000}")]
        except KeyError:
            logging.getLogger("cybilgraph.web").exception("Exception on /sparql")
    assert f"  {forged}" in logged
    assert all(line.startswith("  ") for line in logged[1:])
    assert sum(map(len, logged)) < 30_000


class _Sent(str):
    """A string whose repr is the text itself."""

    __repr__ = str.__str__
