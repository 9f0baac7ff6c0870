"""Queries, logs and metrics of a running server."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import quote

from tests.conftest import running_server

#: Counts 49 million pairs, which takes seconds.
LONG = "SELECT (COUNT(*) AS ?n) { { SELECT ?b { ?a ?p ?b } LIMIT 7000 } { SELECT ?d { ?c ?p ?d } LIMIT 7000 } }"


def get(url: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=200) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ask(url: str, query: str, **headers: str) -> tuple[int, str]:
    return get(f"{url}/sparql?query={quote(query)}", **headers)


def until(what: Callable[[], object], seconds: float = 250) -> None:
    """Wait for a condition, generously: the machine may be busy."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


class Asking(threading.Thread):
    """A client that waits for a query of some seconds; ``status`` is 0 if there was no response."""

    def __init__(self, url: str, number: int = 0, seconds: int = 170) -> None:
        super().__init__()
        self.status = 0
        self._url = f"{url}/sparql?timeout={seconds}&query={quote(f'{LONG} # {number}')}"
        self.start()
        time.sleep(0.5)  # the query is running now

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.status = get(self._url, Accept="text/csv")[0]


def lines(server: running_server) -> list[dict[str, object]]:
    written = server.log.rpartition("\n")[0]  # the last line may be incomplete
    return [json.loads(line) for line in written.splitlines() if line.startswith("{")]


ROWS = "SELECT * { ?s ?p ?o } LIMIT 3"


def figure(url: str, name: str) -> float:
    found = dict(line.rsplit(" ", 1) for line in get(f"{url}/metrics")[1].splitlines() if not line.startswith("#"))
    return float(found.get(name, 0))
