"""Runs functions on the workers of a Dask cluster, on this machine or on others.

Dask sends code and data as pickles, and whoever can connect to a scheduler can run any code. Connections to other
machines therefore use TLS with certificates on both sides (``distributed.comm.tls`` in Dask's configuration).

If a worker is lost, another repeats its function. A function that ends worker after worker fails after the number of
attempts that Dask allows (``distributed.scheduler.allowed-failures``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cybilgraph.errors import ClusterError
from cybilgraph.runtime.parallel import SizedExecutor, processor_count

_Value = TypeVar("_Value")
_MAX_CONNECT_SECONDS = 8
_LOCAL = "local:"
_CERTIFICATES = (
    "Set their paths in Dask's configuration or in the environment variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
)
#: Functions that run at once, and attempts of each.
_MAX_THREADS, _MAX_ATTEMPTS = 1_000, 4


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
        team = _Workers(client)
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


class _Workers(SizedExecutor):
    """The workers of a cluster as an executor.

    Dask's own executor fails if a worker is lost before its result was fetched.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(_MAX_THREADS)  # these only wait

    @property
    def size(self) -> int:
        """Number of functions that the workers run at once; it changes as workers come and go."""
        threads: dict[str, int] = self._client.nthreads()
        return min(max(sum(threads.values()), 1), _MAX_THREADS - 2)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """Run a function on a worker, and return a future of its result."""
        return self._threads.submit(self._ask, function, arguments, named)

    def _ask(self, function: Callable[..., _Value], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Value:
        def once() -> _Value:
            value: _Value = self._client.submit(function, *arguments, **named, pure=False).result()
            return value

        for _ in range(_MAX_ATTEMPTS):
            with suppress(CancelledError):  # the result was lost with its worker
                return once()
        return once()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the threads that wait for results."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
