"""Mixed load for a while: is memory flat, and does every request end as it should?

Clients of eight addresses look up, ask heavy and bad queries, read pages, have records checked, and go
away in the middle. Memory is what processes have, what they share divided between them. It is judged apart: that of
the processes that serve, and what those that work for them hold when they rest, which is the least of a while, since
a heavy query takes what it needs. A cache that fills slows down; a leak does not.

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
from dataclasses import dataclass
from pathlib import Path

from served import Server, projects_of, released, served
from served.attacks import HEAVY
from served.client import Address, ask, connect, exchange, look_up, request

from cybilgraph.sparql import queries

EVERY = 30.0
#: So many looks at memory in each line that is printed.
LOOKS = 15
#: A third may have so many bytes more than the third before it; or no more than this part of what that one has grown:
#: then it fills. The longer it runs, the smaller a leak is seen.
FLAT = 16_000_000
SLOWER = 0.6
_EXAMPLES = [queries.load_query(query.name).text for query in queries.example_queries()]
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


@dataclass(frozen=True, slots=True)
class Thirds:
    """Bytes in the middle of each third of the time."""

    first: float
    second: float
    last: float

    @classmethod
    def of(cls, sizes: list[float]) -> Thirds:
        """Of sizes one after another, three at least."""
        third = len(sizes) // 3
        begin = len(sizes) - 3 * third
        return cls(*(statistics.median(sizes[begin + n * third : begin + (n + 1) * third]) for n in range(3)))

    def judged(self) -> tuple[bool, str]:
        """Whether that is no leak, and why, in words."""
        before, grown = self.second - self.first, self.last - self.second
        figures = f"{self.first / 1e6:.0f}, {self.second / 1e6:.0f}, {self.last / 1e6:.0f} MB in thirds"
        if grown <= FLAT:
            return True, f"{figures}: flat, {grown / 1e6:+.1f} MB where {FLAT / 1e6:.0f} are allowed"
        if grown <= SLOWER * before:
            return True, f"{figures}: it fills, {grown / 1e6:+.1f} MB after {before / 1e6:+.1f}"
        return False, f"{figures}: it grows, {grown / 1e6:+.1f} MB after {before / 1e6:+.1f}"


def watch(server: Server, mixed: Mixed, minutes: float) -> tuple[list[float], list[float]]:
    """Bytes of what serves, in the middle of each line that is printed, and the least of what works for it."""
    serving, resting = [], []
    began = time.perf_counter()
    step = min(EVERY, minutes * 60 / 9)
    while (now := time.perf_counter() - began) < minutes * 60 - step / 2:
        looks = []
        for look in range(LOOKS):
            time.sleep(max(began + now + (look + 1) * step / LOOKS - time.perf_counter(), 0))
            looks.append(server.memory_by_part())
        own, working = zip(*looks, strict=True)
        serving.append(statistics.median(own))
        resting.append(float(min(working)))
        done, wrong = mixed.came.total(), len(mixed.wrong)
        sizes = f"{serving[-1] / 1e6:.0f} MB serve, {resting[-1] / 1e6:.0f} to {max(working) / 1e6:.0f} work"
        print(f"{time.perf_counter() - began:5.0f} s {sizes}; {done:,} requests, {wrong} wrong", flush=True)
    return serving, resting


def main(minutes: float, projects: int, data: Path | None) -> int:
    """Gives the number of things that are wrong."""
    # A small cache is full within the first quarter, so later growth is not that of the cache.
    small = ("--cache-bytes", 8_000_000)
    with released(projects, data) as folder, served(folder, "--rate", 100_000, *small) as server:
        mixed, ended = Mixed(server.address, projects_of(folder)), threading.Event()
        sources = [f"127.0.0.{number}" for number in range(2, 10)]
        threads = [threading.Thread(target=mixed.go_on, args=(source, ended)) for source in sources]
        for thread in threads:
            thread.start()
        sizes = watch(server, mixed, minutes)
        ended.set()
        for thread in threads:
            thread.join()
    print(", ".join(f"{number:,}×{kind}" for kind, number in sorted(mixed.came.items())))
    slowest = ", ".join(
        f"{kind} {mixed.seconds[kind] * 1000 / number:.0f} and {mixed.slowest[kind] * 1000:.0f}"
        for kind in mixed.seconds
        if (number := sum(count for name, count in mixed.came.items() if name.startswith(kind)))
    )
    print(f"{len(mixed.wrong)} wrong; milliseconds on average and at most: {slowest}")
    for wrong in mixed.wrong[:10]:
        print("  ", wrong)
    failed = len(mixed.wrong)
    for what, part in zip(("what serves", "what works, at rest"), sizes, strict=True):
        good, figures = Thirds.of(part).judged()
        print(f"memory of {what}: {figures}")
        failed += not good
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0.7)
    parser.add_argument("--projects", type=int, default=1_000)
    parser.add_argument("--data", type=Path, help="keep the generated data in this folder, and reuse it")
    given = parser.parse_args()
    sys.exit(bool(main(given.minutes, given.projects, given.data)))
