"""How much one client may ask of what is dear: so often, and so much at once."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from werkzeug.exceptions import TooManyRequests

from cybilgraph.caches import cache_short

#: So many clients are remembered; who is forgotten begins anew.
_MOST = 10_000
#: An IPv6 client has at least so many addresses of its own (RFC 6177).
_OWN_BITS = 64
#: Characters of an address; one of IPv6 with a zone has some 60.
_LONGEST = 100


@dataclass(slots=True)
class _Client:
    tokens: float
    at: float
    running: int = 0


class Clients:
    """A bucket of tokens for each client: ``burst`` of them, and ``each_second`` so many new ones; one
    request takes one. At most ``at_once`` requests of a client are in work. Safe for several threads.
    """

    def __init__(
        self, burst: int, each_second: float, at_once: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._each_second = each_second
        self._at_once = at_once
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def admit(self, address: str) -> Iterator[None]:
        """A block of work for a client. Raises TooManyRequests (RFC 6585, section 4)."""
        key = network(address)
        with self._lock:
            client = self._present(key)
            if client.running >= self._at_once:
                raise TooManyRequests(f"{self._at_once} of your requests are in work already", retry_after=1)
            if client.tokens < 1:
                wait = math.ceil((1 - client.tokens) / self._each_second)
                raise TooManyRequests(f"Too many requests: wait {wait} s before the next", retry_after=wait)
            client.tokens -= 1
            client.running += 1
        try:
            yield
        finally:
            with self._lock:
                client.running -= 1

    def __len__(self) -> int:
        return len(self._clients)

    def _present(self, key: str) -> _Client:
        now = self._clock()
        client = self._clients.get(key) or _Client(self._burst, now)
        client.tokens = min(self._burst, client.tokens + (now - client.at) * self._each_second)
        client.at = now
        self._clients[key] = client
        self._clients.move_to_end(key)
        while len(self._clients) > _MOST:
            self._clients.popitem(last=False)
        return client


@cache_short(entries=4096, longest=_LONGEST)
def network(address: str, bits: int = _OWN_BITS) -> str:
    """The name by which a client is told apart: of IPv6 its whole network, of so many bits."""
    found = _parsed(address)
    if found is None:
        return address[:_LONGEST]  # a proxy may hand on whatever it was told
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, bits), strict=False))


def is_among(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is one of these, or in one of these networks; "*" has all of them."""
    found = _parsed(address)
    for one in networks:
        with suppress(ValueError):
            if one in ("*", address) or (found and found in ipaddress.ip_network(one, strict=False)):
                return True
    return False


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; one of IPv4 also where a socket of IPv6 gives it (RFC 4291, section 2.5.5.2)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
