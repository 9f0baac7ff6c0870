"""The engine over a SPARQL 1.1 server anywhere: its workers send each query there, and prove the answer whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cybilgraph.runtime.pool import Pool, PoolLimits, ProcessExit
from cybilgraph.runtime.sandbox import Policy, environment
from cybilgraph.sparql.endpoint import Credentials
from cybilgraph.sparql.pooled import PooledEngine, QueryLimits


class RemoteEngine(PooledEngine):
    """A pool of workers over one endpoint."""

    def __init__(
        self,
        url: str,
        limits: QueryLimits | None = None,
        *,
        credentials: str = "",
        store: Path | None = None,
        checksum: str = "",
        on_process_end: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """``credentials`` names a file. Of a release, ``store`` is its own, which advice is taken from, and
        ``checksum`` that of its N-Quads: only what the endpoint answers from this release is an answer. Processes that
        end unasked are ``on_process_end``.

        Raises CybilgraphError where the file cannot be read.
        """
        Credentials.of(credentials)  # a file that is missing is told here, and not by each worker
        limits = limits or QueryLimits()
        # Names of files, and not what is in them: anybody may read what a process was started with.
        where = (url, credentials, str(store or ""), checksum)
        pool_limits = PoolLimits(
            short_slots=limits.workers,
            long_slots=limits.long,
            max_paused_bytes=limits.memory,
            free_startup=limits.patient,
        )
        arguments = (*where, str(limits.memory), str(limits.answer))
        variables = environment(Policy(endpoints=(url,)))
        pool = Pool("cybilgraph.sparql.remote_worker", arguments, pool_limits, on_process_end, environment=variables)
        super().__init__(f"at {url}", "its workers ask there", limits, pool)
