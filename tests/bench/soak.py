"""Run a mixed load for some time: memory must stay flat, and every request must get an expected status.

Clients with eight addresses send lookups, heavy and invalid queries, request pages, check records, and disconnect
early. The server and the workers are judged separately, and at rest: after each interval, the load pauses, since a heavy
query needs memory while it runs. Of the workers, only those that were there at the rest before are judged. Queries that
exceed a limit end their workers, so the number of new ones varies. A cache that fills grows ever more slowly; a leak
does not.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from served import Server, projects_of, released, served
from served.attacks import HEAVY
from served.client import Address, ask, connect, exchange, look_up, request

from cybilgraph.sparql import queries

EVERY = 30.0
#: Seconds from the end of the last request until memory is measured, in which cancelled queries end.
REST = 2.0
#: Clients, each with an address of its own.
SOURCES = [f"127.0.0.{number}" for number in range(2, 10)]
#: The last third of a run may use this many bytes more than the second third, or grow by at most this share of the
#: previous growth, as a cache that fills does. The longer a run, the smaller the leaks that it detects.
MAX_GROWTH_BYTES = 16_000_000
MAX_GROWTH_RATIO = 0.6
_EXAMPLES = [queries.load_query(query.name).text for query in queries.example_queries()]
_RECORD = (Path(__file__).parents[2] / "data" / "records" / "belize-G0020.txt").read_bytes()
_numbers = itertools.count()


class MixedLoad:
    """The mixed load: kinds of requests, and the outcomes of each."""

    def __init__(self, address: Address, iris: list[str]) -> None:
        self._address = address
        self._iris = iris
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.slowest: defaultdict[str, float] = defaultdict(float)
        self._turns = threading.Semaphore(len(SOURCES))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait until all requests have ended, and send none within the block."""
        for _ in SOURCES:
            self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release(len(SOURCES))

    def run_client(self, source: str, ended: threading.Event) -> None:
        """Send the requests of one client in random order."""
        random_numbers = random.Random(source)
        kinds: list[Callable[[random.Random, str], None]] = [self._heavy, self._bad, self._leave, self._check]
        while not ended.wait(random_numbers.random() * 0.05):
            usual = random_numbers.random() < 0.8
            kind = (
                random_numbers.choice([self._look_up, self._look_up, self._example, self._page])
                if usual
                else random_numbers.choice(kinds)
            )
            try:
                with self._turns:
                    kind(random_numbers, source)
            except OSError as error:
                self.wrong.append(f"{kind.__name__}: {type(error).__name__}: {error}")

    def _expect(self, kind: str, sent: bytes, source: str, *statuses: int) -> None:
        reply = exchange(self._address, sent, wait=60, source=source)
        self.outcomes[f"{kind} {reply.status}"] += 1
        self.seconds[kind] += reply.seconds
        self.slowest[kind] = max(self.slowest[kind], reply.seconds)
        if reply.status not in statuses:
            self.wrong.append(f"{kind}: {reply.status} {reply.body[:150]!r}")

    def _look_up(self, random_numbers: random.Random, source: str) -> None:
        self._expect("lookup", look_up(self._address, random_numbers.choice(self._iris)), source, 200)

    def _example(self, random_numbers: random.Random, source: str) -> None:
        number = f"\n# {next(_numbers)}" if random_numbers.random() < 0.2 else ""
        accept = "text/turtle, application/sparql-results+json, text/csv;q=0.1"
        self._expect(
            "example", ask(self._address, random_numbers.choice(_EXAMPLES) + number, accept=accept), source, 200
        )

    def _page(self, random_numbers: random.Random, source: str) -> None:
        iri = random_numbers.choice(self._iris)
        page = Address(self._address.port, iri[iri.index("/id/") :] if "/id/" in iri else "/")
        self._expect("page", request(page, accept="text/html"), source, 200)

    def _heavy(self, random_numbers: random.Random, source: str) -> None:
        query, _ = HEAVY[random_numbers.choice(list(HEAVY))]
        sent = ask(self._address, f"{query} # {next(_numbers)}", random_numbers.choice([0.3, 1.0]), accept="*/*")
        self._expect("heavy", sent, source, 200, 400, 422, 429, 503, 504)

    def _bad(self, random_numbers: random.Random, source: str) -> None:
        query = random_numbers.choice(
            ["SELECT", "ASK { ?a ex:b ?c }", "CLEAR ALL", "ASK { SERVICE <http://127.0.0.1:9/> {} }"]
        )
        self._expect("bad", ask(self._address, f"{query} # {next(_numbers)}"), source, 400, 403)

    def _check(self, random_numbers: random.Random, source: str) -> None:
        check = Address(self._address.port, "/api/check")
        changed = _RECORD.replace(b"Belize", f"Belize{next(_numbers)}".encode(), 1)
        sent = request(check, "POST", body=changed, accept="application/json", content_type="text/plain")
        self._expect("check", sent, source, 200, 422, 429, 503)

    def _leave(self, random_numbers: random.Random, source: str) -> None:
        with connect(self._address, source=source) as connection:
            connection.sendall(ask(self._address, f"SELECT * {{ ?a ?b ?c }} # {next(_numbers)}"))
            time.sleep(random_numbers.random() * 0.3)
        self.outcomes["left"] += 1


