"""Pages are made one at a time; who waits for others, or is slow to fetch, holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from werkzeug.exceptions import ServiceUnavailable

from cybilgraph.web import making
from cybilgraph.web.making import InTurn, waiting

LONG = 10.0


class Site:
    """Pages that tell when they are being made, and end when they are told to."""

    def __init__(self, wait: bool) -> None:
        self.begun = {name: threading.Event() for name in "ab"}
        self.go_on = {name: threading.Event() for name in "ab"}
        self._wait = wait
        self._application = InTurn(self._page)
        self._threads = ThreadPoolExecutor(2)

    def ask(self, name: str) -> Future[Iterable[bytes]]:
        return self._threads.submit(self._application, {"REMOTE_ADDR": name}, lambda *_: None)

    def _page(self, environ: dict[str, Any], _: Callable[..., Any]) -> Iterator[bytes]:
        name = environ["REMOTE_ADDR"]
        with waiting() if self._wait else nullcontext(), waiting() if self._wait else nullcontext():
            self.begun[name].set()
            assert self.go_on[name].wait(LONG)
        return iter([name.encode()])


def test_one_page_at_a_time() -> None:
    site = Site(wait=False)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    second = site.ask("b")
    assert not site.begun["b"].wait(0.05)
    site.go_on["b"].set()
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]
    assert list(second.result(LONG)) == [b"b"]


def test_one_that_waits_for_others_lets_the_next_be_made() -> None:
    site = Site(wait=True)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    second = site.ask("b")
    site.go_on["b"].set()
    assert list(second.result(LONG)) == [b"b"]
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]


def test_one_whose_turn_does_not_come_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_PATIENCE", 0.05)
    site = Site(wait=False)
    first = site.ask("a")
    assert site.begun["a"].wait(LONG)
    with pytest.raises(ServiceUnavailable) as told:
        site.ask("b").result(LONG)
    assert told.value.retry_after
    site.go_on["a"].set()
    assert list(first.result(LONG)) == [b"a"]
    site.go_on["b"].set()
    assert list(site.ask("b").result(LONG)) == [b"b"]


def test_a_page_that_fails_gives_its_turn_back() -> None:
    def fails(*_: Any) -> Iterable[bytes]:
        raise KeyError

    application = InTurn(fails)
    for _ in range(2):
        with pytest.raises(KeyError):
            application({}, lambda *_: None)
