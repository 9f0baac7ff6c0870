"""Fuzz the targets with coverage guidance: ``python -m tests.fuzz [--minutes MINUTES] [TARGET ...]``.

An input on which a target fails is saved in tests/fuzz/corpus, whose files ``test_corpus.py`` runs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["cybilgraph", "warcio"]):
    from cybilgraph.runtime.spill import keep_in_memory
    from tests.fuzz.targets import MAX_BYTES, MAX_SECONDS, TARGETS, server

CORPUS = Path(__file__).parent / "corpus"
#: Where inputs that reach new code are kept for the next run, and the log of each target.
_GROWN = Path("build/fuzz")
_MAX_MEGABYTES = 1_500


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutate an input; from time to time, repeat a part of it, to find time that is not linear in the length."""
    chosen = random.Random(seed)
    if chosen.random() > 0.001 or len(data) < 2:
        return atheris.Mutate(data, max_size)
    start = chosen.randrange(len(data) - 1)
    part = data[start : chosen.randint(start + 1, min(len(data), start + 100))]
    return (data[:start] + part * (MAX_BYTES // len(part)) + data[start:])[:max_size]


def _recorded(run: Callable[[bytes], None], saved: Path) -> Callable[[bytes], None]:
    """Return a function that runs a target, and saves one input for each place where it fails."""
    known = set[Any]()

    def run_and_record(data: bytes) -> None:
        start = time.process_time()
        problem, place = "", ""
        try:
            run(data)
        except Exception as error:
            problem, place = traceback.format_exc(), repr(traceback.extract_tb(error.__traceback__)[-1])
        if not problem and (took := time.process_time() - start) > MAX_SECONDS:
            problem = place = f"took more than {took // 10 * 10:.0f} seconds"
        if problem and place not in known:
            known.add(place)
            file = saved / hashlib.sha256(data).hexdigest()[:16]
            file.write_bytes(data)
            print(f"FAILED {file}: {problem}", file=sys.stderr, flush=True)

    return run_and_record


def _fuzz(name: str, seconds: float) -> None:
    """Fuzz one target, and end this process."""
    target, saved, grown = TARGETS[name], CORPUS / name, _GROWN / name
    for folder in (saved, grown):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (grown / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [f"-max_total_time={seconds:.0f}", f"-max_len={MAX_BYTES}", "-print_final_stats=1", "-timeout=1200"]
    # Slow inputs are saved by processor time, above.
    limits = [f"-rss_limit_mb={_MAX_MEGABYTES}", "-report_slow_units=1000000", f"-artifact_prefix={saved}/"]
    run = _recorded(target.run, saved)
    atheris.Setup([sys.argv[0], *options, *limits, str(grown), str(saved)], run, custom_mutator=_mutate)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="minutes for each target")
    parser.add_argument("targets", nargs="*")
    given = parser.parse_args()
    keep_in_memory()
    _GROWN.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in given.targets or TARGETS:
        if name == "http":
            server()  # stops with this process; the fuzzer ends its own without cleaning up
        log = _GROWN / f"{name}.log"
        process = os.fork()
        if not process:
            with log.open("wb") as output:
                os.dup2(output.fileno(), 2)
            _fuzz(name, given.minutes * 60)
        _, status, used = os.wait4(process, 0)
        text = log.read_text(errors="replace")
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", text)
        found = text.count("\nFAILED ") + bool(status)
        failed |= bool(found)
        seconds = used.ru_utime + used.ru_stime
        print(
            f"{name}: {runs[1] if runs else '?'} runs, {seconds:.0f} s of processor time, {found} failures", flush=True
        )
    sys.exit(failed and f"See {_GROWN}/*.log")


if __name__ == "__main__":
    main()