@dataclass(frozen=True, slots=True)
class Thirds:
    """The median memory of each third of the run, in bytes."""

    first: float
    second: float
    last: float

    @classmethod
    def of(cls, sizes: list[float]) -> Thirds:
        """Return the medians of at least three successive sizes."""
        third = len(sizes) // 3
        begin = len(sizes) - 3 * third
        return cls(*(statistics.median(sizes[begin + n * third : begin + (n + 1) * third]) for n in range(3)))

    def judged(self) -> tuple[bool, str]:
        """Return whether there is no leak, and the reason."""
        before, grown = self.second - self.first, self.last - self.second
        figures = f"{self.first / 1e6:.0f}, {self.second / 1e6:.0f}, {self.last / 1e6:.0f} MB in thirds"
        if grown <= MAX_GROWTH_BYTES:
            return True, f"{figures}: flat, {grown / 1e6:+.1f} MB of at most {MAX_GROWTH_BYTES / 1e6:.0f}"
        if grown <= MAX_GROWTH_RATIO * before:
            return True, f"{figures}: filling, {grown / 1e6:+.1f} MB after {before / 1e6:+.1f}"
        return False, f"{figures}: growing, {grown / 1e6:+.1f} MB after {before / 1e6:+.1f}"


def watch(server: Server, mixed: MixedLoad, minutes: float) -> tuple[list[float], list[float]]:
    """Return the memory of the server and of its lasting workers after each interval."""
    serving, resting = [], []
    earlier: set[int] = set()
    began = time.perf_counter()
    step = min(EVERY, minutes * 60 / 9)
    while (now := time.perf_counter() - began) < minutes * 60 - step / 2:
        time.sleep(step)
        with mixed.paused():
            time.sleep(REST)
            own, working = server.serving_memory(), server.workers()
        lasting = sum(size for number, size in working.items() if number in earlier)
        serving.append(float(own))
        if earlier:
            resting.append(float(lasting))
        done, wrong = mixed.outcomes.total(), len(mixed.wrong)
        among = f"{len(earlier & working.keys())} of {len(working)} workers"
        sizes = f"{own / 1e6:.0f} MB server, {lasting / 1e6:.0f} MB in {among}"
        earlier = {*working}
        print(f"{now + step:5.0f} s {sizes}; {done:,} requests, {wrong} problems", flush=True)
    return serving, resting


def main(minutes: float, projects: int, data: Path | None) -> int:
    """Run the load and return the number of problems."""
    # A small cache fills within the first quarter, so it does not explain later growth.
    small = ("--cache-bytes", 8_000_000)
    with released(projects, data) as folder, served(folder, "--rate", 100_000, *small) as server:
        mixed, ended = MixedLoad(server.address, projects_of(folder)), threading.Event()
        threads = [threading.Thread(target=mixed.run_client, args=(source, ended)) for source in SOURCES]
        for thread in threads:
            thread.start()
        sizes = watch(server, mixed, minutes)
        ended.set()
        for thread in threads:
            thread.join()
    print(", ".join(f"{number:,}×{kind}" for kind, number in sorted(mixed.outcomes.items())))
    slowest = ", ".join(
        f"{kind} {mixed.seconds[kind] * 1000 / number:.0f} and {mixed.slowest[kind] * 1000:.0f}"
        for kind in mixed.seconds
        if (number := sum(count for name, count in mixed.outcomes.items() if name.startswith(kind)))
    )
    print(f"{len(mixed.wrong)} problems; average and maximum in milliseconds: {slowest}")
    for wrong in mixed.wrong[:10]:
        print("  ", wrong)
    failed = len(mixed.wrong)
    for what, part in zip(("the server", "lasting workers"), sizes, strict=True):
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
