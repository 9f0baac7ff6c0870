"""Quotas of expensive requests per client: a rate limit and a limit on concurrent requests."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cachetools import LRUCache
from werkzeug.exceptions import TooManyRequests

from cybilgraph.runtime.bounded_cache import cache_short

#: The default number of clients tracked.
_MAX_CLIENTS = 10_000
#: The smallest network of an IPv6 client (RFC 6177).
_IPV6_NETWORK_BITS = 64
#: The longest address; one of IPv6 with a zone has about 60 characters.
_MAX_ADDRESS_CHARS = 100


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    running: int = 0


class ClientQuotas:
    """A token bucket per client: ``burst`` tokens, refilled at ``per_second``; each request takes one.

    At most ``at_once`` requests of a client may run concurrently. The least recently seen of more than
    ``max_clients`` are dropped, and start with a full bucket again. Thread-safe.
    """

    def __init__(
        self,
        burst: int,
        per_second: float,
        at_once: int,
        *,
        max_clients: int = _MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._at_once = at_once
        self._clock = clock
        self._clients: LRUCache[str, _Bucket] = LRUCache(max_clients)
        self._lock = threading.Lock()

    @contextmanager
    def admit(self, address: str) -> Iterator[None]:
        """Run a block as one request of a client. Raises TooManyRequests (RFC 6585, section 4)."""
        key = client_network(address)
        with self._lock:
            client = self._refilled(key)
            if client.running >= self._at_once:
                raise TooManyRequests(f"{self._at_once} of your requests are already in progress", retry_after=1)
            if client.tokens < 1:
                wait = math.ceil((1 - client.tokens) / self._per_second)
                raise TooManyRequests(f"Too many requests: wait {wait} s before the next one", retry_after=wait)
            client.tokens -= 1
            client.running += 1
        try:
            yield
        finally:
            with self._lock:
                client.running -= 1

    def __len__(self) -> int:
        return len(self._clients)

    def _refilled(self, key: str) -> _Bucket:
        now = self._clock()
        client = self._clients.get(key) or _Bucket(self._burst, now)
        client.tokens = min(self._burst, client.tokens + (now - client.at) * self._per_second)
        client.at = now
        self._clients[key] = client
        return client


@cache_short(entries=4096, longest=_MAX_ADDRESS_CHARS)
def client_network(address: str, ipv6_bits: int = _IPV6_NETWORK_BITS, ipv4_bits: int = 32) -> str:
    """Return the identifier of a client: its network with a prefix of this length, or its IPv4 address."""
    found = _parsed(address)
    if found is None:
        return address[:_MAX_ADDRESS_CHARS]  # a proxy may forward anything
    if found.version == 4 and ipv4_bits == 32:
        return str(found)
    bits = ipv4_bits if found.version == 4 else ipv6_bits
    return str(ipaddress.ip_network((found, bits), strict=False))


def is_among(address: str, networks: Iterable[str]) -> bool:
    """Return whether an address matches one of these addresses or networks; "*" matches all."""
    found = _parsed(address)
    for one in networks:
        with suppress(ValueError):
            if one in ("*", address) or (found and found in ipaddress.ip_network(one, strict=False)):
                return True
    return False


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address, mapping IPv4 addresses of IPv6 sockets back to IPv4 (RFC 4291, section 2.5.5.2)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
