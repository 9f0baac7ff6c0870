"""10,000 records with planted faults of each kind, by both engines: faults found, missed and invented; and the time.

All at once by ours; then some at a time by both, since what pySHACL takes grows faster than their number. It takes
some three hundred milliseconds for each record, and looks at fifty only.

    python tests/bench/planted.py [--full]    with --full at 10,000, fifty at a time: an hour
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cybilgraph.validation import ENGINES, validate
from tests.support.planted import RULES, Planted, records, shapes, sorts, with_context

RECORDS, SAMPLE = 10_000, 50


def measured(engine: str, batches: list[list[Planted]]) -> tuple[float, int]:
    """Milliseconds for a record, and how many faults were missed or invented."""
    seconds, wrong = 0.0, 0
    for batch in batches:
        data = with_context(line for record in batch for line in record.lines)
        wanted = {result.without_messages for record in batch for result in record.broken}
        begun = time.process_time()
        found = {result.without_messages for result in validate(data, shapes(), engine)}
        seconds += time.process_time() - begun
        wrong += print_of(engine, wanted - found, "missed") + print_of(engine, found - wanted, "invented")
    return 1_000 * seconds / sum(map(len, batches)), wrong


def small(number: int) -> list[list[Planted]]:
    """Batches of few records."""
    return [batch for seed in range(number // SAMPLE) for batch in records(SAMPLE, seed)]


def print_of(engine: str, faults: set, what: str) -> int:
    for fault in sorted(faults):
        print(f"  {engine} has {what}: {fault}")
    return len(faults)


def main(full: bool) -> int:
    sorts()  # the samples themselves are not measured
    batches, few = list(records(RECORDS)), small(RECORDS if full else SAMPLE)
    planted = sum(len(record.broken) for batch in batches for record in batch)
    print(f"Planted faults: {planted:,} in {RECORDS:,} records, of {len(RULES)} rules")
    wrong = 0
    each: dict[str, float] = {}
    for engine, chosen in (("fast", batches), *((engine, few) for engine in ENGINES)):
        each[engine], bad = measured(engine, chosen)
        number = sum(map(len, chosen))
        print(f"  {engine:<8} {number:>7,} records {each[engine]:8.2f} ms each   {bad} wrong")
        wrong += bad
    print(f"  The time of pySHACL is {each['pyshacl'] / each['fast']:.1f} × ours")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main("--full" in sys.argv[1:]))
