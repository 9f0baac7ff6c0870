"""Runs functions in worker processes, to use all processors, or on the workers of a Dask cluster.

    with ProcessPool() as pool:
        result = pool.submit(function, *arguments).result()

Functions, arguments, results and exceptions are pickled between processes of one program. Run as
``python -m cybilgraph.runtime.parallel [MODULE]``, this module is the fork server of these processes.

Dask, too, sends code and data as pickles, and whoever can connect to a scheduler can run any code. Connections to other
machines therefore use TLS with certificates on both sides (``distributed.comm.tls`` in Dask's configuration). If a
worker is lost, another repeats its function. A function that ends worker after worker fails after the number of
attempts that Dask allows (``distributed.scheduler.allowed-failures``).
"""

from __future__ import annotations

import gc
import ipaddress
import os
import pickle
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cybilgraph.errors import ClusterError, CybilgraphError
from cybilgraph.runtime.pool import Pool, PoolLimits, WorkerDied, WorkerStartFailed
from cybilgraph.runtime.worker import run_fork_server

#: No time limit in practice: a week.
_MAX_SECONDS = 7 * 86_400.0
#: New objects (some megabytes) after which a worker collects garbage.
_COLLECTOR_THRESHOLD = 50_000
_MAX_CONNECT_SECONDS = 8
_LOCAL = "local:"
_CERTIFICATES = (
    "Set their paths in Dask's configuration or in the environment variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
)
#: Functions that run at once, and attempts of each.
_MAX_THREADS, _MAX_ATTEMPTS = 1_000, 4

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def processor_count() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SizedExecutor(Executor, ABC):
    """An executor with a known size."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of functions that run at once."""

    def map_ahead(
        self, function: Callable[..., _Value], items: Iterable[_Item], *arguments: Any
    ) -> Iterator[tuple[_Item, _Value]]:
        """Yield each item with the result of ``function(item, *arguments)``, in order; a few are processed ahead."""
        pending: deque[tuple[_Item, Future[_Value]]] = deque()
        for item in items:
            pending.append((item, self.submit(function, item, *arguments)))
            if len(pending) > self.size + 1:
                first, future = pending.popleft()
                yield first, future.result()
        while pending:
            first, future = pending.popleft()
            yield first, future.result()


