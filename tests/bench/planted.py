"""10,000 records with planted faults of each kind, by both engines: what is found, missed, invented; and the time.

pySHACL takes some three hundred milliseconds for each record, and looks at fifty only.

    python tests/bench/planted.py [--full]    with --full at all of them, some at a time: an hour
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cybilgraph.validation import ENGINES, validate
from tests.planted import RULES, Planted, others, records, shapes, sorts

RECORDS, SAMPLE = 10_000, 50


def measured(engine: str, batches: list[list[Planted]]) -> tuple[float, int]:
    """Milliseconds for a record, and how many faults were missed or invented."""
    seconds, wrong = 0.0, 0
    for batch in batches:
        data = "\n".join([*(line for record in batch for line in record.lines), others()])
        wanted = {result.fault for record in batch for result in record.broken}
        begun = time.process_time()
        found = {result.fault for result in validate(data, shapes(), engine)}
        seconds += time.process_time() - begun
        wrong += print_of(engine, wanted - found, "missed") + print_of(engine, found - wanted, "invented")
    return 1_000 * seconds / sum(map(len, batches)), wrong


def small(number: int) -> list[list[Planted]]:
    """Batches of few records: what pySHACL takes grows faster than their number."""
    return [batch for seed in range(number // SAMPLE) for batch in records(SAMPLE, seed)]


def print_of(engine: str, faults: set, what: str) -> int:
    for fault in sorted(faults):
        print(f"  {engine} has {what}: {fault}")
    return len(faults)


def main(full: bool) -> int:
    sorts()  # the samples themselves are not measured
    batches = list(records(RECORDS))
    planted = sum(len(record.broken) for batch in batches for record in batch)
    print(f"Planted faults: {planted:,} in {RECORDS:,} records, of {len(RULES)} rules")
    times, wrong = {}, 0
    for engine in ENGINES:
        chosen = batches if engine == "fast" else small(RECORDS if full else SAMPLE)
        times[engine], bad = measured(engine, chosen)
        number = sum(map(len, chosen))
        print(
            f"  {engine:<8} {number:>7,} records {times[engine]:8.2f} ms each   {times[engine] / times['fast']:6.1f} ×   {bad} wrong"
        )
        wrong += bad
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main("--full" in sys.argv[1:]))
