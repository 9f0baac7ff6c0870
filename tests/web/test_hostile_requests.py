"""Hostile requests get a proper status in time, and none causes an outgoing request: the quick ones of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bench.served import attacks, client_attacks, scans
from tests.bench.served.attacks import Attack
from tests.bench.served.client import Address, Monitor, OtherClient, Trap, ask, exchange, look_up, request
from tests.conftest import running_server

pytestmark = pytest.mark.slow

BELIZE = "https://w3id.org/cybilgraph/id/country/BZ"
#: Expensive queries run into their limit of two seconds, so only some of each kind are tested.
HEAVY = {"cross product, sorted", "UNIONs that multiply", "CONCAT doubled 40 times", "1,000 patterns"}


@pytest.fixture(scope="module")
def address(releases: Path) -> Iterator[Address]:
    """Start a separate server, so that the attacks do not slow down other tests."""
    with running_server(releases) as url:
        yield Address(urlsplit(url).port or 0, "/sparql")


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


def wrong(address: Address, attack: Attack) -> str:
    status, seconds, fault = attack.verdict(address)
    return f"{attack.name}: {status} after {seconds:.1f} s: {fault}" if not_excused(seconds, fault) else ""


def not_excused(seconds: float, fault: str) -> bool:
    """Ignore delays caused by tests that run at the same time; the benchmark asserts the real limits."""
    return bool(fault) and (fault != "late" or seconds > 15)


def test_hostile_requests_neither_crash_the_server_nor_send_requests(address: Address, trap: Trap) -> None:
    quick = [attack for attack in attacks.queries(address, trap) if attack.name not in attacks.HEAVY]
    found = [wrong(address, attack) for attack in (*quick, *attacks.requests(address))]
    assert not [*filter(None, found)]
    assert not trap.caught


def test_trap_detects_a_request(trap: Trap) -> None:
    """Otherwise the absence of requests would prove nothing."""
    with pytest.raises(OSError):  # noqa: PT011
        exchange(Address(trap.port, "/"), b"GET / HTTP/1.1\r\n\r\n", wait=0.2)
    assert trap.caught == 1


def test_expensive_queries_end_in_time_without_delaying_others(address: Address, trap: Trap) -> None:
    with OtherClient(address, [BELIZE]) as other:
        found = [wrong(address, attack) for attack in attacks.queries(address, trap) if attack.name in HEAVY]
    assert not [*filter(None, found)]
    assert not other.failures
    assert len(other.seconds) > 50
    assert other.missed(2) <= len(other.seconds) / 20


@pytest.mark.parametrize(
    "name", ["a half-sent body", "100 requests pipelined", "500 idle connections", "50 clients leave before"]
)
def test_many_clients_get_answers_or_proper_errors(address: Address, name: str) -> None:
    came, seconds, fault = client_attacks.CLIENT_ATTACKS[name](address)
    assert not not_excused(seconds, fault), f"{came} after {seconds:.1f} s: {fault}"
    assert exchange(address, look_up(address, BELIZE)).status == 200


def test_client_with_many_queries_gets_retry_after(address: Address) -> None:
    came, seconds, fault = client_attacks.heavy_from_500(address)
    assert not not_excused(seconds, fault), f"{came} after {seconds:.1f} s: {fault}"
    assert "429" in came


def test_texts_that_are_slow_to_scan_do_not_delay_others(address: Address) -> None:
    """Small sizes with deadlines that a busy machine can meet; the benchmark uses the real ones, and sizes up to 400 kB."""
    with Monitor(address) as alive, OtherClient(address, [BELIZE]) as other:
        found = [wrong(address, attack) for attack in scans.scans(address, sizes=(16_000, 60_000))]
    assert not [*filter(None, found)]
    assert not alive.failures + other.failures
    assert len(alive.seconds) > 50
    for prober in (alive, other):
        assert prober.missed(2) <= len(prober.seconds) / 20


def memory(address: Address) -> int:
    """Return the server's reported memory in bytes, without its workers."""
    figures = Address(address.port, "/metrics")
    text = exchange(figures, request(figures, accept="*/*")).body.decode()
    [line] = [line for line in text.splitlines() if line.startswith('cybilgraph_resident_bytes{process="server"}')]
    return int(float(line.rpartition(" ")[2]))


@pytest.mark.parametrize("how", ["refused", "answered"])
def test_long_queries_do_not_accumulate_memory(address: Address, how: str) -> None:
    """Neither refused queries nor the texts of cached queries stay in memory."""
    size, number = 99_000, 500

    def send(first: int, number: int) -> None:
        for one in range(first, first + number):
            text = f"{'CLEAR ALL' if how == 'refused' else 'ASK {}'} # {one} ".ljust(size, "#")
            assert exchange(address, ask(address, text), wait=60).status == (403 if how == "refused" else 200)

    send(0, 100)
    before = memory(address)
    send(100, number)
    assert memory(address) < before + size * number / 2