class ProcessPool(ThreadPoolExecutor, SizedExecutor):
    """An executor with one process per processor, started when the first function is submitted.

    The processes are forked from one that has imported the module of that function.
    If a process is lost, its function runs again in this process, where a bug of ours shows up as an exception.
    As a context manager, it does not wait for running functions if the block fails.
    """

    def __init__(self) -> None:
        super().__init__(processor_count())  # one thread waits for each process
        self._pool: Pool | None = None
        self._starting = Lock()
        self._closed = False

    @property
    def size(self) -> int:
        """Number of processors."""
        return processor_count()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """Run a function in a process, and return a future of its result. It must be at the top of its module."""
        return super().submit(self._ask, function, arguments, named)

    def _ask(self, function: Callable[..., _Value], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Value:
        try:
            processes = self._processes(function.__module__)
            head, content = processes.ask({}, pickle.dumps((function, arguments, named)), seconds=_MAX_SECONDS)
        except (WorkerDied, WorkerStartFailed):
            if self._closed:
                raise
            return function(*arguments, **named)
        value = pickle.loads(content)  # noqa: S301 - from our own process
        if head["failed"]:
            raise value
        answer: _Value = value
        return answer

    def _processes(self, module: str) -> Pool:
        """Return the pool of processes, which share a module. Raises WorkerStartFailed after shutdown."""
        with self._starting:
            if self._closed:
                raise WorkerStartFailed
            self._pool = self._pool or Pool("cybilgraph.runtime.parallel", (module,), PoolLimits(processor_count()))
            return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, with ``wait`` after they have finished everything that was submitted."""
        if wait:
            super().shutdown(cancel_futures=cancel_futures)
        with self._starting:
            self._closed = True
        if self._pool:
            self._pool.close()
        super().shutdown(cancel_futures=cancel_futures)


def _call(_head: dict[str, Any], content: bytes, _send: object) -> tuple[dict[str, Any], bytes]:
    function, arguments, named = pickle.loads(content)  # noqa: S301 - from the process that started this one
    try:
        value = function(*arguments, **named)
        _freeze_loaded()
        return {"failed": False}, pickle.dumps(value)
    except (CybilgraphError, OSError) as error:  # raised again by the caller; other errors end this process
        return {"failed": True}, pickle.dumps(error)


@cache
def _freeze_loaded() -> None:
    """Exclude objects loaded by the first function from garbage collection, and collect less often.

    The reference data and patterns loaded are never garbage, and the results of a batch nearly all stay in use.
    """
    gc.freeze()
    gc.set_threshold(_COLLECTOR_THRESHOLD)


@contextmanager
def connect_cluster(address: str) -> Iterator[SizedExecutor]:
    """Yield an executor for the cluster of a scheduler (``tls://HOST:8786``) or for ``local:N``, N local processes.

    Raises ClusterError if the cluster does not respond or fails later, the connection would not be encrypted, or Dask
    is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            "Dask, which --cluster needs, is not installed", 'Install it: pip install "cybilgraph[cluster]"'
        ) from None
    dask: Any = distributed  # its types are incomplete
    with ExitStack() as stack:
        if address.startswith(_LOCAL):
            number = address.removeprefix(_LOCAL)
            if not (number.isascii() and number.isdigit() and 0 < int(number) <= 1_000):
                raise ClusterError(
                    f"{address!r} is not the address of a cluster", "Give the number of processes, for example local:4."
                )
            target: Any = stack.enter_context(
                dask.LocalCluster(n_workers=int(number), threads_per_worker=1, processes=True, dashboard_address=None)
            )
            security = None
        else:
            target, security = address, _security(address, dask)
        try:
            client = stack.enter_context(
                dask.Client(target, timeout=_MAX_CONNECT_SECONDS, set_as_default=False, security=security)
            )
            client.wait_for_workers(1, timeout=_MAX_CONNECT_SECONDS)
            client.submit(processor_count, pure=False).result()
        except ImportError:
            raise ClusterError(
                f"cybilgraph is not installed on the workers at {address}", "Install the same version there as here."
            ) from None
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"No Dask cluster responds at {address}: {error or type(error).__name__}",
                "Start one (`dask scheduler`, and `dask worker ADDRESS` on each machine), or use --cluster local:4.",
            ) from None
        team = _ClusterWorkers(client)
        stack.callback(team.shutdown, wait=False, cancel_futures=True)
        try:
            yield team
        except (dask.KilledWorker, dask.comm.CommClosedError, CancelledError) as error:
            raise ClusterError(
                f"The cluster at {address} failed: {error}", "Check its log and build again. Nothing was changed."
            ) from None


def _security(address: str, dask: Any) -> Any:
    """Return the TLS settings for a scheduler from Dask's configuration, or None for one on this machine without TLS.

    Raises ClusterError if certificates are missing, or if another machine would be reached without TLS.
    """
    if address.startswith("tls://"):
        security = dask.Security(require_encryption=True)
        if not (security.tls_ca_file and security.tls_client_cert):
            raise ClusterError(f"The TLS certificates for {address} are not configured", _CERTIFICATES)
        return security
    if not _is_here(address):
        raise ClusterError(
            f"{address} is another machine, and the connection would not be encrypted",
            f"Start scheduler and workers with --protocol tls, and use tls://HOST:PORT. {_CERTIFICATES}",
        )
    return None


def _is_here(address: str) -> bool:
    """Return whether an address belongs to this machine (RFC 6890: loopback)."""
    try:
        host = urlsplit(address if "://" in address else f"tcp://{address}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _ClusterWorkers(ThreadPoolExecutor, SizedExecutor):
    """The workers of a cluster as an executor, whose threads only wait.

    Dask's own executor fails if a worker is lost before its result was fetched.
    """

    def __init__(self, client: Any) -> None:
        super().__init__(_MAX_THREADS)
        self._client = client

    @property
    def size(self) -> int:
        """Number of functions that the workers run at once; it changes as workers come and go."""
        threads: dict[str, int] = self._client.nthreads()
        return min(max(sum(threads.values()), 1), _MAX_THREADS - 2)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """Run a function on a worker, and return a future of its result."""

        def ask() -> _Value:
            value: _Value = self._client.submit(function, *arguments, **named, pure=False).result()
            return value

        def ask_repeatedly() -> _Value:
            for _ in range(_MAX_ATTEMPTS):
                with suppress(CancelledError):  # the result was lost with its worker
                    return ask()
            return ask()

        return super().submit(ask_repeatedly)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        import_module(name)
    run_fork_server(lambda: _call, 0, None)  # no sandbox: these are our own functions on the operator's files
