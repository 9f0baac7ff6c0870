"""Measure how much memory ``cybilgraph convert`` needs to write N-Triples, and how it grows with the records.

Each conversion runs in its own process, whose peak the operating system reports (getrusage): once from a CSV table,
once from a folder with one text page per record. There is no peer.

    python tests/bench/memory.py [--full]    with --full, also 100,000 records, which takes some minutes
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter

CONVERT = [sys.executable, "-c", "from cybilgraph.cli import main; main()", "convert", "-f", "ntriples"]


def convert(source: Path, output: Path) -> tuple[float, float, float]:
    """Return peak memory in MB, process time and wall time of a conversion. Raises RuntimeError if it fails."""
    begin = perf_counter()
    process = subprocess.Popen([*CONVERT, "-o", output, source], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"convert failed with exit code {process.returncode}")
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, perf_counter() - begin


def make(kind: str, number: int, path: Path) -> None:
    """Write a source, in its own process, because the peak of a child starts at that of its parent."""
    from generated import records, write_pages

    from cybilgraph.rdf.forms import write_csv

    if kind == "CSV":
        path.write_bytes(write_csv(records(number)))
    else:
        path.mkdir()
        write_pages(number, path)


def main(numbers: list[int]) -> None:
    """Measure conversions of each number of records from each kind of source."""
    print(f"{'source':8} {'records':>8} {'peak MB':>8} {'process s':>10} {'wall s':>7} {'records/s':>10}")
    for kind, suffix in (("CSV", ".csv"), ("folder", "")):
        peaks = []
        for number in numbers:
            with tempfile.TemporaryDirectory() as name:
                source = Path(name) / f"records{suffix}"
                subprocess.run([sys.executable, __file__, "--make", kind, str(number), source], check=True)
                peak, process, wall = convert(source, Path(name) / "out.nt")
            print(f"{kind:8} {number:8,} {peak:8.1f} {process:10.1f} {wall:7.1f} {number / process:10,.0f}", flush=True)
            peaks.append((number, peak))
        for (few, low), (many, high) in pairwise(peaks):
            print(
                f"{kind:8} from {few:,} to {many:,} records: {(high - low) * 1024 / (many - few):.2f} kB more a record"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main([1_000, 10_000, *([100_000] if "--full" in sys.argv else [])])
