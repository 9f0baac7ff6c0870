"""The queue that renders pages one at a time.

Python runs one thread at a time anyway, and every additional busy thread delays API responses. While a page waits for
a query, the next one is rendered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from cybilgraph.runtime.scheduler import Busy, Caller, Scheduler, run_blocking

#: The longest time that a page waits for its turn.
_MAX_WAIT_SECONDS = 30.0
#: The turn of the current thread.
_current = threading.local()


class RenderQueue:
    """A WSGI application (PEP 3333) that renders pages one at a time, fairly between clients.

    Neither slow clients nor streamed responses block the queue; a stream ends when its client disconnects.
    """

    def __init__(self, pages: Callable[..., Iterable[bytes]]) -> None:
        self._pages = pages
        self.scheduler = Scheduler(1)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Respond to one request. Raises ServiceUnavailable if its turn does not come in time."""
        caller: Caller = environ["asgi.scope"]["entry"].caller
        self.enter(caller)
        try:
            return _while_connected(self._pages(environ, start_response), caller)
        finally:
            _leave()

    def enter(self, caller: Caller) -> None:
        """Wait for a turn for this thread. Raises ServiceUnavailable if it does not come in time."""
        try:
            run_blocking(self.scheduler.enter(caller, time.monotonic() + _MAX_WAIT_SECONDS))
        except Busy:
            raise ServiceUnavailable("Too many page requests at the moment", retry_after=5) from None
        _current.turn = self, caller


def _while_connected(parts: Iterable[bytes], caller: Caller) -> Iterator[bytes]:
    """Yield the parts of a response until the client disconnects."""
    try:
        for part in parts:
            if caller.has_left:
                return
            yield part
    finally:
        getattr(parts, "close", lambda: None)()


@contextmanager
def yield_turn() -> Iterator[None]:
    """Give up the thread's turn during a block that waits or computes for long, and take a new one afterwards.

    Raises ServiceUnavailable if the next turn does not come in time.
    """
    turn = _leave()
    try:
        yield
    finally:
        if turn:
            queue, caller = turn
            queue.enter(caller)


def _leave() -> tuple[RenderQueue, Caller] | None:
    """Give up the turn of this thread, if it has one, and return it."""
    turn: tuple[RenderQueue, Caller] | None = getattr(_current, "turn", None)
    if turn:
        _current.turn = None
        queue, caller = turn
        queue.scheduler.leave(caller)
    return turn
