"""A server under attack: hostile queries and requests, many clients, slow clients, and clients that disconnect.

Each must end in a right status within its deadline and a second, while another client looks things
up all the time and is answered fast; memory stays under its bound, and no request leaves. All
attackers are one client; the lookups come from another (127.0.0.2).

    python tests/bench/hostile.py [--projects 2000] [--data FOLDER] [--only WORDS]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from served import Server, projects_of, released, served
from served.attacks import queries, requests
from served.client import Address, Monitor, OtherClient, Trap, connect, exchange, look_up, receive
from served.client_attacks import ALIVE, ASIDE, CLIENT_ATTACKS, Outcome
from served.scans import refused, scans

from cybilgraph.sparql.guard import MAX_QUERY_BYTES

#: Of the other client's look-ups, 99 in 100 are answered within so many seconds.
BOUND = 0.25
#: Seconds for which both are measured while nothing else happens; and of 1,000 requests, so many more than then may
#: miss their deadline during scans: other processes of the machine take their time, too.
QUIET, MISSES = 10.0, 5
#: So many of them are sent at once.
AT_ONCE = 4
#: Queries that are refused, their bytes, how many of them come first, and by how many bytes the server may have grown
#: when it has refused them all.
REFUSALS, REFUSED_BYTES, STARTING, GROWN = 10_000, MAX_QUERY_BYTES, 1_000, 30_000_000
#: Bytes of memory of all processes: the server with its answers (0.4 GB), the store, and three times the most that one
#: query may have (2 GB).
MEMORY = 400_000_000 + 3 * 2_000_000_000


class Watch(threading.Thread):
    """Samples the memory of a server until it is stopped."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.first = self.peak = sum(server.memory().values())
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            self.peak = max(self.peak, sum(self._server.memory().values()))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def outcomes(address: Address, trap: Trap, words: str) -> Iterator[tuple[str, Outcome]]:
    """The name and the outcome of each attack."""
    aside: dict[str, Outcome] = {}

    def run(name: str) -> None:
        aside[name] = ASIDE[name](address)

    threads = [threading.Thread(target=run, args=(name,)) for name in ASIDE if words in name]
    for thread in threads:
        thread.start()
    for attack in (*queries(address, trap), *requests(address)):
        if words in attack.name:
            yield attack.name, attack.verdict(address)
    for name, attack_of_clients in CLIENT_ATTACKS.items():
        if words in name:
            yield name, attack_of_clients(address)
    for thread in threads:
        thread.join()
    yield from aside.items()


def scanned(address: Address, iris: list[str]) -> list[str]:
    """Send texts that are slow to scan, while other requests are measured; return the problems."""
    with Monitor(address) as alive, OtherClient(address, iris) as other:
        time.sleep(QUIET)
    quiet = [_missed(alive, ALIVE), _missed(other, BOUND)]
    print(f"quiet: {_summary(alive, other)}", flush=True)
    wrong, number, began = [], 0, time.perf_counter()
    with Monitor(address) as alive, OtherClient(address, iris) as other:
        attacks = [*scans(address)]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for attack, (came, seconds, fault) in zip(
                attacks, threads.map(lambda attack: attack.verdict(address), attacks), strict=True
            ):
                number += 1
                if fault or seconds > BOUND:
                    print(f"{attack.name:60.60} {came:8} {seconds:6.2f} s  {fault or 'ok'}", flush=True)
                wrong += [attack.name] if fault else []
    print(f"{number} scans in {time.perf_counter() - began:.0f} s: {_summary(alive, other)}", flush=True)
    for name, prober, deadline, before in (
        ("healthz", alive, ALIVE, quiet[0]),
        ("look-ups", other, BOUND, quiet[1]),
    ):
        if _missed(prober, deadline) > before + MISSES:
            wrong.append(f"{name} during scans")
    return wrong


def _missed(prober: Monitor | OtherClient, deadline: float) -> float:
    """Of 1,000 requests, how many missed their deadline."""
    return 1000 * prober.missed(deadline) / max(len(prober.seconds), 1)


def _summary(alive: Monitor, other: OtherClient) -> str:
    return (
        f"/healthz missed {ALIVE:g} s {alive.missed(ALIVE)} times of {len(alive.seconds)} (99 in 100 within "
        f"{alive.within(0.99) * 1000:.0f} ms, all within {alive.within(1) * 1000:.0f} ms), look-ups missed {BOUND:g} s "
        f"{other.missed(BOUND)} times of {len(other.seconds)} (99 in 100 within "
        f"{other.within(0.99) * 1000:.0f} ms, all within {other.within(1) * 1000:.0f} ms)"
    )


def retained(server: Server) -> list[str]:
    """Have many queries of the maximum size refused; return the problems with the memory of the server afterwards."""

    def refuse(number: int) -> None:
        with connect(server.address, 30) as connection:
            for _ in range(number):
                connection.sendall(refused(server.address, REFUSED_BYTES))
                status, _, body = receive(connection, "POST")
                if status != 403:
                    raise RuntimeError(f"a query that is refused got {status}: {body[:200]!r}")

    refuse(STARTING)
    before, began = server.memory_by_part()[0], time.perf_counter()
    threads = [threading.Thread(target=refuse, args=(REFUSALS // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    exchange(server.address, look_up(server.address, "https://example.org/none"))
    seconds, after = time.perf_counter() - began, server.memory_by_part()[0]
    print(
        f"{REFUSALS:,} queries of {REFUSED_BYTES:,} bytes refused in {seconds:.0f} s: the server had "
        f"{before / 1e6:.0f} MB before and {after / 1e6:.0f} MB afterwards",
        flush=True,
    )
    return ["memory after refusals"] if after > before + GROWN else []


def main(projects: int, data: Path | None, words: str) -> int:
    """Attack, and print what came; gives the number of things that are wrong."""
    wrong = []
    trap = Trap()
    with released(projects, data) as folder, served(folder) as server:
        address, began = server.address, time.perf_counter()
        if words in "scans":
            wrong += scanned(address, projects_of(folder))
        if words in "refusals":
            wrong += retained(server)
        watch = Watch(server)
        with OtherClient(address, projects_of(folder)) as other:
            number = 0
            for name, (came, seconds, fault) in outcomes(address, trap, words):
                number += 1
                fault = "; ".join(filter(None, (fault, "a request left" if trap.caught else "")))
                wrong += [name] if fault else []
                print(f"{name:36} {came:24} {seconds:6.2f} s  {fault or 'ok'}", flush=True)
        watch.stop()
    p50, p99, most = (other.within(share) for share in (0.5, 0.99, 1))
    print(f"\n{number} attacks in {time.perf_counter() - began:.0f} s, wrong: {', '.join(wrong) or 'none'}")
    print(f"{len(other.seconds)} look-ups of another client, {len(other.failures)} failed: half within", end=" ")
    print(f"{p50 * 1000:.0f} ms, 99 in 100 within {p99 * 1000:.0f} ms, all within {most * 1000:.0f} ms")
    for failure in other.failures[:5]:
        print("  ", failure)
    print(f"memory {watch.first / 1e6:.0f} MB at first, {watch.peak / 1e6:.0f} MB at most")
    slow, large = p99 > BOUND, watch.peak > watch.first + MEMORY
    return len(wrong) + len(other.failures) + slow + large


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=2_000)
    parser.add_argument("--data", type=Path, help="keep the generated data in this folder, and reuse it")
    parser.add_argument("--only", default="", help="only attacks whose names have these words")
    given = parser.parse_args()
    sys.exit(bool(main(given.projects, given.data, given.only)))
