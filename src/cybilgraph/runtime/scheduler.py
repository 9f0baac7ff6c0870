"""Assigns slots fairly: first to the waiting client with the fewest slots, then to the one that has used them least.

The time that a client has used slots counts less and less, and by the time that it has waited, so that no number of
other clients can keep it waiting for longer than it has used slots. Among equals, the one that has waited longest is
next. Its waiting time starts when its request arrives or when it last got a slot, whichever is later.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, TypeVar, cast

from cachetools import LRUCache

#: The time in seconds after which use counts 1/e, and the steps in which it is compared.
_DECAY_SECONDS, _STEP_SECONDS = 10.0, 0.05
#: The number of clients whose use is known.
_MAX_CLIENTS = 10_000

_Result = TypeVar("_Result")
#: A time of the clock, and the number of an event, which also orders events at the same time.
_Moment = tuple[float, int]


class Busy(Exception):
    """No slot became free in time, or too many callers are waiting already."""


class Caller:
    """One caller, named for fair scheduling, who may leave while waiting."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._stop: Callable[[], object] | None = None
        self._gone = False
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Stop the work for this caller, who does not want the answer any more."""
        with self._lock:
            self._gone = True
            if self._stop:
                self._stop()

    @property
    def has_left(self) -> bool:
        """Whether the caller has left."""
        return self._gone

    def set_cancel(self, stop: Callable[[], object] | None) -> None:
        """Set the function that stops the current work for this caller; called at once if the caller has left."""
        with self._lock:
            self._stop = stop
            if self._gone and stop:
                stop()


class Deadline:
    """The end of a time limit in seconds, which starts now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """The rest of the limit; above 0, so that work may still find an answer that is there."""
        return max(self._at - time.monotonic(), 0.001)


@dataclass(eq=False, slots=True)
class _Ticket:
    client: str
    call: Callable[[], object]
    since: _Moment
    is_admitted: bool = False


def settle(future: asyncio.Future[None]) -> None:
    """Complete a future, unless it is complete already."""
    if not future.done():
        future.set_result(None)


def run_blocking(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end, from a thread that may have an event loop (as in a notebook)."""
    errors: list[Exception] = []

    async def outcome() -> _Result | None:
        try:
            return await work
        except Exception as error:
            errors.append(error)
            return None

    is_running = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        is_running = False
    if is_running:
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(asyncio.run, outcome()).result()
    else:
        result = asyncio.run(outcome())
    if errors:
        # An error in a task or in a variable of its frames is in a reference cycle: what the frames hold, such as the
        # body of a refused request, would stay in memory until the next full garbage collection.
        raise errors.pop()
    return cast("_Result", result)


class Scheduler:
    """A number of slots for callers, who are distinguished by name. Thread-safe; callers may be on any event loop.

    At most ``max_waiting`` callers wait, and one caller gets at most ``max_per_caller`` slots. If the queue is full, a
    new request replaces the newest of the client with the most requests in the queue.
    """

    def __init__(
        self,
        slots: int,
        max_waiting: int = sys.maxsize,
        max_per_caller: int = sys.maxsize,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = slots
        self._max_waiting = max_waiting
        self._max_per_caller = max_per_caller
        self._clock = clock
        self._used: Counter[str] = Counter()
        self._queue: list[_Ticket] = []
        self._events = count(1)
        #: When each client with slots or requests last got a slot.
        self._served: dict[str, _Moment] = {}
        #: For each client, the seconds that it has used slots, which decay, and when they were last updated.
        self._use: LRUCache[str, tuple[float, float]] = LRUCache(_MAX_CLIENTS)
        self._lock = threading.Lock()

    async def enter(self, caller: Caller, deadline: float) -> None:
        """Wait for a slot until the deadline (``time.monotonic``). Raises Busy, also if the caller has left."""
        if caller.has_left:
            raise Busy
        with self._lock:
            if self._free and self._used[caller.name] < self._max_per_caller:
                self._free -= 1
                self._admit(caller.name)
                return
            if len(self._queue) >= self._max_waiting:
                self._displace(caller.name)
            loop = asyncio.get_running_loop()
            called = loop.create_future()
            ticket = _Ticket(caller.name, partial(loop.call_soon_threadsafe, settle, called), self._now())
            self._queue.append(ticket)
        caller.set_cancel(ticket.call)
        is_cancelled = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await called
            is_cancelled = False
        finally:
            caller.set_cancel(None)
            with self._lock:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                self._forget(ticket.client)
            if is_cancelled and ticket.is_admitted:
                self.leave(caller)
        if not ticket.is_admitted:
            raise Busy

    def _admit(self, client: str) -> None:
        self._use[client] = self._use_until_now(client)
        self._used[client] += 1
        self._served[client] = self._now()

    def _now(self) -> _Moment:
        return self._clock(), next(self._events)

    def _use_until_now(self, client: str) -> tuple[float, float]:
        now = self._clock()
        seconds, at = self._use.get(client, (0.0, now))
        share = math.exp((at - now) / _DECAY_SECONDS)
        return seconds * share + self._used[client] * _DECAY_SECONDS * (1 - share), now

    def _displace(self, client: str) -> None:
        """Make room in a full queue by removing the newest ticket of the client with the most tickets.

        Raises Busy if this client would then have as many as that one.
        """
        waiting = Counter(ticket.client for ticket in self._queue)
        (largest, count_of_largest), *_ = waiting.most_common(1) or [("", 0)]
        if count_of_largest <= waiting[client] + 1:
            raise Busy
        ticket = next(one for one in reversed(self._queue) if one.client == largest)
        self._queue.remove(ticket)
        ticket.call()

    def _forget(self, client: str) -> None:
        """Delete the state of a client that has left."""
        if client not in self._used and all(ticket.client != client for ticket in self._queue):
            self._served.pop(client, None)

    def leave(self, caller: Caller) -> None:
        """Return a slot, and assign it to the next waiting caller."""
        with self._lock:
            self._use[caller.name] = self._use_until_now(caller.name)
            self._used[caller.name] -= 1
            if not self._used[caller.name]:
                del self._used[caller.name]
            ticket = self._next()
            if ticket:
                self._queue.remove(ticket)
                self._admit(ticket.client)
                ticket.is_admitted = True
                ticket.call()
            else:
                self._free += 1
            self._forget(caller.name)

    def _next(self) -> _Ticket | None:
        """Return the next ticket for a free slot, or None if all waiting callers have their maximum."""
        eligible = [ticket for ticket in self._queue if self._used[ticket.client] < self._max_per_caller]
        if not eligible:
            return None

        def key(ticket: _Ticket) -> tuple[int, int, _Moment]:
            client = ticket.client
            # All tickets of a client count as having arrived when it last got a slot, or later.
            since = max(ticket.since, self._served.get(client, ticket.since))
            seconds, now = self._use_until_now(client)
            use = int(max(seconds - (now - since[0]), 0) / _STEP_SECONDS)
            return self._used[client], use, since

        return min(eligible, key=key)

    @property
    def used(self) -> tuple[int, int]:
        """The number of used slots and of waiting calls."""
        with self._lock:
            return self._used.total(), len(self._queue)
