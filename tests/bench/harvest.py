"""Harvest repeatedly over an unreliable connection: each copy must be complete, or the error clear.

Each run harvests three releases of a site through a proxy that cuts, stalls, shortens, corrupts or refuses nearly half
of the responses, or reports that it is busy. The copy is compared with the site after each step.

    python tests/bench/harvest.py [--runs 100] [--first 1000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.publisher import journey, published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first run")
    given = parser.parse_args()
    steps: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, published(Path(folder)) as publisher:
        start = time.perf_counter()
        for seed in range(given.first, given.first + given.runs):
            steps.update(journey(publisher, Path(folder) / f"copy-{seed}", seed))
        seconds = time.perf_counter() - start
    named = {
        "f": "downloaded completely",
        "c": "by changes",
        "u": "unchanged",
        "e": "clear error, copy unchanged",
    }
    print(f"Harvest over an unreliable connection: {given.runs} runs of {sum(steps.values())} steps in {seconds:.0f} s")
    for letter, name in named.items():
        print(f"  {steps[letter]:5,}  {name}")
    print("      0  silent differences")  # a failure would have ended the run


if __name__ == "__main__":
    main()
