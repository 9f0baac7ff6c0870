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
    status, _, fault = attack.verdict(address)
    return f"{attack.name}: {status}: {fault}" if is_wrong(fault) else ""


def is_wrong(fault: str) -> bool:
    """Return whether a response is wrong or missing.

    A slow one is neither, since other tests may run at the same time: the benchmark asserts the limits. But each client
    has a time-out, at least 10 seconds, after which it counts the response as missing.
    """
    return fault not in ("", "late")


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
    # If these queries blocked the server, it would answer the other client only between them.
    assert len(other.seconds) > 3 * len(HEAVY)


@pytest.mark.parametrize(
    "name",
    ["a half-sent body", "100 requests pipelined", "500 idle connections", "50 clients disconnect before the response"],
)
def test_many_clients_get_answers_or_proper_errors(address: Address, name: str) -> None:
    came, _, fault = client_attacks.CLIENT_ATTACKS[name](address)
    assert not is_wrong(fault), f"{came}: {fault}"
    assert exchange(address, look_up(address, BELIZE)).status == 200


def test_client_with_many_queries_gets_retry_after(address: Address) -> None:
    came, _, fault = client_attacks.heavy_from_500(address)
    assert not is_wrong(fault), f"{came}: {fault}"
    assert "429" in came


def test_texts_that_are_slow_to_scan_do_not_delay_others(address: Address) -> None:
    """Other clients get an answer before their time-out; the benchmark uses shorter limits, and sizes up to 1 MB."""
    with Monitor(address) as alive, OtherClient(address, [BELIZE]) as other:
        found = [wrong(address, attack) for attack in scans.scans(address, sizes=(16_000, 60_000))]
    assert not [*filter(None, found)]
    assert not alive.failures + other.failures
    assert alive.seconds
    assert other.seconds


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
