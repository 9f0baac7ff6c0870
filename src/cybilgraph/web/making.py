"""Pages are made one at a time. Python computes in one thread at a time anyway, and each more that wants to
makes an answer to a program wait longer; a page that waits for others lets the next one be made meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from cybilgraph.workers.turns import Busy, Caller, Turns

#: So many seconds a page waits for its turn.
_PATIENCE = 30.0
#: The turn that a thread has, and whose it is.
_held = threading.local()


class InTurn:
    """A WSGI application (PEP 3333) whose pages are made one at a time, clients taking turns. How slowly a
    page is fetched, or what streams is made, holds nobody up; a stream ends when its client has gone.
    """

    def __init__(self, pages: Callable[..., Iterable[bytes]]) -> None:
        self._pages = pages
        self._turns = Turns(1)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The response to one request. Raises ServiceUnavailable where its turn does not come."""
        caller: Caller = environ["asgi.scope"]["entry"].caller
        _enter(self._turns, caller)
        try:
            return _while_there(self._pages(environ, start_response), caller)
        finally:
            _leave()


def _while_there(parts: Iterable[bytes], caller: Caller) -> Iterator[bytes]:
    """The parts of a response, up to where the caller leaves."""
    try:
        for part in parts:
            if caller.gone:
                return
            yield part
    finally:
        getattr(parts, "close", lambda: None)()


@contextmanager
def waiting() -> Iterator[None]:
    """A block in which a page waits for others, or is busy for long: it is nobody's turn through it.

    Raises ServiceUnavailable where the next turn does not come.
    """
    turn = _leave()
    try:
        yield
    finally:
        if turn:
            _enter(*turn)


def _enter(turns: Turns, caller: Caller) -> None:
    try:
        turns.enter(caller, time.monotonic() + _PATIENCE)
    except Busy:
        raise ServiceUnavailable("Too many pages are asked for at this moment", retry_after=5) from None
    _held.turn = (turns, caller)


def _leave() -> tuple[Turns, Caller] | None:
    """Give away the turn of this thread, if it has one."""
    turn: tuple[Turns, Caller] | None = getattr(_held, "turn", None)
    if turn:
        _held.turn = None
        turns, caller = turn
        turns.leave(caller)
    return turn
