"""What engines have in common: queries are done in worker processes that can be killed, under limits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cybilgraph.errors import (
    AnswerTooLarge,
    EndpointFailed,
    EngineUnavailable,
    FormatMismatch,
    QueryError,
    QueryRefused,
    QuerySyntaxError,
    QueryTimeout,
    ServiceFailed,
)
from cybilgraph.model.formats import BY_NAME, FORMATS, Format
from cybilgraph.runtime.pool import (
    Busy,
    Caller,
    ForkServerState,
    Pool,
    ProcessExit,
    StartedTooLate,
    WorkerCrashed,
    WorkerDied,
    WorkerStartFailed,
)
from cybilgraph.sparql import QUERY_DATASET, Answer, AnswerBody, AnswerBudget, Dataset, Hint, queries
from cybilgraph.sparql.hints import find_hints

__all__ = ["PooledEngine", "ProcessExit", "QueryLimits"]

#: A query whose worker was killed is asked so many times again.
_MAX_RETRIES = 3
#: After its files were found whole, a store is not read again for so many times the seconds that this took.
_TRUST_FACTOR = 20
_RETRY_HINT = "Try again in a few seconds. If that does not help, the log of the server says why."
#: What is told while the process that forks workers is replaced.
_STATE_MESSAGES = {
    ForkServerState.STARTING: "The data is being loaded",
    ForkServerState.READY: "",
    ForkServerState.RELOADING: "The data is being loaded again, after the processes that answer had ended",
    ForkServerState.UNRESPONSIVE: "The process that begins query workers does not answer, and is replaced in a moment",
    ForkServerState.BAD_DATA: "The data cannot be loaded again: its file is damaged on the disk of the server",
}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What queries may use: seconds, bytes of an answer, bytes of memory beside the store; the processes for
    quick and for long queries; bytes for the store itself (0: it stays on disk); and the endpoints that
    they may call with SERVICE. Where it is not ``patient``, the seconds of a query are those of a clock from the first
    one on: who asks while the data is being loaded is told to come again. Answers on disk count against the ``budget``.
    """

    timeout: float = 30.0
    answer: int = 256_000_000
    memory: int = 2_000_000_000
    workers: int = 2
    long: int = 2
    store: int = 0
    services: frozenset[str] = frozenset()
    patient: bool = True
    budget: AnswerBudget = field(default_factory=AnswerBudget)


