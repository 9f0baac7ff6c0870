"""The engine over a release on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cybilgraph.model.formats import Format
from cybilgraph.runtime.compression import decompressed_size
from cybilgraph.runtime.pool import Pool, PoolLimits, ProcessExit
from cybilgraph.runtime.sandbox import Policy, environment
from cybilgraph.sparql import QUERY_DATASET, Answer, Dataset
from cybilgraph.sparql.fast_path import FastPath
from cybilgraph.sparql.pooled import PooledEngine, QueryLimits
from cybilgraph.sparql.store import opens_all_files

__all__ = ["EmbeddedEngine", "QueryLimits"]

#: So many queries at a time may wait for other endpoints.
_FEDERATED_WORKERS = 2
#: A store in memory takes so many bytes for each byte of its N-Quads (measured: 3.1 to 3.6).
_STORE_BYTES_PER_NQUADS_BYTE = 4
#: And so many where the server has it as well as its workers (3.5; 5.0 while both are loaded).
_STORE_AND_FAST_PATH_BYTES_PER_NQUADS_BYTE = 6


class EmbeddedEngine(PooledEngine):
    """A pool of workers over one store."""

    def __init__(
        self,
        store: Path,
        limits: QueryLimits | None = None,
        *,
        graph: Path | None = None,
        checksum: str = "",
        on_process_end: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """``graph`` holds the same as the store, as N-Quads, which may be packed, in a file of this
        SHA-256: it is loaded if that fits into the limit.
        Processes that end unasked are ``on_process_end``.
        """
        limits = limits or QueryLimits()
        size = decompressed_size(graph, limits.store // _STORE_BYTES_PER_NQUADS_BYTE) if graph else 0
        in_memory = graph is not None and size * _STORE_BYTES_PER_NQUADS_BYTE <= limits.store
        place, why = (
            ("in memory", f"{graph} needs less than {limits.store:,} bytes there")
            if in_memory
            else ("on disk", f"{limits.store:,} bytes of memory are allowed for it")
        )
        opens = "" if in_memory or opens_all_files(store) else "opens"
        shared = (str(graph), checksum) if in_memory else ("", "")
        arguments = (str(store), *shared, str(limits.memory), str(limits.answer), opens)
        pool_limits = PoolLimits(
            short_slots=limits.workers,
            long_slots=limits.long,
            max_paused_bytes=limits.memory,
            free_startup=limits.patient,
        )
        pool = Pool(
            "cybilgraph.sparql.query_worker", arguments, pool_limits, on_process_end, environment=environment(Policy())
        )
        # Only these workers can send requests: all others keep no way to. They mostly wait, and none is paused.
        services = tuple(sorted(limits.services))
        calling = (str(store), "", "", *arguments[3:5], "opens", *services)
        few = PoolLimits(short_slots=_FEDERATED_WORKERS, max_waiting=16, free_startup=limits.patient)
        variables = environment(Policy(endpoints=services))
        federated = (
            Pool("cybilgraph.sparql.query_worker", calling, few, on_process_end, environment=variables)
            if limits.services
            else None
        )
        on_disk = [*(() if in_memory else (pool,)), *((federated,) if federated else ())]
        super().__init__(place, why, limits, pool, federated, on_disk)
        # Of a store that is not in memory, no answer is sure to come in a moment.
        self._fast_path = (
            FastPath(graph, checksum)
            if graph and size * _STORE_AND_FAST_PATH_BYTES_PER_NQUADS_BYTE <= limits.store
            else None
        )

    def answer_fast(self, query: str, formats: tuple[Format, ...], *, graphs: Dataset = QUERY_DATASET) -> Answer | None:
        """The answer to a look-up, of the graphs that a query has by itself; see Engine.at_once."""
        return (
            self._fast_path.answer(query, formats)
            if self._fast_path and graphs == QUERY_DATASET and not self.refusal_reason
            else None
        )

    def close(self) -> None:
        """End all workers."""
        super().close()
        if self._fast_path:
            self._fast_path.close()
