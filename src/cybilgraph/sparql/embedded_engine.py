"""The engine for a local release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cybilgraph.model.formats import Format
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.runtime.compression import decompressed_size
from cybilgraph.runtime.pool import ForkServerState, Pool, PoolLimits, ProcessExit
from cybilgraph.runtime.sandbox import Policy, environment
from cybilgraph.sparql import QUERY_DATASET, Answer, Dataset
from cybilgraph.sparql.fast_path import FastPath
from cybilgraph.sparql.pooled_engine import PooledEngine, QueryLimits
from cybilgraph.sparql.store import opens_all_files

__all__ = ["EmbeddedEngine", "QueryLimits"]

#: Queries that may call other endpoints at the same time.
_FEDERATED_WORKERS = 2
#: Memory of a store relative to its N-Quads (measured: 1.4 to 1.6; 2.0 to 2.4 while it is being loaded).
_STORE_BYTES_PER_NQUADS_BYTE = 3
#: The same if the server holds a second copy for the fast path (measured: 3.1; 4.0 while it is being loaded).
_STORE_AND_FAST_PATH_BYTES_PER_NQUADS_BYTE = 5


class EmbeddedEngine(PooledEngine):
    """An engine whose worker pool queries one store."""

    def __init__(
        self,
        store: Path,
        limits: QueryLimits | None = None,
        *,
        graph: Path | None = None,
        checksum: str = "",
        on_process_end: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """Start the workers.

        ``graph`` holds the same data as the store, as N-Quads (possibly compressed) with this SHA-256 ``checksum``.
        It is loaded into memory if it fits the limit. ``on_process_end`` is called for each process that ends
        unexpectedly.
        """
        limits = limits or QueryLimits()
        size = decompressed_size(graph, limits.store // _STORE_BYTES_PER_NQUADS_BYTE) if graph else 0
        in_memory = graph is not None and size * _STORE_BYTES_PER_NQUADS_BYTE <= limits.store
        location, reason = (
            ("in memory", f"{graph} fits in {limits.store:,} bytes")
            if in_memory
            else ("on disk", f"it does not fit in {limits.store:,} bytes of memory")
        )
        sizes = (str(limits.memory), str(limits.answer))

        def start(pool_limits: PoolLimits, *arguments: str, services: tuple[str, ...] = ()) -> Pool:
            variables = environment(Policy(endpoints=services))
            worker = "cybilgraph.sparql.query_worker"
            shared = (own_iri(), str(store), *arguments, *services)
            return Pool(worker, shared, pool_limits, on_process_end, environment=variables)

        opens = "" if in_memory or opens_all_files(store) else "opens"
        shared = (str(graph), checksum) if in_memory else ("", "")
        pool = start(limits.pool_limits, *shared, *sizes, opens)
        federated = None
        if limits.services:
            # Only these workers can send requests; the sandbox of the others forbids it. They mostly wait, so none
            # counts as long.
            few = PoolLimits(_FEDERATED_WORKERS, max_waiting=16, free_startup=limits.free_startup)
            federated = start(few, "", "", *sizes, "opens", services=tuple(sorted(limits.services)))
        on_disk = [*(() if in_memory else (pool,)), *((federated,) if federated else ())]
        super().__init__(location, reason, limits, pool, federated, on_disk)
        # With a store on disk, no answer is certain to be quick.
        self._fast_path = (
            FastPath(graph, checksum, must_wait=lambda: pool.state is ForkServerState.STARTING)
            if graph and size * _STORE_AND_FAST_PATH_BYTES_PER_NQUADS_BYTE <= limits.store
            else None
        )

    def answer_fast(self, query: str, formats: tuple[Format, ...], *, graphs: Dataset = QUERY_DATASET) -> Answer | None:
        """Answer a simple lookup over the query's own dataset; see PooledEngine.answer_fast."""
        if self._fast_path and graphs == QUERY_DATASET and not self.refusal_reason:
            return self._fast_path.answer(query, formats)
        return None

    def close(self) -> None:
        """Stop all workers."""
        super().close()
        if self._fast_path:
            self._fast_path.close()