class PooledEngine:
    """A pool of workers that answer queries. Safe for use by several threads."""

    def __init__(
        self,
        place: str,
        why: str,
        limits: QueryLimits,
        pool: Pool,
        federated: Pool | None = None,
        disk: Sequence[Pool] = (),
    ) -> None:
        """``place`` says where the store is, ``why`` why it is there; ``federated`` are the workers for queries that
        call other endpoints, where the others cannot; those of ``disk`` answer from the store on disk. One that has
        lost what it had in memory, and finds it damaged on disk, is as one of these.
        """
        self.place = place
        #: Where the store is, and why.
        self.storage = f"{place}: {why}"
        self._limits = limits
        self._pool = pool
        self._federated = federated
        self._pools = [pool, federated] if federated else [pool]
        self._disk = disk
        self._refused = ""
        self._trusted_until = 0.0
        #: Whether something has happened since that was last taken back which a damaged store would explain.
        self.is_suspect = False

    def answer(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None = None,
        *,
        graphs: Dataset = QUERY_DATASET,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a query; see Engine.answer.

        Raises QuerySyntaxError, QueryRefused, FormatMismatch, QueryTimeout, AnswerTooLarge,
        EngineUnavailable, or QueryError where the query fails or brings its worker down.
        """
        seconds = min(timeout or self._limits.timeout, self._limits.timeout)
        until = time.monotonic() + seconds
        pool = self._pool_for(query)

        def once() -> Answer:
            request = _request(query, formats, graphs)
            with AnswerBody(self._limits.budget, caller.name if caller else "") as body:
                head, last = pool.ask(request, seconds=_seconds_left(until), caller=caller, on_part=body.add)
                return self._answer(pool, head, body, last)

        with _within(query, seconds), self._available(pool):
            for _ in range(_MAX_RETRIES):
                try:
                    return once()
                except WorkerCrashed:
                    raise
                except WorkerDied:  # by somebody else, as far as is known
                    continue
            return once()

    async def answer_async(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None,
        *,
        graphs: Dataset,
        caller: Caller,
        threads: Executor,
    ) -> Answer:
        """As ``answer``, on an event loop: only what takes long waits in one of the ``threads``."""
        seconds = min(timeout or self._limits.timeout, self._limits.timeout)
        until = time.monotonic() + seconds
        loop = asyncio.get_running_loop()
        pool = await loop.run_in_executor(threads, self._pool_for, query) if self._federated else self._pool

        async def once() -> Answer:
            request = _request(query, formats, graphs)
            with AnswerBody(self._limits.budget, caller.name) as body:
                head, last = await pool.ask_async(
                    request, seconds=_seconds_left(until), caller=caller, on_part=body.add, threads=threads
                )
                return self._answer(pool, head, body, last)

        try:
            with self._available(pool):
                for _ in range(_MAX_RETRIES):
                    try:
                        return await once()
                    except WorkerCrashed:
                        raise
                    except WorkerDied:  # as above
                        continue
                return await once()
        except (TimeoutError, WorkerCrashed) as error:
            raise await loop.run_in_executor(threads, _over_limit, error, query, seconds) from None

    def answer_fast(self, query: str, formats: tuple[Format, ...], *, graphs: Dataset = QUERY_DATASET) -> Answer | None:  # noqa: ARG002
        """Nothing: all is a worker's. See Engine.at_once."""
        return None

    def explain(self, query: str, *, caller: Caller | None = None) -> tuple[Hint, ...]:
        """Why a query may be empty or slow; see Engine.explain.

        Raises QuerySyntaxError, EngineUnavailable, QueryError.
        """
        try:
            with self._available(self._pool):
                head, _ = self._pool.ask({"query": query, "explain": True}, seconds=self._limits.timeout, caller=caller)
                self._require_readable(self._pool, head)
        except (TimeoutError, WorkerCrashed):
            raise QueryError("The query is too large to be explained") from None
        if "error" in head:
            raise _failure(head)
        return _hints(head)

    def _pool_for(self, query: str) -> Pool:
        """The workers that run a query. Raises QueryRefused, QuerySyntaxError."""
        if self._federated and queries.is_federated(query, self.services):
            queries.guard(query, self.services)
            return self._federated
        return self._pool

    @property
    def timeout(self) -> float:
        """Seconds that a query may take."""
        return self._limits.timeout

    @property
    def services(self) -> frozenset[str]:
        """The endpoints that a query may call with SERVICE."""
        return self._limits.services

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now."""
        return self._pool.processes

    @property
    def trouble(self) -> str:
        """Why queries are not answered at this moment, in words; empty where nothing is known to be wrong."""
        return self.refusal_reason or _STATE_MESSAGES[self._pool.state]

    @property
    def reads_disk(self) -> bool:
        """Whether any answer comes from the disk, or would, as memory has lost it."""
        return any(map(self._needs_disk, self._pools))

    @property
    def has_lost_store(self) -> bool:
        """Whether what was in memory is lost, and damaged on disk: no query is answered from it any more."""
        return self._pool.has_bad_data

    def _needs_disk(self, pool: Pool) -> bool:
        return pool in self._disk or pool.has_bad_data

    def refuse(self, why: str) -> bool:
        """Answer nothing from the disk from now on, also what is in work; whether that is new."""
        before, self._refused = self._refused, why
        return why != before

    @property
    def refusal_reason(self) -> str:
        """Why no query is answered from the store, in words; empty where all but those that go abroad are."""
        return self._refused if self._refused and self._needs_disk(self._pool) else ""

    def mark_verified(self, seconds: float) -> None:
        """Answer from the store on disk again, whose files are whole: it took so many seconds to read them."""
        self._trusted_until = time.monotonic() + _TRUST_FACTOR * seconds
        self._refused = ""

    @property
    def is_recently_verified(self) -> bool:
        """Whether the files of the store were found whole not long ago."""
        return time.monotonic() < self._trusted_until

    def _answer(self, pool: Pool, head: dict[str, Any], body: AnswerBody, last: bytes) -> Answer:
        self._require_readable(pool, head)
        if "error" in head:
            if log := head.get("log"):  # more than who asked is told
                logging.getLogger("cybilgraph").warning(log)
            raise _failure(head, federated=pool is self._federated)
        return Answer(BY_NAME[head["format"]], body.end(last), head["rows"], _hints(head))

    def _require_readable(self, pool: Pool, head: dict[str, Any]) -> None:
        """Raise EngineUnavailable where what a worker says came from a store that cannot be trusted."""
        if head.get("error") == "storage":
            self.is_suspect = True
            what = "The store of the release could not be read on the disk of the server"
            if not self.is_recently_verified:
                self.refuse(f"{what}, and its files are being looked at")
            raise EngineUnavailable(what, _RETRY_HINT)
        self._require(pool)

    def _require(self, pool: Pool) -> None:
        if self._refused and self._needs_disk(pool):
            raise EngineUnavailable(self._refused, _RETRY_HINT)

    @contextmanager
    def _available(self, pool: Pool) -> Iterator[None]:
        """A block in which it is told that no worker of a pool can be had. Raises EngineUnavailable."""
        self._require(pool)
        try:
            with _available(pool):
                yield
        except (TimeoutError, WorkerCrashed, EngineUnavailable) as error:
            # A table that cannot be read has the engine go round in circles, or no worker begin.
            if not isinstance(error, EngineUnavailable) or isinstance(error.__cause__, WorkerStartFailed):
                self.is_suspect |= self._needs_disk(pool)
            raise

    @property
    def load(self) -> dict[str, int]:
        """How many queries are quick, wait, are long, are paused."""
        return self._pool.load

    @property
    def restarts(self) -> int:
        """How many workers ended that were not stopped on purpose, and were replaced."""
        return self._pool.restarts

    def maintain(self) -> None:
        """Begin anew what has ended while nobody asked; a server does so each second."""
        for pool in self._pools:
            pool.maintain()

    def close(self) -> None:
        """End all workers."""
        for pool in self._pools:
            pool.close()


def _request(query: str, formats: tuple[Format, ...], graphs: Dataset) -> dict[str, object]:
    request: dict[str, object] = {"query": query, "formats": [fmt.name for fmt in formats]}
    if graphs != QUERY_DATASET:
        request |= {"default_graphs": graphs.default, "named_graphs": graphs.named}
    return request


def _hints(head: dict[str, Any]) -> tuple[Hint, ...]:
    return tuple(Hint(*advice) for advice in head.get("advice", ()))


@contextmanager
def _available(pool: Pool) -> Iterator[None]:
    """A block in which it is told that no worker of a pool can be had. Raises EngineUnavailable."""
    try:
        yield
    except StartedTooLate:
        what = "The data had to be loaded first, and the seconds that were left were too few for the query"
        raise EngineUnavailable(what, "Ask again, or give it more seconds (timeout=…).") from None
    except Busy:
        what = _STATE_MESSAGES[pool.state] or "All query workers are busy"
        raise EngineUnavailable(what, "Try again in a few seconds.") from None
    except WorkerStartFailed as error:
        raise EngineUnavailable(
            "The store of the release cannot be opened at this moment",
            "Try again in a few seconds. If that does not help, the log of the server says why: build the release "
            "again, or serve another.",
        ) from error
    except (TimeoutError, WorkerCrashed):
        raise
    except WorkerDied as error:
        raise EngineUnavailable(
            "The process that worked on the query was ended by something else, again and again",
            "Try again in a few seconds. If that does not help, ask for less: the machine may be short of memory.",
        ) from error
    except OSError as error:
        raise EngineUnavailable(
            f"There is no room for the answer: {error.strerror}", "Ask for less at a time, or try again later."
        ) from error


def _rounded(seconds: float) -> float:
    return round(seconds, 1) if seconds >= 1 else float(f"{seconds:.2g}")


def _seconds_left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


@contextmanager
def _within(query: str, seconds: float) -> Iterator[None]:
    """A block in which it is told that a query had too much. Raises QueryTimeout, QueryError."""
    try:
        yield
    except (TimeoutError, WorkerCrashed) as error:
        raise _over_limit(error, query, seconds) from None


def _over_limit(error: TimeoutError | WorkerCrashed, query: str, seconds: float) -> QueryError:
    """The error for a query that took too long or too much. To advise on it takes time linear in its length."""
    advice = find_hints(query, ("slow",))
    if isinstance(error, TimeoutError):
        return QueryTimeout(
            f"The query was stopped after {_rounded(seconds):g} seconds",
            "Narrow it: name a country, an actor or a project, put FILTERs near their patterns, or add a LIMIT.",
            advice,
        )
    return QueryError(
        "The query used up the memory or the depth that one query may have",
        "Ask for less at a time, with fewer nested brackets, UNIONs or sorted rows.",
        advice,
    )


#: What it means that an endpoint answers with a status; 0 is that it does not answer.
_ERROR_OF_STATUS: dict[int, type[QueryError]] = {
    0: EngineUnavailable,
    400: QuerySyntaxError,
    401: QueryRefused,
    403: QueryRefused,
}


def _other_formats(*but: Format, carry_graph: bool) -> str:
    names = (fmt.name for fmt in FORMATS if fmt.carries_graph == carry_graph and fmt not in but)
    return f"Ask for one of: {', '.join(names)}"


def _failure(head: dict[str, Any], *, federated: bool = False) -> QueryError:
    """The error that a worker tells; ``federated``: of a query that calls other endpoints."""
    message = str(head.get("message"))
    match head["error"]:
        case "endpoint":
            kind = _ERROR_OF_STATUS.get(head["status"], EndpointFailed)
            return kind(message, head["hint"])
        case "syntax":
            return QuerySyntaxError(*head["mistake"])
        case "format":
            kinds = "RDF (CONSTRUCT, DESCRIBE)" if message == "graph" else "a table (SELECT, ASK)"
            return FormatMismatch(
                f"The query gives {kinds}, which none of the formats asked for can hold",
                _other_formats(carry_graph=message == "graph"),
            )
        case "unwritable":
            fmt = BY_NAME[head["format"]]
            return FormatMismatch(
                f"The answer cannot be written as {fmt.title}: {message}",
                _other_formats(fmt, carry_graph=fmt.carries_graph),
            )
        case "size":
            return AnswerTooLarge(
                f"The answer is larger than {int(message):,} bytes", "Add a LIMIT, or harvest the dump of the release."
            )
        case "evaluation" if federated:  # whatever breaks there: what came from elsewhere was not what it should be
            return ServiceFailed(
                f"An endpoint that the query calls with SERVICE gives no answer: {message}",
                "Ask that endpoint itself, or write SERVICE SILENT to go on without it.",
            )
        case _:
            return QueryError(f"The query failed: {message}")
