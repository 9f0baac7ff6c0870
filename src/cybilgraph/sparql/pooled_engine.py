"""The base of all engines: runs queries under limits, in worker processes that can be killed."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from cybilgraph.errors import EngineUnavailable, QueryError, QueryTimeout, ServiceFailed
from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.runtime.pool import (
    Busy,
    Caller,
    ForkServerState,
    Pool,
    PoolLimits,
    ProcessExit,
    StartedTooLate,
    WorkerCrashed,
    WorkerDied,
    WorkerStartFailed,
)
from cybilgraph.runtime.scheduler import Deadline, run_blocking
from cybilgraph.sparql import QUERY_DATASET, Answer, AnswerBody, AnswerBudget, Dataset, Hint, guard
from cybilgraph.sparql.hints import explain_cost
from cybilgraph.sparql.query_worker import encode_query

__all__ = ["PooledEngine", "ProcessExit", "QueryLimits"]

#: The memory of all long queries relative to that of one.
_LONG_MEMORY_FACTOR = 3
#: An explanation takes milliseconds, unless the query was made to be explained for long.
_EXPLAIN_SECONDS = 5.0
_TIMEOUT_HINT = (
    "Narrow it down: name a country, organisation or project, put FILTERs near their patterns, or add a LIMIT."
)
_Result = TypeVar("_Result")
_RETRY_HINT = "Try again in a few seconds. If the problem persists, see the server log."
#: Messages for users by state of the fork server.
_STATE_MESSAGES = {
    ForkServerState.STARTING: "The data are being loaded",
    ForkServerState.READY: "",
    ForkServerState.RELOADING: "The data are being loaded again after the query processes ended unexpectedly",
    ForkServerState.UNRESPONSIVE: "The process that starts query workers does not respond, and is about to be replaced",
    ForkServerState.BAD_DATA: "The data cannot be loaded again because its file on the server is damaged",
}


#: The errors that workers report, by name.
_ERRORS = {"QueryError": QueryError} | {kind.__name__: kind for kind in QueryError.__subclasses__()}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The limits of queries.

    ``timeout`` is in seconds; ``answer``, ``memory`` (in addition to the store) and ``store`` (0: it stays on disk)
    are in bytes; ``workers`` is the number of short queries at once, of which one caller gets ``per_caller``, and
    ``long_workers`` that of long ones, which together may use three times the ``memory`` of one; ``services`` are the
    endpoints that SERVICE may call. With ``free_startup``, the time that it takes to load the data does not count
    towards the timeout; without it, queries fail while the data is being loaded. Answers on disk count against the
    ``budget``.
    """

    timeout: float = 30.0
    answer: int = 256_000_000
    memory: int = 2_000_000_000
    workers: int = 2
    per_caller: int = sys.maxsize
    long_workers: int = 16
    store: int = 0
    services: frozenset[str] = frozenset()
    free_startup: bool = True
    budget: AnswerBudget = field(default_factory=AnswerBudget)

    @property
    def pool_limits(self) -> PoolLimits:
        """The limits of a pool of workers."""
        return PoolLimits(
            self.workers,
            max_per_caller=self.per_caller,
            max_long=self.long_workers,
            max_long_bytes=_LONG_MEMORY_FACTOR * self.memory,
            free_startup=self.free_startup,
        )


