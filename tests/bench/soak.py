"""Mixed load for a while: is memory flat, and does every request end as it should?

Clients of eight addresses look up, ask heavy and bad queries, read pages, have records checked, and go
away in the middle. Memory is that of all processes, what they share divided between them.

    python tests/bench/soak.py [--minutes 0.7] [--projects 1000] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from served import Server, projects_of, released, served
from served.attacks import HEAVY
from served.client import Address, ask, connect, exchange, look_up, request

from cybilgraph import queries

EVERY = 30.0
#: Bytes more in an hour that are flat: what fills caches is done by the first quarter.
FLAT = 60_000_000
#: Memory of the kept answers and of a long query come and go: a difference within this tells nothing.
NOISE = 40_000_000
_EXAMPLES = [queries.load(query.name).text for query in queries.examples()]
_RECORD = (Path(__file__).parents[2] / "data" / "records" / "belize-G0020.txt").read_bytes()
_numbers = itertools.count()


class Mixed:
    """The kinds of requests, and what came of each."""

    def __init__(self, address: Address, iris: list[str]) -> None:
        self._address = address
        self._iris = iris
        self.came: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.slowest: defaultdict[str, float] = defaultdict(float)

    def go_on(self, source: str, ended: threading.Event) -> None:
        """Requests of one client, in no order."""
        chance = random.Random(source)
        kinds: list[Callable[[random.Random, str], None]] = [self._heavy, self._bad, self._leave, self._check]
        while not ended.wait(chance.random() * 0.05):
            usual = chance.random() < 0.8
            kind = (
                chance.choice([self._look_up, self._look_up, self._example, self._page])
                if usual
                else chance.choice(kinds)
            )
            try:
                kind(chance, source)
            except OSError as error:
                self.wrong.append(f"{kind.__name__}: {type(error).__name__}: {error}")

    def _expect(self, kind: str, sent: bytes, source: str, *statuses: int) -> None:
        reply = exchange(self._address, sent, wait=60, source=source)
        self.came[f"{kind} {reply.status}"] += 1
        self.seconds[kind] += reply.seconds
        self.slowest[kind] = max(self.slowest[kind], reply.seconds)
        if reply.status not in statuses:
            self.wrong.append(f"{kind}: {reply.status} {reply.body[:150]!r}")

    def _look_up(self, chance: random.Random, source: str) -> None:
        self._expect("look-up", look_up(self._address, chance.choice(self._iris)), source, 200)

    def _example(self, chance: random.Random, source: str) -> None:
        number = f"\n# {next(_numbers)}" if chance.random() < 0.2 else ""
        accept = "text/turtle, application/sparql-results+json, text/csv;q=0.1"
        self._expect("example", ask(self._address, chance.choice(_EXAMPLES) + number, accept=accept), source, 200)

    def _page(self, chance: random.Random, source: str) -> None:
        iri = chance.choice(self._iris)
        page = Address(self._address.port, iri[iri.index("/id/") :] if "/id/" in iri else "/")
        self._expect("page", request(page, accept="text/html"), source, 200)

    def _heavy(self, chance: random.Random, source: str) -> None:
        query, _ = HEAVY[chance.choice(list(HEAVY))]
        sent = ask(self._address, f"{query} # {next(_numbers)}", chance.choice([0.3, 1.0]), accept="*/*")
        self._expect("heavy", sent, source, 200, 400, 422, 429, 503, 504)

    def _bad(self, chance: random.Random, source: str) -> None:
        query = chance.choice(["SELECT", "ASK { ?a ex:b ?c }", "CLEAR ALL", "ASK { SERVICE <http://127.0.0.1:9/> {} }"])
        self._expect("bad", ask(self._address, f"{query} # {next(_numbers)}"), source, 400, 403)

    def _check(self, chance: random.Random, source: str) -> None:
        check = Address(self._address.port, "/api/check")
        changed = _RECORD.replace(b"Belize", f"Belize{next(_numbers)}".encode(), 1)
        sent = request(check, "POST", body=changed, accept="application/json", content_type="text/plain")
        self._expect("check", sent, source, 200, 422, 429, 503)

    def _leave(self, chance: random.Random, source: str) -> None:
        with connect(self._address, source=source) as connection:
            connection.sendall(ask(self._address, f"SELECT * {{ ?a ?b ?c }} # {next(_numbers)}"))
            time.sleep(chance.random() * 0.3)
        self.came["left"] += 1


def slope(points: list[tuple[float, float]]) -> float:
    """Of a straight line through points: the middle one of those between any two (Theil and Sen), so that a long
    query at the moment of a look tells nothing.
    """
    steps = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in itertools.combinations(points, 2)]
    return statistics.median(steps) if steps else 0.0


def watch(server: Server, mixed: Mixed, minutes: float) -> list[tuple[float, float]]:
    """Seconds and bytes, twice in each line that is printed; a line each half minute."""
    points = []
    began = time.perf_counter()
    step = min(EVERY, minutes * 60 / 8)
    while (now := time.perf_counter() - began) < minutes * 60:
        time.sleep(step)
        sizes = server.memory()
        points.append((now + step, sum(sizes.values())))
        parts = " ".join(f"{size / 1e6:.0f}" for size in sorted(sizes.values(), reverse=True))
        done, wrong = mixed.came.total(), len(mixed.wrong)
        print(
            f"{now + step:5.0f} s {points[-1][1] / 1e6:7.1f} MB = {parts}; {done:,} requests, {wrong} wrong", flush=True
        )
    return points


def main(minutes: float, projects: int, data: Path | None) -> int:
    """Gives the number of things that are wrong."""
    # A small cache is full within the first quarter: what it then still takes is no growth of the cache.
    small = ("--cache-bytes", 8_000_000)
    with released(projects, data) as folder, served(folder, "--rate", 100_000, *small) as server:
        mixed, ended = Mixed(server.address, projects_of(folder)), threading.Event()
        sources = [f"127.0.0.{number}" for number in range(2, 10)]
        threads = [threading.Thread(target=mixed.go_on, args=(source, ended)) for source in sources]
        for thread in threads:
            thread.start()
        points = watch(server, mixed, minutes)
        ended.set()
        for thread in threads:
            thread.join()
    later = points[len(points) // 4 :]
    growth = slope(later)
    seconds = later[-1][0] - later[0][0]
    flat = growth * 3600 < FLAT or growth * seconds < NOISE
    print(", ".join(f"{number:,}×{kind}" for kind, number in sorted(mixed.came.items())))
    slowest = ", ".join(
        f"{kind} {mixed.seconds[kind] * 1000 / number:.0f} and {mixed.slowest[kind] * 1000:.0f}"
        for kind in mixed.seconds
        if (number := sum(count for name, count in mixed.came.items() if name.startswith(kind)))
    )
    print(f"{len(mixed.wrong)} wrong; milliseconds on average and at most: {slowest}")
    for wrong in mixed.wrong[:10]:
        print("  ", wrong)
    print(f"memory after the first quarter: {growth * 60 / 1e6:+.2f} MB a minute, {'flat' if flat else 'it grows'}")
    return len(mixed.wrong) + (not flat)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0.7)
    parser.add_argument("--projects", type=int, default=1_000)
    parser.add_argument("--data", type=Path, help="keep what is made in this folder, and use it again")
    given = parser.parse_args()
    sys.exit(bool(main(given.minutes, given.projects, given.data)))
