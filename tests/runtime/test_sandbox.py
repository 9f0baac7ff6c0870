"""A sandboxed worker can do only what its policy grants, whatever its work tries."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime import sandbox
from cybilgraph.runtime.pool import Pool, PoolLimits
from cybilgraph.runtime.sandbox import Policy, environment, missing_protection
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or not sandbox.has_seccomp(), reason="no seccomp filters on this machine"
    ),
]

LANDLOCK = sandbox.landlock_version()
REFUSED = {"EACCES", "EPERM", "ENOSYS", "EMFILE"}
#: Operations that only some policies grant.
GRANTED = {"read", "environ", "store", "connect", "connect elsewhere", "listen"}
HEADERS = {
    1: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    2: Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file that any process of this user may read and write."""
    path = tmp_path / "target.txt"
    path.write_text("untouched", encoding="utf-8")
    return path


@pytest.fixture
def listeners() -> Iterator[tuple[int, int]]:
    """Two ports of this machine with a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        yield one.getsockname()[1], other.getsockname()[1]


def arguments_of(kind: str, release: Release, port: int) -> tuple[str, ...]:
    store, limits = str(release.store), ("2000000000", "1000000")
    url = f"http://127.0.0.1:{port}/query"
    return {
        "check": ("cybilgraph.web.checker.check_worker", BASE, limits[0]),
        "memory": ("cybilgraph.sparql.query_worker", BASE, store, str(release.folder / GRAPH), "", *limits, ""),
        "disk": ("cybilgraph.sparql.query_worker", BASE, store, "", "", *limits, ""),
        "large disk": ("cybilgraph.sparql.query_worker", BASE, store, "", "", *limits, "opens"),
        "federated": ("cybilgraph.sparql.query_worker", BASE, store, "", "", *limits, "opens", url),
        "endpoint": ("cybilgraph.sparql.remote_worker", BASE, url, "", store, "", *limits),
    }[kind]


def tried_by(
    kind: str, release: Release, target: Path, ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("A_SECRET_OF_THE_OPERATOR", "a secret")
    arguments = arguments_of(kind, release, ports[0])
    pool = Pool("tests.support.confined", arguments, PoolLimits(1), environment=environment(Policy()))
    request = {
        "target": str(target),
        "store": str(next(release.store.glob("*.sst"))),
        "port": ports[0],
        "other": ports[1],
    }
    try:
        head, _ = pool.ask(request, seconds=120)
    finally:
        pool.close()
    return head


@pytest.mark.parametrize("kind", ["check", "memory", "disk", "large disk", "federated", "endpoint"])
def test_worker_can_do_only_what_its_policy_grants(
    kind: str, release: Release, target: Path, listeners: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds after it has closed descriptors too, and in threads that started before the sandbox."""
    head = tried_by(kind, release, target, listeners, monkeypatch)
    calls, opens = kind in ("federated", "endpoint"), kind in ("large disk", "federated", "endpoint")
    granted = {"store"} if opens else set()
    granted |= {"connect"} if calls else set()
    if opens and not LANDLOCK:
        granted |= {"read", "environ"}
    if calls and LANDLOCK < sandbox.LANDLOCK_NET:
        granted |= {"connect elsewhere"}
    for outcomes in (head["here"], head["there"]):
        assert {what for what, how in outcomes.items() if how == "done"} == granted
        assert {how for what, how in outcomes.items() if what not in granted} <= REFUSED
    assert target.read_text(encoding="utf-8") == "untouched"
    assert list(target.parent.iterdir()) == [target]
    assert "A_SECRET_OF_THE_OPERATOR" not in head["environment"]


def test_proxies_are_only_for_workers_that_call_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:password@proxy.example.org:3128")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert "https_proxy" not in environment(Policy())
    assert environment(Policy())["LC_ALL"] == "C.UTF-8"
    calling = Policy(endpoints=("https://endpoint.example/sparql",))
    assert "https_proxy" in environment(calling)
    assert sandbox.allowed_ports(calling) == {53, 443, 3128}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_ineffective_sandbox_is_refused() -> None:
    ran = run(
        "from cybilgraph.runtime import sandbox\n"
        "sandbox._install_filter = lambda program: None\n"
        "sandbox.restrict_calls(sandbox.Policy())"
    )
    assert ran.returncode == 1
    assert "SandboxError" in ran.stderr
    assert "start a program, fork" in ran.stderr


def test_missing_protection_is_reported() -> None:
    """The worker continues with the remaining protection: it cannot open files."""
    ran = run(
        "import os, platform\n"
        "platform.machine = lambda: 'riscv64'\n"
        "from cybilgraph.runtime import sandbox\n"
        "print(*sandbox.missing_protection())\n"
        "sandbox.restrict_calls(sandbox.Policy())\n"
        "os.close(0)\n"
        "try:\n    open(os.devnull)\n"
        "except OSError as error:\n    print(error.errno)"
    )
    assert ran.stderr == ""
    report, number = ran.stdout.rsplit("\n", 2)[:2]
    assert "no seccomp" in report
    assert number in ("13", "24")


def test_no_protection_is_missing_on_a_current_kernel() -> None:
    if LANDLOCK < sandbox.LANDLOCK_NET:
        pytest.skip(f"the kernel's Landlock cannot limit ports (version {LANDLOCK})")
    assert missing_protection() == []


@pytest.mark.parametrize("column", [1, 2])
def test_system_call_numbers_match_the_kernel_headers(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip(f"no {HEADERS[column]} on this machine (Debian: linux-libc-dev)")
    text = HEADERS[column].read_text(encoding="ascii")
    kernel = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    words = iter(" ".join(sandbox.SYSTEM_CALL_TABLES).split())
    ours = {row[0]: row[column] for row in zip(words, words, words, strict=True)}
    known = {name: str(kernel.get(name, "-")) for name in ours}
    # Older headers lack newer calls.
    assert {name: number for name, number in ours.items() if number != known[name] and known[name] != "-"} == {}
    if column == 1:
        assert {name for name in ours if known[name] == "-"} == set()


def test_filter_is_valid_for_both_machines() -> None:
    lengths = []
    for machine in ("x86_64", "aarch64"):
        program = sandbox.build_filter(Policy(), machine)
        assert len(program) < 4096  # BPF_MAXINSNS
        assert all(0 <= jump < 256 for _, *jumps, _ in program for jump in jumps)
        lengths.append(len(program))
    assert lengths[0] > lengths[1]


def test_denied_file_is_reported() -> None:
    ran = run(
        "from cybilgraph.runtime import sandbox\n"
        "sandbox.restrict_calls(sandbox.Policy())\n"
        "try:\n    open('/etc/hostname')\n"
        "except OSError:\n    pass\n"
        "print(sandbox.take_attempt(), repr(sandbox.take_attempt()))"
    )
    assert ran.stdout.strip() == "open '/etc/hostname' at <string>:4 ''"
