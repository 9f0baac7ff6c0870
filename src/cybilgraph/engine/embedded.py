"""The engine over a release on this machine: queries run in worker processes that can be killed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cybilgraph.engine import Answer
from cybilgraph.errors import (
    AnswerTooLarge,
    EngineUnavailable,
    FormatMismatch,
    QueryError,
    QuerySyntaxError,
    QueryTimeout,
)
from cybilgraph.formats import BY_NAME, FORMATS, Format
from cybilgraph.queries import unknown_prefixes
from cybilgraph.workers.pool import Busy, Died, NotStarted, Pool

_POSITION = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use: seconds, bytes of answer, bytes of a worker's address space."""

    timeout: float = 30.0
    answer: int = 256_000_000
    memory: int = 2_000_000_000
    workers: int = 2


class EmbeddedEngine:
    """A pool of workers over one store. Safe for use by several threads."""

    def __init__(self, store: Path, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        arguments = (str(store), str(self._limits.memory), str(self._limits.answer))
        self._pool = Pool("cybilgraph.engine.worker", arguments, self._limits.workers)

    def answer(self, query: str, formats: tuple[Format, ...], timeout: float | None = None) -> Answer:
        """Answer a query; see Engine.answer.

        Raises QuerySyntaxError, FormatMismatch, QueryTimeout, AnswerTooLarge,
        EngineUnavailable, or QueryError where the query fails or brings its worker down.
        """
        seconds = min(timeout or self._limits.timeout, self._limits.timeout)
        request = {"query": query, "formats": [fmt.name for fmt in formats]}
        try:
            head, content = self._pool.ask(request, seconds=seconds)
        except Busy:
            raise EngineUnavailable("All query workers are busy", "Try again in a few seconds.") from None
        except NotStarted as error:
            raise EngineUnavailable(
                "The store of the release cannot be opened", "Build the release again, or serve another."
            ) from error
        except TimeoutError:
            raise QueryTimeout(
                f"The query was stopped after {seconds:g} seconds",
                "Narrow it: name a country, an actor or a project, put FILTERs near their patterns, or add a LIMIT.",
            ) from None
        except Died:
            raise QueryError(
                "The query used up the memory or the depth that one query may have",
                "Ask for less at a time, with fewer nested brackets, UNIONs or sorted rows.",
            ) from None
        return _answer(query, head, content)

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now."""
        return self._pool.processes

    def close(self) -> None:
        """End all workers."""
        self._pool.close()


def _answer(query: str, head: dict[str, Any], content: bytes) -> Answer:
    message = str(head.get("message", ""))
    match head.get("error"):
        case None:
            return Answer(BY_NAME[head["format"]], content)
        case "syntax":
            found = _POSITION.search(message)
            unknown = ", ".join(f"{prefix}:" for prefix in unknown_prefixes(query))
            raise QuerySyntaxError(
                found["message"] if found else message,
                f"No PREFIX declares {unknown}" if unknown else "",
                line=int(found["line"]) if found else 0,
                column=int(found["column"]) if found else 0,
            )
        case "format":
            kinds = "RDF (CONSTRUCT, DESCRIBE)" if message == "graph" else "a table (SELECT, ASK)"
            raise FormatMismatch(
                f"The query gives {kinds}, which none of the formats asked for can hold",
                "Ask for one of: "
                + ", ".join(fmt.name for fmt in FORMATS if fmt.carries_graph == (message == "graph")),
            )
        case "size":
            raise AnswerTooLarge(
                f"The answer is larger than {int(message):,} bytes", "Add a LIMIT, or harvest the dump of the release."
            )
        case _:
            raise QueryError(f"The query failed: {message}")
