"""A server under attack: queries and requests made to hurt, crowds, slow clients, and those who go away.

Each must end in a right status within its deadline and a second, while another client looks things
up all the time and is answered fast; memory stays under its bound, and no request leaves. All
attackers are one client, the one who looks up is another (127.0.0.2).

    python tests/bench/hostile.py [--projects 2000] [--data FOLDER] [--only WORDS]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from served import Server, projects_of, released, served
from served.attacks import queries, requests
from served.client import Address, Neighbour, Trap
from served.crowds import ASIDE, CROWDS, Outcome

#: Of the other client's look-ups, 99 in 100 are answered within so many seconds.
BOUND = 0.25
#: Bytes of memory of all processes: the server with its answers (0.4 GB), the store, and two long queries
#: and those that are paused, each and these together with the most that one may have (2 GB).
MEMORY = 400_000_000 + 3 * 2_000_000_000


class Watch(threading.Thread):
    """Looks at the memory of a server, until it is told to stop."""

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
    for name, crowd in CROWDS.items():
        if words in name:
            yield name, crowd(address)
    for thread in threads:
        thread.join()
    yield from aside.items()


def main(projects: int, data: Path | None, words: str) -> int:
    """Attack, and print what came; gives the number of things that are wrong."""
    wrong = []
    trap = Trap()
    with released(projects, data) as folder, served(folder) as server:
        address, began = server.address, time.perf_counter()
        watch = Watch(server)
        with Neighbour(address, projects_of(folder)) as neighbour:
            number = 0
            for name, (came, seconds, fault) in outcomes(address, trap, words):
                number += 1
                fault = "; ".join(filter(None, (fault, "a request left" if trap.caught else "")))
                wrong += [name] if fault else []
                print(f"{name:36} {came:24} {seconds:6.2f} s  {fault or 'ok'}", flush=True)
        watch.stop()
    p50, p99, most = (neighbour.within(share) for share in (0.5, 0.99, 1))
    print(f"\n{number} attacks in {time.perf_counter() - began:.0f} s, wrong: {', '.join(wrong) or 'none'}")
    print(
        f"{len(neighbour.seconds)} look-ups of another client, {len(neighbour.failures)} failed: half within", end=" "
    )
    print(f"{p50 * 1000:.0f} ms, 99 in 100 within {p99 * 1000:.0f} ms, all within {most * 1000:.0f} ms")
    for failure in neighbour.failures[:5]:
        print("  ", failure)
    print(f"memory {watch.first / 1e6:.0f} MB at first, {watch.peak / 1e6:.0f} MB at most")
    slow, large = p99 > BOUND, watch.peak > watch.first + MEMORY
    return len(wrong) + len(neighbour.failures) + slow + large


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=2_000)
    parser.add_argument("--data", type=Path, help="keep what is made in this folder, and use it again")
    parser.add_argument("--only", default="", help="only attacks whose names have these words")
    given = parser.parse_args()
    sys.exit(bool(main(given.projects, given.data, given.only)))
