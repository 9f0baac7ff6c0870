"""Gives out places fairly: the next one to the client with the fewest, then to the one that has waited longest.

A client waits since its request came, or since it got its last place, if that was later: clients take turns, however
many requests each has in the queue.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count


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

    def set_cancel(self, stop: Callable[[], object] | None) -> None:
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
    number: int
    is_displaced: bool = False


def settle(future: asyncio.Future[None]) -> None:
    """Let who waits for it go on."""
    if not future.done():
        future.set_result(None)


class Scheduler:
    """``places`` for callers, who are told apart by name; at most ``waiting`` wait, and one caller has at most ``each``
    of the places. Where the queue is full, a newcomer takes the place of the newest of the client with the most there.
    Safe for several threads.
    """

    def __init__(self, places: int, waiting: int = sys.maxsize, each: int = sys.maxsize) -> None:
        self._free = places
        self._most = waiting
        self._each = each
        self._inside: Counter[str] = Counter()
        self._queue: list[_Ticket] = []
        self._events = count(1)
        #: When each client that is here got its last place, as a number of an event.
        self._served: dict[str, int] = {}
        self._lock = threading.Lock()

    def enter(self, caller: Caller, deadline: float, *, begun: bool = False) -> None:
        """Wait for a place up to a moment (``time.monotonic``). Raises Busy, also where the caller has left.

        What had a place before, and has ``begun``, comes before what the same caller has not, and always may wait.
        """
        called = threading.Event()
        if ticket := self._ask(caller, called.set, begun=begun):
            called.wait(deadline - time.monotonic())
            self._settle(caller, ticket)

    async def enter_async(self, caller: Caller, deadline: float) -> None:
        """As ``enter``, on an event loop."""
        loop = asyncio.get_running_loop()
        called = loop.create_future()

        def call() -> None:
            loop.call_soon_threadsafe(settle, called)

        if ticket := self._ask(caller, call):
            timer = loop.call_later(deadline - time.monotonic(), settle, called)
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
                self._admit(caller.name)
                return None
            if len(self._queue) >= self._most and not begun:
                self._displace(caller.name)
            ticket = _Ticket(caller.name, call, begun, next(self._events))
            self._queue.append(ticket)
        caller.set_cancel(call)
        return ticket

    def _admit(self, client: str) -> None:
        self._inside[client] += 1
        self._served[client] = next(self._events)

    def _displace(self, client: str) -> None:
        """Make room in a full queue: the client with the most tickets there loses its newest.

        Raises Busy where this client would have as many as that one.
        """
        waiting = Counter(ticket.client for ticket in self._queue if not ticket.begun)
        (largest, most), *_ = waiting.most_common(1) or [("", 0)]
        if most <= waiting[client] + 1:
            raise Busy
        ticket = next(one for one in reversed(self._queue) if one.client == largest and not one.begun)
        self._queue.remove(ticket)
        ticket.is_displaced = True
        ticket.call()

    def _forget(self, client: str) -> None:
        """Keep nothing of a client that has left."""
        if client not in self._inside and all(ticket.client != client for ticket in self._queue):
            self._served.pop(client, None)

    def _settle(self, caller: Caller, ticket: _Ticket) -> None:
        """Raise Busy where a ticket was not called."""
        caller.set_cancel(None)
        with self._lock:
            is_waiting = ticket in self._queue
            if is_waiting:
                self._queue.remove(ticket)
            if is_waiting or ticket.is_displaced:
                self._forget(ticket.client)
                raise Busy

    def leave(self, caller: Caller) -> None:
        """Give a place back."""
        with self._lock:
            self._inside[caller.name] -= 1
            if not self._inside[caller.name]:
                del self._inside[caller.name]
            ticket = self._next()
            if ticket:
                self._queue.remove(ticket)
                self._admit(ticket.client)
                ticket.call()
            else:
                self._free += 1
            self._forget(caller.name)

    def _next(self) -> _Ticket | None:
        """Who is called to a place that is free; None where those who wait have as many as they may."""
        able = [ticket for ticket in self._queue if self._inside[ticket.client] < self._each]
        if not able:
            return None
        # A client with many tickets waits with each as if it had come when its last place was given out.
        oldest = min(able, key=lambda one: (self._inside[one.client], max(one.number, self._served.get(one.client, 0))))
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
