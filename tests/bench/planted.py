"""Validate 10,000 records with planted errors with both engines, and count the errors found, missed and invented.

Our engine validates all at once, then both validate small batches, since the time of pySHACL grows faster than the
number of records. pySHACL takes about 300 ms per record, so it gets only fifty records.

    python tests/bench/planted.py [--full]    with --full, pySHACL gets all 10,000 in batches of fifty: an hour
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
    """Return milliseconds per record, and the number of errors missed or invented."""
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
    """Return small batches of records."""
    return [batch for seed in range(number // SAMPLE) for batch in records(SAMPLE, seed)]


def print_of(engine: str, faults: set, what: str) -> int:
    for fault in sorted(faults):
        print(f"  {engine} has {what}: {fault}")
    return len(faults)


def main(full: bool) -> int:
    sorts()  # generating the samples is not measured
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
