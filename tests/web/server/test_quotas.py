"""Client quotas, with a clock that the test controls."""

from __future__ import annotations

import pytest
from werkzeug.exceptions import TooManyRequests

from cybilgraph.web.server.quotas import ClientQuotas, client_network, is_among


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(limited: ClientQuotas, address: str = "192.0.2.1") -> int:
    """Return the seconds to wait; 0 if the request is admitted."""
    try:
        with limited.admit(address):
            return 0
    except TooManyRequests as error:
        assert isinstance(error.retry_after, int)
        return error.retry_after


def test_bucket_empties_and_refills() -> None:
    clock = Clock()
    limited = ClientQuotas(burst=3, per_second=0.5, at_once=9, clock=clock)
    assert [ask(limited) for _ in range(5)] == [0, 0, 0, 2, 2]
    clock.now += 2
    assert [ask(limited) for _ in range(2)] == [0, 2]
    clock.now += 1_000
    assert [ask(limited) for _ in range(4)] == [0, 0, 0, 2], "the bucket never exceeds the burst"


def test_each_client_has_its_own_bucket() -> None:
    limited = ClientQuotas(burst=1, per_second=0.1, at_once=9, clock=Clock())
    assert [ask(limited, address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [0, 0, 10]
    assert [ask(limited, address) for address in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1")] == [0, 10, 0]
    assert ask(limited, "no address") == 0


def test_concurrent_requests_are_limited() -> None:
    limited = ClientQuotas(burst=9, per_second=1, at_once=2, clock=Clock())
    with limited.admit("a"), limited.admit("a"):
        assert ask(limited, "a") == 1
        assert ask(limited, "b") == 0
    assert ask(limited, "a") == 0


def test_failed_request_releases_its_slot() -> None:
    limited = ClientQuotas(burst=9, per_second=1, at_once=1, clock=Clock())
    with pytest.raises(ZeroDivisionError), limited.admit("a"):
        1 / 0  # noqa: B018
    assert ask(limited, "a") == 0


def test_number_of_clients_is_bounded() -> None:
    limited = ClientQuotas(burst=1, per_second=0.1, at_once=1, max_clients=50, clock=Clock())
    for number in range(500):
        assert ask(limited, f"192.0.2.{number}") == 0
        assert ask(limited, "198.51.100.1") == (0 if number == 0 else 10), "frequent clients are not dropped"
    assert len(limited) == 50


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 100),
    ],
)
def test_client_is_identified_by_its_network(address: str, name: str) -> None:
    assert client_network(address) == name


def test_clients_may_be_grouped_by_larger_networks() -> None:
    assert client_network("192.0.2.77", ipv4_bits=24) == client_network("192.0.2.1", ipv4_bits=24) == "192.0.2.0/24"
    assert client_network("2001:db8:1:2::3", ipv6_bits=48) == "2001:db8:1::/48"


def test_proxy_is_matched_by_address_or_network() -> None:
    assert is_among("192.0.2.1", ["192.0.2.1"])
    assert is_among("::ffff:192.0.2.1", ["198.51.100.0/24", "192.0.2.0/24"])
    assert is_among("anything", ["*"])
    assert not is_among("192.0.2.1", [])
    assert not is_among("192.0.2.1", ["2001:db8::/32", "a name", "192.0.3.0/24"])
