"""Attack a server with hostile queries and requests, many clients, slow clients, and clients that disconnect.

Each attack must get an expected status at most a second after its deadline, while another client gets fast responses
to its lookups. Memory must stay within its limit, and the server must not send requests. All attacks come from one
client, the lookups from another (127.0.0.2).

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
from served.client_attacks import ALIVE, CLIENT_ATTACKS, PARALLEL_ATTACKS, Outcome
from served.scans import refused, scans

from cybilgraph.sparql.guard import MAX_QUERY_BYTES

#: The limit of the 99th percentile of the other client's lookups, in seconds.
MAX_LOOKUP_SECONDS = 0.25
#: How long both clients are measured without attacks, in seconds, and how many more of 1,000 requests may miss their
#: deadline during scans than without, since other processes also use the machine.
QUIET_SECONDS, MAX_EXTRA_MISSES = 10.0, 5
#: The number of scans sent at once.
SCANS_AT_ONCE = 4
#: The number of refused queries and their size; how many are sent before memory is first measured; and by how many
#: bytes it may grow after that.
REFUSALS, REFUSED_BYTES, WARM_UP_REFUSALS, MAX_GROWTH_BYTES = 10_000, MAX_QUERY_BYTES, 1_000, 30_000_000
#: How much the memory of all processes may grow, in bytes: by 0.4 GB for the server and its cache, and by 2 GB, the
#: limit of a query, for each of three workers.
MAX_MEMORY_GROWTH_BYTES = 400_000_000 + 3 * 2_000_000_000


class Watch(threading.Thread):
    """Sample the memory of a server until ``stop`` is called."""

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
    """Run all attacks whose names contain ``words``, and yield their names and outcomes."""
    parallel: dict[str, Outcome] = {}

    def run(name: str) -> None:
        parallel[name] = PARALLEL_ATTACKS[name](address)

    threads = [threading.Thread(target=run, args=(name,)) for name in PARALLEL_ATTACKS if words in name]
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
    yield from parallel.items()


def measure_scans(address: Address, iris: list[str]) -> list[str]:
    """Send texts that are slow to scan, measure other requests meanwhile, and return the problems."""
    with Monitor(address) as alive, OtherClient(address, iris) as other:
        time.sleep(QUIET_SECONDS)
    quiet = [_missed(alive, ALIVE), _missed(other, MAX_LOOKUP_SECONDS)]
    print(f"quiet: {_summary(alive, other)}", flush=True)
    wrong, number, began = [], 0, time.perf_counter()
    with Monitor(address) as alive, OtherClient(address, iris) as other:
        attacks = [*scans(address)]
        with ThreadPoolExecutor(SCANS_AT_ONCE) as threads:
            for attack, (outcome, seconds, fault) in zip(
                attacks, threads.map(lambda attack: attack.verdict(address), attacks), strict=True
            ):
                number += 1
                if fault or seconds > MAX_LOOKUP_SECONDS:
                    print(f"{attack.name:60.60} {outcome:8} {seconds:6.2f} s  {fault or 'ok'}", flush=True)
                wrong += [attack.name] if fault else []
    print(f"{number} scans in {time.perf_counter() - began:.0f} s: {_summary(alive, other)}", flush=True)
    for name, prober, deadline, before in (
        ("healthz", alive, ALIVE, quiet[0]),
        ("lookups", other, MAX_LOOKUP_SECONDS, quiet[1]),
    ):
        if _missed(prober, deadline) > before + MAX_EXTRA_MISSES:
            wrong.append(f"{name} during scans")
    return wrong


def _missed(prober: Monitor | OtherClient, deadline: float) -> float:
    """Return how many of 1,000 requests missed their deadline."""
    return 1000 * prober.missed(deadline) / max(len(prober.seconds), 1)


def _summary(alive: Monitor, other: OtherClient) -> str:
    return (
        f"/healthz exceeded {ALIVE:g} s in {alive.missed(ALIVE)} of {len(alive.seconds)} requests (99th percentile "
        f"{alive.within(0.99) * 1000:.0f} ms, maximum {alive.within(1) * 1000:.0f} ms), "
        f"lookups exceeded {MAX_LOOKUP_SECONDS:g} s "
        f"in {other.missed(MAX_LOOKUP_SECONDS)} of {len(other.seconds)} requests (99th percentile "
        f"{other.within(0.99) * 1000:.0f} ms, maximum {other.within(1) * 1000:.0f} ms)"
    )


def measure_retained_memory(server: Server) -> list[str]:
    """Send many queries of the maximum size that are refused; return a problem if the server retains memory."""

    def refuse(number: int) -> None:
        with connect(server.address, 30) as connection:
            for _ in range(number):
                connection.sendall(refused(server.address, REFUSED_BYTES))
                status, _, body = receive(connection, "POST")
                if status != 403:
                    raise RuntimeError(f"a query to be refused got {status}: {body[:200]!r}")

    refuse(WARM_UP_REFUSALS)
    before, began = server.serving_memory(), time.perf_counter()
    threads = [threading.Thread(target=refuse, args=(REFUSALS // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    exchange(server.address, look_up(server.address, "https://example.org/none"))
    seconds, after = time.perf_counter() - began, server.serving_memory()
    print(
        f"{REFUSALS:,} queries of {REFUSED_BYTES:,} bytes refused in {seconds:.0f} s: the server had "
        f"{before / 1e6:.0f} MB before and {after / 1e6:.0f} MB afterwards",
        flush=True,
    )
    return ["memory after refusals"] if after > before + MAX_GROWTH_BYTES else []


def main(projects: int, data: Path | None, words: str) -> int:
    """Run the attacks, print the outcomes, and return the number of problems."""
    wrong = []
    trap = Trap()
    with released(projects, data) as folder, served(folder) as server:
        address, began = server.address, time.perf_counter()
        if words in "scans":
            wrong += measure_scans(address, projects_of(folder))
        if words in "refusals":
            wrong += measure_retained_memory(server)
        watch = Watch(server)
        with OtherClient(address, projects_of(folder)) as other:
            number = 0
            for name, (outcome, seconds, fault) in outcomes(address, trap, words):
                number += 1
                fault = "; ".join(filter(None, (fault, "the server sent a request" if trap.caught else "")))
                wrong += [name] if fault else []
                print(f"{name:36} {outcome:24} {seconds:6.2f} s  {fault or 'ok'}", flush=True)
        watch.stop()
    p50, p99, most = (other.within(share) for share in (0.5, 0.99, 1))
    print(f"\n{number} attacks in {time.perf_counter() - began:.0f} s, problems: {', '.join(wrong) or 'none'}")
    print(f"{len(other.seconds)} lookups of another client, {len(other.failures)} failed: median", end=" ")
    print(f"{p50 * 1000:.0f} ms, 99th percentile {p99 * 1000:.0f} ms, maximum {most * 1000:.0f} ms")
    for failure in other.failures[:5]:
        print("  ", failure)
    print(f"memory {watch.first / 1e6:.0f} MB before, {watch.peak / 1e6:.0f} MB at most")
    slow, large = p99 > MAX_LOOKUP_SECONDS, watch.peak > watch.first + MAX_MEMORY_GROWTH_BYTES
    return len(wrong) + len(other.failures) + slow + large


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=2_000)
    parser.add_argument("--data", type=Path, help="keep the generated data in this folder, and reuse it")
    parser.add_argument("--only", default="", help="only attacks whose names contain these words")
    given = parser.parse_args()
    sys.exit(bool(main(given.projects, given.data, given.only)))
