"""Compare converting a table of projects to N-Triples with Morph-KGC, an RML engine in Python.

Both run from the command line in their own processes, Morph-KGC once with one process and once with its default
number. The comparison favours the peer: its tables, written before timing starts, have one value per cell, and keys
instead of names, while our command reads the table that people fill in and resolves names. Each triple in a sample of
the peer's output must be in ours.

Morph-KGC cannot share an environment with the product (it needs an older rdflib and pyoxigraph):
``make bench`` installs it into .venv-bench.

    python tests/bench/csv_morph_kgc.py [NUMBER_OF_PROJECTS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pyoxigraph as ox
from generated import ROOT, records
from generated.mapping import mapping, write_tables

from cybilgraph.rdf.forms import write_csv

PEER = ROOT / ".venv-bench" / "bin" / "python"
OURS = [sys.executable, "-c", "from cybilgraph.cli import main; main()", "convert", "--stated-only", "-f", "ntriples"]
#: One in this many of the peer's subjects is compared.
SAMPLE = 10


def run(command: list[str | Path]) -> tuple[float, float]:
    """Run a command; return its process time (with child processes) and wall time. Raises RuntimeError if it fails."""
    if not Path(command[0]).exists():
        raise RuntimeError(f"{command[0]} is not installed (make bench installs it if it can reach a package registry)")
    before, begin = os.times(), perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    after, end = os.times(), perf_counter()
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, end - begin


def write_configuration(folder: Path, output: Path, processes: str) -> Path:
    """Write a configuration of Morph-KGC; if ``processes`` is empty, Morph-KGC uses its default."""
    path = output.with_suffix(".ini")
    lines = ["[CONFIGURATION]", f"output_file: {output}", "output_format: N-TRIPLES", "logging_level: ERROR", processes]
    path.write_text("\n".join([*lines, "[projects]", f"mappings: {folder / 'mapping.ttl'}"]), encoding="utf-8")
    return path


def triples(path: Path) -> set[ox.Triple]:
    return {quad.triple for quad in ox.parse(path=path, format=ox.RdfFormat.N_TRIPLES)}


def compare(ours: Path, peer: Path) -> tuple[int, int]:
    """Return the numbers of triples. Raises AssertionError if a sampled triple of the peer is missing from ours."""
    have, theirs = triples(ours), triples(peer)
    subjects = sorted({str(triple.subject) for triple in theirs})[::SAMPLE]
    wanted = set(subjects)
    lost = [triple for triple in theirs if str(triple.subject) in wanted and triple not in have]
    assert not lost, f"{len(lost)} triples of the peer are missing from ours, such as {lost[0]}"
    print(f"sample: all triples of {len(subjects):,} subjects of the peer's are in ours")
    return len(have), len(theirs)


def main(number: int) -> None:
    """Write the tables, run both programs, compare and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, ours = folder / "projects-in-one-table.csv", folder / "ours.nt"
        generated = list(records(number))
        table.write_bytes(write_csv(generated))
        print(f"{number:,} projects in a table of {table.stat().st_size / 1e6:.1f} MB → N-Triples")
        process, wall = run([*OURS, "-o", ours, table])
        results = {"cybilgraph": (process, wall)}
        write_tables(generated, folder)
        (folder / "mapping.ttl").write_text(mapping(folder, table), encoding="utf-8")
        try:
            for label, processes in (("Morph-KGC, 1 process", "number_of_processes: 1"), ("Morph-KGC, default", "")):
                output = folder / f"peer-{len(results)}.nt"
                results[label] = run([PEER, "-m", "morph_kgc", write_configuration(folder, output, processes)])
        except RuntimeError as error:
            print(f"cybilgraph: {process:.2f} process s, {wall:.2f} wall s; not compared with Morph-KGC: {error}")
            return
        show(results, *compare(ours, folder / "peer-1.nt"))


def show(results: dict[str, tuple[float, float]], have: int, theirs: int) -> None:
    """Print times, rates and ratios; the first result is ours."""
    _, wall = results["cybilgraph"]
    print(
        f"{'':21} {'process s':>9} {'wall s':>7} {'triples':>10} {'triples/s':>10} {'ratio: wall':>12} {'per triple':>11}"
    )
    for label, (used, seconds) in results.items():
        count = have if label == "cybilgraph" else theirs
        figures = f"{used:9.2f} {seconds:7.2f} {count:10,} {count / seconds:10,.0f}"
        print(f"{label:21} {figures} {seconds / wall:12.2f} {have / wall / (count / seconds):11.2f}")
    print("ratio: how many times as fast as the peer; above 1, ours is faster")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
