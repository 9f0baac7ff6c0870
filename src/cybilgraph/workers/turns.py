"""Places that are given out fairly: next is who has the fewest, then who has waited longest."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass


class Busy(Exception):
    """There is no place, or too many wait for one already."""


class Caller:
    """Who asks: a name, to be fair by; and whether they are still there."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._stop: Callable[[], object] | None = None
        self._gone = False
        self._lock = threading.Lock()

    def leave(self) -> None:
        """The answer is not wanted any more: what this caller waits for is stopped."""
        with self._lock:
            self._gone = True
            if self._stop:
                self._stop()

    @property
    def gone(self) -> bool:
        """Whether the caller has left."""
        return self._gone

    def waits_for(self, stop: Callable[[], object] | None) -> None:
        """From now on, ``stop`` ends what this caller waits for."""
        with self._lock:
            self._stop = stop
            if self._gone and stop:
                stop()


@dataclass(eq=False, slots=True)
class _Ticket:
    client: str
    call: Callable[[], object]
    begun: bool


def settle(future: asyncio.Future[None]) -> None:
    """Let who waits for it go on."""
    if not future.done():
        future.set_result(None)


class Turns:
    """``places`` for callers, who are told apart by name; at most ``waiting`` wait, and one caller has at most ``each``
    of the places. Safe for several threads.
    """

    def __init__(self, places: int, waiting: int = sys.maxsize, each: int = sys.maxsize) -> None:
        self._free = places
        self._most = waiting
        self._each = each
        self._inside: Counter[str] = Counter()
        self._queue: list[_Ticket] = []
        self._lock = threading.Lock()

    def enter(self, caller: Caller, until: float, *, begun: bool = False) -> None:
        """Wait for a place up to a moment (``time.monotonic``). Raises Busy, also where the caller has left.

        What had a place before, and has ``begun``, comes before what the same caller has not, and always may wait.
        """
        called = threading.Event()
        if ticket := self._ask(caller, called.set, begun=begun):
            called.wait(until - time.monotonic())
            self._settle(caller, ticket)

    async def enter_soon(self, caller: Caller, until: float) -> None:
        """As ``enter``, on an event loop."""
        loop = asyncio.get_running_loop()
        called = loop.create_future()

        def call() -> None:
            loop.call_soon_threadsafe(settle, called)

        if ticket := self._ask(caller, call):
            timer = loop.call_later(until - time.monotonic(), settle, called)
            try:
                await called
            except asyncio.CancelledError:
                with suppress(Busy):
                    self._settle(caller, ticket)
                    self.leave(caller)
                raise
            finally:
                timer.cancel()
            self._settle(caller, ticket)

    def _ask(self, caller: Caller, call: Callable[[], object], *, begun: bool = False) -> _Ticket | None:
        """Nothing where there is a place at once; else a ticket, which is called. Raises Busy."""
        if caller.gone:
            raise Busy
        with self._lock:
            if self._free and self._inside[caller.name] < self._each:
                self._free -= 1
                self._inside[caller.name] += 1
                return None
            if len(self._queue) >= self._most and not begun:
                raise Busy
            ticket = _Ticket(caller.name, call, begun)
            self._queue.append(ticket)
        caller.waits_for(call)
        return ticket

    def _settle(self, caller: Caller, ticket: _Ticket) -> None:
        """Raise Busy where a ticket was not called."""
        caller.waits_for(None)
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
                raise Busy

    def leave(self, caller: Caller) -> None:
        """Give a place back."""
        with self._lock:
            self._inside[caller.name] -= 1
            if not self._inside[caller.name]:
                del self._inside[caller.name]
            ticket = self._next()
            if not ticket:
                self._free += 1
                return
            self._queue.remove(ticket)
            self._inside[ticket.client] += 1
            ticket.call()

    def _next(self) -> _Ticket | None:
        """Who is called to a place that is free; None where those who wait have as many as they may."""
        able = [ticket for ticket in self._queue if self._inside[ticket.client] < self._each]
        if not able:
            return None
        oldest = min(able, key=lambda ticket: self._inside[ticket.client])  # of equals
        own = (ticket for ticket in self._queue if ticket.client == oldest.client)
        return next((ticket for ticket in own if ticket.begun), oldest)

    def wanted(self, caller: Caller) -> bool:
        """Whether one waits who has fewer places than this caller."""
        with self._lock:
            mine = self._inside[caller.name]
            return any(self._inside[ticket.client] < mine for ticket in self._queue)

    @property
    def used(self) -> tuple[int, int]:
        """How many have a place, and how many wait for one."""
        with self._lock:
            return self._inside.total(), len(self._queue)
