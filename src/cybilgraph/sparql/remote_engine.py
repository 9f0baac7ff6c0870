"""The engine for a remote SPARQL 1.1 server: its workers send queries there and check that answers are complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cybilgraph.model.vocabulary import own_iri
from cybilgraph.runtime.pool import Pool, ProcessExit
from cybilgraph.runtime.sandbox import Policy, environment
from cybilgraph.sparql.endpoint_client import Credentials
from cybilgraph.sparql.pooled_engine import PooledEngine, QueryLimits


class RemoteEngine(PooledEngine):
    """An engine whose worker pool queries one endpoint."""

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
        """Start the workers.

        ``credentials`` is the path of a file. For a release, ``store`` is its local store, used for hints, and
        ``checksum`` is that of its N-Quads: answers count only if the endpoint holds this release.
        ``on_process_end`` is called for each process that ends unexpectedly.

        Raises CybilgraphError if the file cannot be read.
        """
        Credentials.of(credentials)  # report a missing file here, not in each worker
        limits = limits or QueryLimits()
        # Pass file names, not secrets: any user of the machine can read the arguments of a process.
        where = (own_iri(), url, credentials, str(store or ""), checksum)
        arguments = (*where, str(limits.memory), str(limits.answer))
        variables = environment(Policy(endpoints=(url,)))
        pool = Pool(
            "cybilgraph.sparql.remote_worker", arguments, limits.pool_limits, on_process_end, environment=variables
        )
        super().__init__(f"at {url}", "queries are sent to this endpoint", limits, pool)