class PooledEngine:
    """Answers queries with pools of workers. Thread-safe."""

    def __init__(
        self,
        location: str,
        reason: str,
        limits: QueryLimits,
        pool: Pool,
        federated: Pool | None = None,
        disk: Sequence[Pool] = (),
    ) -> None:
        """Set up an engine over pools.

        ``location`` says where the store is, ``reason`` why it is there. ``federated`` is the pool for queries that
        call other endpoints, if ``pool`` cannot. The pools in ``disk`` read the store on disk.
        """
        self.location = location
        #: Where the store is, and why.
        self.storage = f"{location}: {reason}"
        self._limits = limits
        self._pool = pool
        self._federated = federated
        self._pools = [pool, federated] if federated else [pool]
        self._disk = disk
        self._refused = self._read_error = ""

    def answer(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None = None,
        *,
        graphs: Dataset = QUERY_DATASET,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a query in the first of ``formats`` that fits the kind of result.

        ``timeout``, in seconds, can only shorten the engine's own deadline. ``caller`` is used for fair scheduling,
        and may cancel. Raises QuerySyntaxError, QueryRefused, FormatMismatch, QueryTimeout, AnswerTooLarge,
        EngineUnavailable, or QueryError if the query fails or crashes its worker.
        """
        deadline = Deadline(min(timeout or self._limits.timeout, self._limits.timeout))
        return run_blocking(self.answer_async(query, formats, deadline, graphs=graphs, caller=caller))

    async def answer_async(
        self,
        query: str,
        formats: tuple[Format, ...],
        deadline: Deadline,
        *,
        graphs: Dataset = QUERY_DATASET,
        caller: Caller | None = None,
        threads: Executor | None = None,
    ) -> Answer:
        """Like ``answer``, for an event loop: whatever may take long runs in one of the ``threads``, if given.

        The time that has passed before the call counts towards the ``deadline``.
        """

        async def offload(function: Callable[..., _Result], *arguments: object) -> _Result:
            if not threads:
                return function(*arguments)
            return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)

        pool = await offload(self._pool_for, query) if self._federated else self._pool
        try:
            with self._available(pool), AnswerBody(self._limits.budget, caller.name if caller else "") as body:
                names = [fmt.name for fmt in formats]
                head, last = await pool.ask_async(
                    {"formats": names, "default_graphs": graphs.default, "named_graphs": graphs.named},
                    encode_query(query),
                    seconds=deadline.seconds_left,
                    caller=caller,
                    on_part=partial(offload, body.add),
                )
                return self._answer(pool, head, body, last)
        except (TimeoutError, WorkerCrashed) as error:
            raise await offload(_over_limit, error, query, deadline.seconds) from None

    def answer_fast(self, query: str, formats: tuple[Format, ...], *, graphs: Dataset = QUERY_DATASET) -> Answer | None:  # noqa: ARG002
        """Return the same answer if it is available at once and needs no hints, else None.

        Never blocks, so an event loop may call it. Queries that it answers need no ``guard``.
        """
        return None

    def explain(self, query: str, *, caller: Caller | None = None) -> tuple[Hint, ...]:
        """Say why a query may be empty or slow, without running it.

        Raises QuerySyntaxError, EngineUnavailable, QueryError.
        """
        try:
            with self._available(self._pool):
                head, _ = self._pool.ask(
                    {"explain": True},
                    encode_query(query),
                    seconds=min(_EXPLAIN_SECONDS, self._limits.timeout),
                    caller=caller,
                )
                self._require_readable(self._pool, head)
        except (TimeoutError, WorkerCrashed):
            raise QueryError("The query is too large to explain") from None
        if "error" in head:
            raise _failure(head)
        return _hints(head)

    def _pool_for(self, query: str) -> Pool:
        """Choose the pool for a query. Raises QueryRefused, QuerySyntaxError."""
        if not self._federated or guard.without_services(query, self.services) == query:
            return self._pool
        guard.guard(query, self.services)
        return self._federated

    @property
    def services(self) -> frozenset[str]:
        """The endpoints that a query may call with SERVICE."""
        return self._limits.services

    @property
    def processes(self) -> list[int]:
        """The process ids of the live workers."""
        return self._pool.processes

    @property
    def trouble(self) -> str:
        """Why queries are not answered at the moment; empty if no problem is known."""
        return self.refusal_reason or _STATE_MESSAGES[self._pool.state]

    @property
    def reads_disk(self) -> bool:
        """Whether any pool reads the store on disk."""
        return bool(self._disk)

    @property
    def storage_error(self) -> str:
        """Why the store must be verified and opened again; empty if all its data could be read."""
        return self._read_error or (_STATE_MESSAGES[ForkServerState.BAD_DATA] if self._pool.is_data_damaged else "")

    def refuse(self, why: str) -> bool:
        """Stop answering from the disk for good, also queries in progress; return whether the reason is new."""
        before, self._refused = self._refused, why
        return why != before

    @property
    def refusal_reason(self) -> str:
        """Why the store is not used for queries; empty if it is, or if only federated queries are affected."""
        return self._refused if self._pool in self._disk else ""

    def _answer(self, pool: Pool, head: dict[str, Any], body: AnswerBody, last: bytes) -> Answer:
        self._require_readable(pool, head)
        if "error" in head:
            if log := head.get("log"):  # details for the operator, not for the client
                logging.getLogger("cybilgraph").warning(log)
            raise _failure(head, federated=pool is self._federated)
        return Answer(BY_NAME[head["format"]], body.end(last), head["rows"], _hints(head))

    def _require_readable(self, pool: Pool, head: dict[str, Any]) -> None:
        """Raise EngineUnavailable if the answer came from a store that cannot be read or is refused."""
        if head.get("error") == "storage" and pool in self._disk:
            self._read_error = str(head["message"])
            self.refuse("The server could not read the store of the release from its disk, and is verifying its files")
        self._require(pool)

    def _require(self, pool: Pool) -> None:
        if self._refused and pool in self._disk:
            raise EngineUnavailable(self._refused, _RETRY_HINT)

    @contextmanager
    def _available(self, pool: Pool) -> Iterator[None]:
        """Translate errors of a pool that has no worker available, in a block. Raises EngineUnavailable."""
        self._require(pool)
        try:
            yield
        except StartedTooLate:
            what = "The data had to be loaded first, which left too little time for the query"
            raise EngineUnavailable(what, "Try again, or raise the time limit (timeout=…).") from None
        except Busy:
            what = _STATE_MESSAGES[pool.state] or "All query workers are busy"
            raise EngineUnavailable(what, "Try again in a few seconds.") from None
        except WorkerStartFailed as error:
            raise EngineUnavailable(
                "The store of the release cannot be opened at the moment",
                f"{_RETRY_HINT.removesuffix('.')}; then rebuild the release, or serve another.",
            ) from error
        except (TimeoutError, WorkerCrashed):
            raise
        except WorkerDied as error:
            hint = "If it happens again, simplify the query: the machine may be short of memory."
            raise EngineUnavailable("The query process was killed", f"Try again in a few seconds. {hint}") from error
        except OSError as error:
            what = f"There is no space for the result: {error.strerror}"
            raise EngineUnavailable(what, "Request fewer rows, or try again later.") from error

    @property
    def load(self) -> dict[str, int]:
        """The number of queries that are short, waiting and long."""
        return self._pool.load

    @property
    def restarts(self) -> int:
        """The number of workers that ended unexpectedly and were replaced."""
        return self._pool.restarts

    def maintain(self) -> None:
        """Replace processes that have ended while idle; a server calls this each second."""
        for pool in self._pools:
            pool.maintain()

    def close(self) -> None:
        """Stop all workers."""
        for pool in self._pools:
            pool.close()


def _hints(head: dict[str, Any]) -> tuple[Hint, ...]:
    return tuple(Hint(*hint) for hint in head.get("advice", ()))


def _over_limit(error: TimeoutError | WorkerCrashed, query: str, seconds: float) -> QueryError:
    """Return the error for a query that exceeded its time or memory, with hints unless the query is long."""
    hints = explain_cost(query)
    if isinstance(error, TimeoutError):
        what = f"The query was stopped after {seconds:g} second{'s' if seconds != 1 else ''}"
        return QueryTimeout(what, hints[0].text if hints else _TIMEOUT_HINT, hints)
    if "ORDER" in query.upper():  # the engine aborts where its order of values of several kinds contradicts itself
        return QueryError(
            "The query exceeded the memory limit, or sorts values that cannot be compared, such as strings and dates",
            "Sort the values as strings, with ORDER BY STR(?name), or request fewer rows.",
            hints,
        )
    return QueryError(
        "The query exceeded the memory limit or the nesting limit",
        "Simplify the query: use fewer nested brackets, UNIONs or sorted rows.",
        hints,
    )


def _failure(head: dict[str, Any], *, federated: bool = False) -> QueryError:
    """Return the error for a worker's error head; ``federated`` if the query calls other endpoints."""
    if kind := _ERRORS.get(head["error"]):
        return kind(*head["arguments"])
    if federated:  # most likely caused by the response of the other endpoint
        return ServiceFailed(
            f"An endpoint that the query calls with SERVICE did not respond: {head['message']}",
            "Query that endpoint directly, or write SERVICE SILENT to continue without it.",
        )
    return QueryError(f"The query failed: {head['message']}")
