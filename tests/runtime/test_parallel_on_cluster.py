"""A build on a cluster gives the same bytes, even if a worker is lost; a missing cluster is reported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dask.config
import distributed
import psutil
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import ClusterError
from cybilgraph.pipeline import preparation
from cybilgraph.runtime.parallel import connect_cluster
from tests.conftest import CYBILGRAPH
from tests.support.builds import DAY, content
from tests.support.servers import certificate

pytestmark = pytest.mark.slow

BATCHES = 6


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of some batches of records."""
    path = tmp_path_factory.mktemp("table") / "projects.csv"
    rows = (
        f"Project {number},G{number:04d},In {number} it was funded by UNODC in Kenya and delivered by Body {number}.\n"
        for number in range(BATCHES * preparation.BATCH_RECORDS)
    )
    path.write_text("title,code,summary\n" + "".join(rows))
    return path


@pytest.fixture(scope="module")
def plain(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a release built without a cluster."""
    return content(pipeline.build([table], tmp_path_factory.mktemp("plain"), as_of=DAY, dumps=False)[0].folder)


def test_build_survives_the_loss_of_a_worker(table: Path, plain: dict[str, bytes], tmp_path: Path) -> None:
    dask: Any = distributed
    with dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as there:
        workers = [psutil.Process(nanny.pid) for nanny in there.workers.values()]
        idle = [worker.cpu_times().user for worker in workers]

        def kill() -> None:
            """Kill a worker once one of them has worked for a while."""
            while not any(worker.cpu_times().user > before + 1 for worker, before in zip(workers, idle, strict=True)):
                time.sleep(0.01)
            workers[0].kill()

        killer = threading.Thread(target=kill)
        killer.start()
        release, _ = pipeline.build([table], tmp_path, as_of=DAY, dumps=False, cluster=there.scheduler_address)
        killer.join()
    assert not workers[0].is_running()
    assert content(release.folder) == plain


def test_local_cluster_runs_functions_in_other_processes() -> None:
    with connect_cluster("local:2") as team:
        assert team.size == 2
        assert {team.submit(os.getpid).result() for _ in range(20)}.isdisjoint({os.getpid()})


@pytest.mark.parametrize("address", ["local:0", "local:x", "local:"])
def test_invalid_cluster_address_is_reported(address: str) -> None:
    with pytest.raises(ClusterError, match="not the address of a cluster"), connect_cluster(address):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "tcp://192.0.2.1:8786",
        "192.0.2.1:8786",
        "ws://192.0.2.1:8786",
        "tcp://example.org:8786",
        "tcp://[2001:db8::1]:8786",
        "tcp://localhost.example.org:8786",
        f"tcp://127.0.0.1{'@'}192.0.2.1:8786",
        "tcp://[",
        "tcp://0.0.0.0:8786",
    ],
)
def test_other_machines_require_tls(address: str) -> None:
    with pytest.raises(ClusterError, match="would not be encrypted") as error, connect_cluster(address):
        pass
    assert "--protocol tls" in error.value.hint


def test_tls_needs_certificates() -> None:
    with (
        pytest.raises(ClusterError, match="are not configured") as error,
        connect_cluster("tls://192.0.2.1:8786"),
    ):
        pass
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in error.value.hint


def test_cluster_with_tls_accepts_only_known_certificates(tmp_path: Path) -> None:
    dask_cluster: Any = distributed
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    names = ("client", "scheduler", "worker")
    known: dict[Path, dict[str, str]] = {}
    for folder in (ours, theirs):
        folder.mkdir()
        public, key = map(str, certificate(folder))
        roles = {f"tls_{name}_{part}": file for name in names for part, file in (("cert", public), ("key", key))}
        known[folder] = {"tls_ca_file": public, **roles}
    security = dask_cluster.Security(require_encryption=True, **known[ours])
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "protocol": "tls://"}
    with dask_cluster.LocalCluster(**options, security=security) as there:
        assert there.scheduler_address.startswith("tls://")
        with _configured(known[ours]), connect_cluster(there.scheduler_address) as team:
            assert team.submit(os.getpid).result() != os.getpid()
        with (
            _configured(known[theirs]),
            pytest.raises(ClusterError, match="No Dask cluster responds"),
            connect_cluster(there.scheduler_address),
        ):
            pass


def _configured(known: dict[str, str]) -> Any:
    """Set the certificate files of a client in Dask's configuration."""
    names = {"ca-file": "tls_ca_file", "client.cert": "tls_client_cert", "client.key": "tls_client_key"}
    return dask.config.set({f"distributed.comm.tls.{name}": known[key] for name, key in names.items()})


def test_missing_cluster_is_reported(table: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        done = subprocess.run(
            [*CYBILGRAPH, "build", table, "--into", tmp_path, "--cluster", address], capture_output=True, text=True
        )
    assert done.returncode == 2
    assert f"No Dask cluster responds at {address}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("0*"))


def test_missing_dask_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match="not installed"), connect_cluster("local:2"):
        pass
