"""Functions, done by the workers of a Dask cluster, on this machine or on others.

Dask sends code and data as pickles, and whoever reaches a scheduler can run anything: beyond this machine the
connection is TLS, by which both sides prove who they are (``distributed.comm.tls`` in Dask's configuration).

A function whose worker is lost is done again by another. One that brings down worker after worker fails, by what
Dask is set to (``distributed.scheduler.allowed-failures``).
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
#: A cluster has so many seconds to answer.
_MAX_CONNECT_SECONDS = 8
_LOCAL = "local:"
_CERTIFICATES = (
    "Name their files in Dask's configuration, or in the environment: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
)
#: Functions that are under way at once; how often one is begun again.
_MAX_THREADS, _MAX_ATTEMPTS = 1_000, 4


@contextmanager
def connect_cluster(address: str) -> Iterator[SizedExecutor]:
    """The workers at an address of a scheduler (``tls://HOST:8786``), or ``local:N``: N processes of this machine.

    Raises ClusterError where nobody answers there, the connection would not be encrypted, Dask is not installed, or
    the cluster fails in the middle.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            "Dask is not installed here, which runs a cluster", 'Install it: pip install "cybilgraph[cluster]"'
        ) from None
    dask: Any = distributed  # its types are not whole
    with ExitStack() as stack:
        if address.startswith(_LOCAL):
            number = address.removeprefix(_LOCAL)
            if not (number.isascii() and number.isdigit() and 0 < int(number) <= 1_000):
                raise ClusterError(f"{address!r} names no cluster", "Write the number of processes: local:4")
            place: Any = stack.enter_context(
                dask.LocalCluster(n_workers=int(number), threads_per_worker=1, processes=True, dashboard_address=None)
            )
            security = None
        else:
            place, security = address, _security(address, dask)
        try:
            client = stack.enter_context(
                dask.Client(place, timeout=_MAX_CONNECT_SECONDS, set_as_default=False, security=security)
            )
            client.wait_for_workers(1, timeout=_MAX_CONNECT_SECONDS)
            client.submit(processor_count, pure=False).result()
        except ImportError:
            raise ClusterError(
                f"The workers at {address} do not have cybilgraph", "Install the same version there as here."
            ) from None
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"No cluster of Dask answers at {address}: {error or type(error).__name__}",
                "Start one (`dask scheduler`, and `dask worker ADDRESS` on each machine), or use --cluster local:4.",
            ) from None
        team = _Workers(client)
        stack.callback(team.shutdown, wait=False, cancel_futures=True)
        try:
            yield team
        except (dask.KilledWorker, dask.comm.CommClosedError, CancelledError) as error:
            raise ClusterError(
                f"The cluster at {address} failed: {error}", "Look at its log, and build again: nothing was changed."
            ) from None


def _security(address: str, dask: Any) -> Any:
    """The keys for a scheduler at an address, from Dask's configuration; none for one of this machine without TLS.

    Raises ClusterError where there are none, or another machine would be reached without TLS.
    """
    if address.startswith("tls://"):
        security = dask.Security(require_encryption=True)
        if not (security.tls_ca_file and security.tls_client_cert):
            raise ClusterError(f"There are no certificates for {address}", _CERTIFICATES)
        return security
    if not _is_here(address):
        raise ClusterError(
            f"{address} is another machine, and the connection would not be encrypted",
            f"Start scheduler and workers with --protocol tls, and name tls://HOST:PORT. {_CERTIFICATES}",
        )
    return None


def _is_here(address: str) -> bool:
    """Whether an address is one of this machine (RFC 6890: loopback)."""
    try:
        host = urlsplit(address if "://" in address else f"tcp://{address}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Workers(SizedExecutor):
    """The workers of a cluster as an executor. Dask has one of its own, which fails where a worker is lost with
    an answer that nobody has fetched yet.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(_MAX_THREADS)  # they only wait

    @property
    def size(self) -> int:
        """How many functions they do at once, now: workers come and go."""
        threads: dict[str, int] = self._client.nthreads()
        return min(max(sum(threads.values()), 1), _MAX_THREADS - 2)

    def submit(self, function: Callable[..., _Value], /, *arguments: Any, **named: Any) -> Future[_Value]:
        """The value of a function, to come."""
        return self._threads.submit(self._ask, function, arguments, named)

    def _ask(self, function: Callable[..., _Value], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Value:
        def once() -> _Value:
            value: _Value = self._client.submit(function, *arguments, **named, pure=False).result()
            return value

        for _ in range(_MAX_ATTEMPTS):
            with suppress(CancelledError):  # its answer was lost with a worker
                return once()
        return once()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
