"""Places that are given out fairly: next is who has the fewest, then who has waited longest."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


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
    called: threading.Event = field(default_factory=threading.Event)


class Turns:
    """``places`` for callers, who are told apart by name; at most ``waiting`` wait. Safe for several threads."""

    def __init__(self, places: int, waiting: int = sys.maxsize) -> None:
        self._free = places
        self._most = waiting
        self._inside: Counter[str] = Counter()
        self._queue: list[_Ticket] = []
        self._lock = threading.Lock()

    def enter(self, caller: Caller, until: float) -> None:
        """Wait for a place up to a moment (``time.monotonic``). Raises Busy, also where the caller has left."""
        with self._lock:
            if self._free:
                self._free -= 1
                self._inside[caller.name] += 1
                return
            if len(self._queue) >= self._most:
                raise Busy
            ticket = _Ticket(caller.name)
            self._queue.append(ticket)
        caller.waits_for(ticket.called.set)
        ticket.called.wait(until - time.monotonic())
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
            if not self._queue:
                self._free += 1
                return
            ticket = min(self._queue, key=lambda waiting: self._inside[waiting.client])  # the oldest of equals
            self._queue.remove(ticket)
            self._inside[ticket.client] += 1
            ticket.called.set()

    @property
    def used(self) -> tuple[int, int]:
        """How many have a place, and how many wait for one."""
        with self._lock:
            return self._inside.total(), len(self._queue)
