"""The parent's side: a pool of worker processes, each killed and replaced when it is over its limits.

Work begins in a *quick* place. What is not done after a moment gives its place back, and goes on
with lower priority in one of few *long* places, or is paused until one is free: what is quick
never waits for what is long, whoever sent it. After each further moment it is paused if a client waits that
has fewer places: so nobody waits for as long as another's work takes. Nothing that is paused is forgotten: its
deadline runs on, and its memory counts. Where that would be too much, it is ended, and who asked may come again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from cybilgraph.workers.nursery import Nursery, State
from cybilgraph.workers.orders import Ended
from cybilgraph.workers.outside import Crashed, Died, Late, NotReady, NotStarted, Question, Told, Worker
from cybilgraph.workers.turns import Busy, Caller, Turns

__all__ = ["Busy", "Caller", "Crashed", "Died", "Ended", "Lanes", "Late", "NotStarted", "Pool", "State"]

#: Work waits this many seconds for a worker before it is told that all are busy.
_PATIENCE = 5.0
#: Bytes that nearly any work takes.
_LITTLE = 128_000_000


class _Lost(Exception):
    """The worker ended with the process that had forked it: its work is not to blame, and can be done again."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """``quick`` places, how many may wait for one, for how many seconds (``patience``), and how many ``each`` caller
    may have; ``long`` places (0: all work is done in its quick place), how many may wait for one, and the bytes that
    all these may hold. After the seconds of a ``turn`` work is long; after each more of them it gives its place to who
    has fewer. ``patient``: what the first workers take to start is no part of the seconds of work.
    """

    quick: int
    waiting: int = sys.maxsize
    long: int = 0
    paused: int = 16
    memory: int = 2_000_000_000
    turn: float = 0.1
    patient: bool = True
    patience: float = _PATIENCE
    each: int = sys.maxsize


class Pool:
    """Workers of one kind: ``module`` is run with ``arguments``; see ``inside``. Safe for several threads."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        lanes: Lanes,
        told: Callable[[Ended], object] = lambda _: None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Processes that end unasked are ``told``. They start with the ``environment``, or by default with ours."""
        self._lanes = lanes
        self._nursery = Nursery(module, arguments, os.environ if environment is None else environment, told)
        self._quick = Turns(lanes.quick, lanes.waiting, lanes.each)
        self._long = Turns(lanes.long, lanes.paused)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._held = 0
        #: How many workers ended that were not stopped on purpose, and were replaced.
        self.restarts = 0
        for _ in range(lanes.quick):
            self._start()

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now and are ready."""
        with self._lock:
            for worker in self._idle:
                worker.has_gone()  # which has it told, if it is ready
            return [worker.process for worker in self._all if worker.process]

    @property
    def state(self) -> State:
        """What the process that forks workers is now: it is replaced where it has ended or hangs."""
        return self._nursery.state

    @property
    def is_spoilt(self) -> bool:
        """Whether what its workers share is not what it should be: they are gone, and no other begins."""
        return self._nursery.is_spoilt

    @property
    def load(self) -> dict[str, int]:
        """How much work is quick, waits, is long, is paused."""
        quick, waiting = self._quick.used
        long, paused = self._long.used
        return {"quick": quick, "waiting": waiting, "long": long, "paused": paused}

    def ask(
        self,
        head: dict[str, Any],
        content: bytes = b"",
        *,
        seconds: float,
        caller: Caller | None = None,
        part: Callable[[bytes], object] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """What a worker answers within so many seconds, the wait for it included.

        Raises Busy, NotStarted, Died, or TimeoutError where the worker was stopped. Where the
        answer is large, ``part`` takes all but the last of it.
        """
        question = self._question(head, content, seconds, part)
        caller = caller or Caller()
        with suppress(_Lost):
            return _without_denied(self._once(question, caller))
        try:
            return _without_denied(self._once(question, caller))
        except _Lost:
            raise Died from None

    async def ask_soon(
        self,
        head: dict[str, Any],
        *,
        seconds: float,
        caller: Caller,
        part: Callable[[bytes], object],
        threads: Executor,
    ) -> Told:
        """As ``ask``, on an event loop: only what takes long waits in one of the ``threads``."""
        question = self._question(head, b"", seconds, part)
        with suppress(_Lost):
            return _without_denied(await self._once_soon(question, caller, threads))
        try:
            return _without_denied(await self._once_soon(question, caller, threads))
        except _Lost:
            raise Died from None

    def _once(self, question: Question, caller: Caller) -> Told:
        """What a worker answers. Raises as ``ask`` does, and _Lost."""
        self._quick.enter(caller, min(question.until, time.monotonic() + self._lanes.patience))
        with self._work(caller, question) as (worker, question):
            return worker.ask(question)

    async def _once_soon(self, question: Question, caller: Caller, threads: Executor) -> Told:
        await self._quick.enter_soon(caller, min(question.until, time.monotonic() + self._lanes.patience))
        with self._work(caller, question) as (worker, question):
            return await worker.ask_soon(question, threads)

    def _question(
        self, head: dict[str, Any], content: bytes, seconds: float, part: Callable[[bytes], object] | None
    ) -> Question:
        line = json.dumps(head | {"size": len(content)}).encode() + b"\n" + content
        return Question(line, time.monotonic() + seconds, self._lanes.turn if self._lanes.long else seconds, part)

    @contextmanager
    def _work(self, caller: Caller, question: Question) -> Iterator[tuple[Worker, Question]]:
        """A block in which a caller, who has a quick place, has a worker. Raises NotStarted, and _Lost where
        that befell the worker.
        """
        place: Turns | None = self._quick
        sound = begun = lost = False
        try:
            worker = self._take()
        except NotStarted:
            self._quick.leave(caller)
            raise

        def taken(data: bytes) -> None:
            nonlocal begun
            assert question.part
            begun = True
            question.part(data)

        def turn() -> None:
            nonlocal place
            was_long = place is self._long
            if not self._lanes.long or (was_long and not self._long.wanted(caller)):
                return
            worker.signal(signal.SIGSTOP)
            with self._put_aside(worker):
                if not was_long:
                    self._start()
                assert place
                place.leave(caller)
                place = None
                self._wait_for_long(caller, question.until, begun=was_long)
                place = self._long
            caller.waits_for(worker.abandon)
            worker.less()
            worker.signal(signal.SIGCONT)

        caller.waits_for(worker.abandon)
        try:
            yield worker, replace(question, part=taken, turn=turn)
            sound = True
        except NotReady:
            sound = True
            raise
        except (Died, NotStarted):
            lost = not caller.gone
            if worker.orphaned and not begun and not caller.gone:
                raise _Lost from None
            raise
        finally:
            caller.waits_for(None)
            if sound and place is self._quick:
                with self._lock:
                    self._put_back(worker)
            else:  # also after long work: a process cannot take back that it lets others go first
                self._end(worker, lost=lost)
                if place is self._quick:
                    self._start()
            if place:
                place.leave(caller)

    @contextmanager
    def _put_aside(self, worker: Worker) -> Iterator[None]:
        """A block in which what a worker holds is counted, unless it is little. Raises Busy where all that is put aside
        would hold too much.
        """
        held = worker.held
        held *= held > _LITTLE
        with self._lock:
            if held and self._held + held > self._lanes.memory:
                raise Busy
            self._held += held
        try:
            yield
        finally:
            with self._lock:
                self._held -= held

    def _wait_for_long(self, caller: Caller, until: float, *, begun: bool) -> None:
        """Wait for a long place. Raises Busy; TimeoutError where the work had ``begun``, and was paused to the end."""
        try:
            self._long.enter(caller, until, begun=begun)
        except Busy:
            if begun:
                raise TimeoutError from None
            raise

    def _take(self) -> Worker:
        """An idle worker that lives. Raises NotStarted after the end, and where there will be none."""
        while True:
            with self._lock:
                if self._closed or self.is_spoilt:
                    raise NotStarted
                worker = self._idle.pop()
            if not worker.has_gone():
                return worker
            self._end(worker, lost=True)
            self._start()

    def _end(self, worker: Worker, *, lost: bool) -> None:
        with self._lock:
            self._all.discard(worker)
            self.restarts += lost
        if lost:
            worker.close()
        else:
            worker.kill()

    def tend(self) -> None:
        """Begin anew what has ended while nobody asked."""
        self._nursery.tend()
        if self.is_spoilt:
            return
        with self._lock:
            for worker in [worker for worker in self._idle if worker.has_gone()]:
                self._idle.remove(worker)
                self._all.discard(worker)
                self.restarts += 1
                worker.close()
                self._begin()

    def _start(self) -> None:
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if not self._closed:
            worker = Worker(self._nursery, patient=self._lanes.patient)
            self._all.add(worker)
            self._put_back(worker)

    def _put_back(self, worker: Worker) -> None:
        """One that still starts is taken last."""
        self._idle.insert(len(self._idle) if worker.process else 0, worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers, self._all, self._idle = self._all, set(), []
        for worker in workers:
            worker.kill()
        self._nursery.close()


def _without_denied(answer: Told) -> Told:
    """Log what the sandbox denied to the work, and return the answer without it."""
    head, content = answer
    if denied := head.pop("denied", ""):
        logging.getLogger("cybilgraph").error(
            "A worker tried what its sandbox denies: %s. This is a bug of cybilgraph: please report it", denied
        )
    return head, content
