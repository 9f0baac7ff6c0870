"""The lines of the log."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cybilgraph.queries import hashed
from cybilgraph.web.journal import Entry, Journal


@contextmanager
def journal(form: str, *, queries: bool = True) -> Iterator[tuple[Journal, list[str]]]:
    """A journal, and its lines when the block has ended."""
    there, here = os.pipe()
    told: list[str] = []
    kept = Journal(form, queries=queries, handle=here)
    yield kept, told
    kept.writer.close()
    os.close(here)
    with os.fdopen(there, encoding="utf-8") as lines:
        told += lines.read().splitlines()


QUERY = "SELECT *\n# \x1b[31m \u2028 red\n{ ?s ?p 'ü' }"


def entry() -> Entry:
    made = Entry("192.0.2.1", "GET", "/sparql", status=200, bytes=5, format="csv", rows=1, release=7)
    made.ask(QUERY, hashed(QUERY))
    made.end()
    return made


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_cannot_be_told_ends_no_log(form: str) -> None:
    broken = entry()
    broken.status, broken.error = 400, ValueError("no class")  # type: ignore[assignment]
    with journal(form) as (kept, told):
        kept.entry(broken)
        kept.entry(entry())
    assert len(told) == kept.writer.left_out == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_query_is_one_line_that_steers_no_terminal(form: str) -> None:
    with journal(form) as (kept, told):
        kept.entry(entry())
    [line] = told
    assert line.isprintable()
    assert "192.0.2.1" in line
    if form == "json":
        assert json.loads(line)["query"] == QUERY


def test_no_rows_are_told_as_such() -> None:
    found, none, graph = entry(), entry(), entry()
    none.rows, graph.rows = 0, None
    with journal("text", queries=False) as (kept, told):
        for one in (found, none, graph):
            kept.entry(one)
    assert [[word for word in line.split() if "rows" in word] for line in told] == [["rows=1"], ["rows=0"], []]
    assert not any("cached" in line for line in told)


@pytest.mark.parametrize("form", ["json", "text"])
def test_its_text_may_be_left_out(form: str) -> None:
    with journal(form, queries=False) as (kept, told):
        kept.entry(entry())
        kept.tell("Release 0001 is served")
    assert not any("SELECT" in line or "red" in line for line in told)
    assert "hash" in told[0]
    assert "Release 0001 is served" in told[1]


def test_who_tells_does_not_wait_for_who_reads() -> None:
    there, here = os.pipe()
    kept = Journal("json", queries=True, handle=here)
    began = time.process_time(), time.monotonic()
    for _ in range(15_000):
        kept.entry(entry())
    assert kept.writer.left_out > 1_000
    assert time.monotonic() - began[1] < 30
    os.close(there)  # nobody will read any more: what waits is thrown away
    kept.writer.close()
    os.close(here)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_fault_of_ours_is_told_with_its_traceback(form: str) -> None:
    with journal(form) as (_, told):
        try:
            [][0]
        except IndexError:
            logging.getLogger("cybilgraph.web").exception("Exception on /sparql")
    text = json.loads(told[0])["exception"] if form == "json" else "\n".join(told)
    assert "IndexError" in text
    assert "Traceback" in text
