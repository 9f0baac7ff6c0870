"""What engines have in common: queries are done in worker processes that can be killed, under limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cybilgraph import queries
from cybilgraph.engine import ALL, Advice, Answer, Content, Graphs
from cybilgraph.engine.advice import advise
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
from cybilgraph.formats import BY_NAME, FORMATS, Format
from cybilgraph.workers.pool import Busy, Caller, Crashed, Died, NotStarted, Pool, State

#: A query whose worker was killed is asked so many times again.
_AGAIN = 3
#: What is told while the process that forks workers is replaced.
_TROUBLE = {
    State.WELL: "",
    State.AGAIN: "The data is being loaded again, after the processes that answer had ended",
    State.SILENT: "The process that begins query workers does not answer, and is replaced in a moment",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What queries may use: seconds, bytes of an answer, bytes of memory beside the store; the processes for
    quick and for long queries; bytes for the store itself (0: it stays on disk); and the endpoints that
    they may call with SERVICE.
    """

    timeout: float = 30.0
    answer: int = 256_000_000
    memory: int = 2_000_000_000
    workers: int = 2
    long: int = 2
    store: int = 0
    services: frozenset[str] = frozenset()


class PooledEngine:
    """A pool of workers that answer queries. Safe for use by several threads."""

    def __init__(self, place: str, why: str, limits: Limits, pool: Pool, abroad: Pool | None = None) -> None:
        """``place`` says where the store is, ``why`` why it is there; ``abroad`` are the workers for queries that
        call other endpoints, where the others cannot.
        """
        self.place = place
        #: Where the store is, and why.
        self.storage = f"{place}: {why}"
        self._limits = limits
        self._pool = pool
        self._abroad = abroad

    def answer(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None = None,
        *,
        graphs: Graphs = ALL,
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
            body = Content()
            request = _request(query, formats, graphs)
            head, last = pool.ask(request, seconds=_left(until), caller=caller, part=body.add)
            return _answer(head, body, last, abroad=pool is self._abroad)

        with _within(query, seconds), _available(pool):
            for _ in range(_AGAIN):
                try:
                    return once()
                except Crashed:
                    raise
                except Died:  # by somebody else, as far as is known
                    continue
            return once()

    async def answer_soon(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None,
        *,
        graphs: Graphs,
        caller: Caller,
        threads: Executor,
    ) -> Answer:
        """As ``answer``, on an event loop: only what takes long waits in one of the ``threads``."""
        seconds = min(timeout or self._limits.timeout, self._limits.timeout)
        until = time.monotonic() + seconds
        pool = self._pool_for(query)

        async def once() -> Answer:
            body = Content()
            request = _request(query, formats, graphs)
            head, last = await pool.ask_soon(
                request, seconds=_left(until), caller=caller, part=body.add, threads=threads
            )
            return _answer(head, body, last, abroad=pool is self._abroad)

        with _within(query, seconds), _available(pool):
            for _ in range(_AGAIN):
                try:
                    return await once()
                except Crashed:
                    raise
                except Died:  # as above
                    continue
            return await once()

    def at_once(self, query: str, formats: tuple[Format, ...], *, graphs: Graphs = ALL) -> Answer | None:  # noqa: ARG002
        """Nothing: all is a worker's. See Engine.at_once."""
        return None

    def explain(self, query: str) -> tuple[Advice, ...]:
        """Why a query may be empty or slow; see Engine.explain.

        Raises QuerySyntaxError, EngineUnavailable, QueryError.
        """
        try:
            with _available(self._pool):
                head, _ = self._pool.ask({"query": query, "explain": True}, seconds=self._limits.timeout)
        except (TimeoutError, Crashed):
            raise QueryError("The query is too large to be explained") from None
        if "error" in head:
            raise _failure(head)
        return _advice(head)

    def _pool_for(self, query: str) -> Pool:
        """The workers that run a query. Raises QueryRefused, QuerySyntaxError."""
        if self._abroad and queries.is_federated(query, self.services):
            queries.guard(query, self.services)
            return self._abroad
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
        return _TROUBLE[self._pool.state]

    @property
    def load(self) -> dict[str, int]:
        """How many queries are quick, wait, are long, are paused."""
        return self._pool.load

    @property
    def restarts(self) -> int:
        """How many workers ended that were not stopped on purpose, and were replaced."""
        return self._pool.restarts

    def close(self) -> None:
        """End all workers."""
        self._pool.close()
        if self._abroad:
            self._abroad.close()


def _request(query: str, formats: tuple[Format, ...], graphs: Graphs) -> dict[str, object]:
    request: dict[str, object] = {"query": query, "formats": [fmt.name for fmt in formats]}
    if graphs != ALL:
        request |= {"default_graphs": graphs.default, "named_graphs": graphs.named}
    return request


def _answer(head: dict[str, Any], body: Content, last: bytes, *, abroad: bool) -> Answer:
    if "error" in head:
        raise _failure(head, abroad=abroad)
    return Answer(BY_NAME[head["format"]], body.end(last), head["rows"], _advice(head))


def _advice(head: dict[str, Any]) -> tuple[Advice, ...]:
    return tuple(Advice(*advice) for advice in head.get("advice", ()))


@contextmanager
def _available(pool: Pool) -> Iterator[None]:
    """A block in which it is told that no worker of a pool can be had. Raises EngineUnavailable."""
    try:
        yield
    except Busy:
        what = _TROUBLE[pool.state] or "All query workers are busy"
        raise EngineUnavailable(what, "Try again in a few seconds.") from None
    except NotStarted as error:
        raise EngineUnavailable(
            "The store of the release cannot be opened at this moment",
            "Try again in a few seconds. If that does not help, the log of the server says why: build the release "
            "again, or serve another.",
        ) from error
    except (TimeoutError, Crashed):
        raise
    except Died as error:
        raise EngineUnavailable(
            "The process that worked on the query was ended by something else, again and again",
            "Try again in a few seconds. If that does not help, ask for less: the machine may be short of memory.",
        ) from error
    except OSError as error:
        raise EngineUnavailable(
            f"There is no room for the answer: {error.strerror}", "Ask for less at a time, or try again later."
        ) from error


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


@contextmanager
def _within(query: str, seconds: float) -> Iterator[None]:
    """A block in which it is told that a query had too much. Raises QueryTimeout, QueryError."""
    try:
        yield
    except TimeoutError:
        raise QueryTimeout(
            f"The query was stopped after {round(seconds, 1):g} seconds",
            "Narrow it: name a country, an actor or a project, put FILTERs near their patterns, or add a LIMIT.",
            advise(query, ("slow",)),
        ) from None
    except Crashed:
        raise QueryError(
            "The query used up the memory or the depth that one query may have",
            "Ask for less at a time, with fewer nested brackets, UNIONs or sorted rows.",
            advise(query, ("slow",)),
        ) from None


#: What it means that an endpoint answers with a status; 0 is that it does not answer.
_ENDPOINT: dict[int, type[QueryError]] = {
    0: EngineUnavailable,
    400: QuerySyntaxError,
    401: QueryRefused,
    403: QueryRefused,
}


def _others(*but: Format, carry_graph: bool) -> str:
    names = (fmt.name for fmt in FORMATS if fmt.carries_graph == carry_graph and fmt not in but)
    return f"Ask for one of: {', '.join(names)}"


def _failure(head: dict[str, Any], *, abroad: bool = False) -> QueryError:
    """The error that a worker tells; ``abroad``: of a query that calls other endpoints."""
    message = str(head.get("message"))
    match head["error"]:
        case "endpoint":
            kind = _ENDPOINT.get(head["status"], EndpointFailed)
            return kind(message, head["hint"])
        case "syntax":
            return QuerySyntaxError(*head["mistake"])
        case "format":
            kinds = "RDF (CONSTRUCT, DESCRIBE)" if message == "graph" else "a table (SELECT, ASK)"
            return FormatMismatch(
                f"The query gives {kinds}, which none of the formats asked for can hold",
                _others(carry_graph=message == "graph"),
            )
        case "unwritable":
            fmt = BY_NAME[head["format"]]
            return FormatMismatch(
                f"The answer cannot be written as {fmt.title}: {message}", _others(fmt, carry_graph=fmt.carries_graph)
            )
        case "size":
            return AnswerTooLarge(
                f"The answer is larger than {int(message):,} bytes", "Add a LIMIT, or harvest the dump of the release."
            )
        case "evaluation" if abroad:  # whatever breaks there: what came from elsewhere was not what it should be
            return ServiceFailed(
                f"An endpoint that the query calls with SERVICE gives no answer: {message}",
                "Ask that endpoint itself, or write SERVICE SILENT to go on without it.",
            )
        case _:
            return QueryError(f"The query failed: {message}")
