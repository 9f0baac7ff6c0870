"""Measure how fast RDF is validated with our shapes, compared with pySHACL in the same run.

There are two kinds of records in N-Triples, each with its statements together: short ones, as in a register, and full
ones of our own. Our engine reads the file, and validates it in batches and across all records with the function that
check and build use, without creating findings. It runs in its own process, whose peak the operating system reports
(getrusage). pySHACL gets a file of short records as one graph, which rdflib reads; reading counts for both. A tenth of
the short records end before they start; both engines must find the same.

    python tests/bench/validation.py [--full]    with --full, ours also gets 100,000 records
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from time import perf_counter

DAY = "2026-11-25"
_FEW, _MANY = 2_000, 100_000


def write_short(number: int, path: Path) -> None:
    """Write records with the facts of a typical register; every tenth ends before it starts."""
    from dataclasses import replace

    from generated import records

    from cybilgraph.model.record import Text
    from cybilgraph.rdf.description import describe

    pattern = list(islice(records(200), 200))
    with path.open("w", encoding="utf-8") as file:
        for count in range(number):
            known = pattern[count % len(pattern)]
            assert known.start
            assert known.end
            year = 2005 + count % 15
            record = replace(
                known,
                code=Text(f"G{count:04}") if count < 10_000 else None,
                slug=Text(f"project-{count}"),
                title=Text(f"Project {count} of {year}"),
                start=replace(known.start, value=f"{year}-03"),
                end=replace(known.end, value=f"{year - 2 if count % 10 == 0 else year + 1}-06"),
                participations=known.participations[:2],
                scopes=(known.values("country")[0], known.values("theme")[0]),
                **dict.fromkeys(("relations", "links", "description", "aim", "context", "outputs", "activities"), ()),
                summary=known.summary[:1],
                outcomes=known.outcomes[:1],
            )
            lines = (line for line in describe(record) if "/scope/" not in line and "checksum" not in line.lower())
            file.write("".join(f"{line}\n" for line in lines) + "\n")


def write_full(number: int, path: Path) -> None:
    from generated import records

    from cybilgraph.rdf.description import describe

    with path.open("w", encoding="utf-8") as file:
        for record in records(number):
            file.write("".join(f"{line}\n" for line in describe(record)) + "\n")


def blocks(path: Path) -> Iterator[list[str]]:
    """Yield the statements of each record."""
    block: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line == "\n":
                yield block
                block = []
            else:
                block.append(line.rstrip("\n"))


def ours(path: Path) -> int:
    """Read and validate a file, and return the number of results."""
    from cybilgraph.validation import validate_batches
    from cybilgraph.validation.record_findings import BATCH_RECORDS, CrossRecordGroups, context_triples

    others, count = context_triples(DAY), 0
    given = blocks(path)
    with CrossRecordGroups(others) as across:
        taken = iter(lambda: list(islice(given, BATCH_RECORDS)), [])
        batches = ((batch, "\n".join([*chain.from_iterable(batch), others])) for batch in taken)
        for batch, results in validate_batches(batches):
            count += len(results)
            for block in batch:
                across.add(block)
        met = (("", "\n".join([*(line for lines, _ in batch for line in lines), others])) for batch in across.batches())
        for _, results in validate_batches(met, cross_record=True):
            count += len(results)
    return count


def theirs(path: Path) -> int:
    """Do the same with pySHACL and one graph, but without the shapes that compare records."""
    from cybilgraph.validation import validate
    from cybilgraph.validation.record_findings import context_triples

    return len(validate(path.read_text(encoding="utf-8") + context_triples(DAY), engine="pyshacl"))


def measured(run: str, path: Path) -> tuple[int, float, float, float]:
    """Run a validation in its own process; return results, wall time, process time and peak memory in MB."""
    begin = perf_counter()
    process = subprocess.Popen([sys.executable, __file__, run, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{run} failed with exit code {process.returncode}")
    return int(output), perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(full: bool) -> None:
    print(
        f"{'validating':26} {'triples':>10} {'results':>8} {'wall s':>7} {'process s':>10} {'peak MB':>8}", flush=True
    )
    with tempfile.TemporaryDirectory() as name:
        rows = [("thin", _FEW), ("full", _FEW), *([("thin", _MANY)] if full else [])]
        seconds = {}
        for kind, number in rows:
            path = Path(name) / f"{kind}-{number}.nt"
            subprocess.run([sys.executable, __file__, f"--write-{kind}", str(number), path], check=True)
            with path.open(encoding="utf-8") as file:
                triples = sum(line != "\n" for line in file)
            for engine in ("ours", "pyshacl") if (kind, number) == rows[0] else ("ours",):
                count, wall, process, peak = measured(f"--{engine}", path)
                label = f"{number:,} {kind}, {engine}"
                print(f"{label:26} {triples:10,} {count:8,} {wall:7.1f} {process:10.1f} {peak:8.0f}", flush=True)
                seconds.setdefault((kind, number), {})[engine] = (count, wall, process)
    both = seconds[rows[0]]
    assert both["ours"][0] == both["pyshacl"][0], "the engines differ"
    print(
        f"pySHACL takes {both['pyshacl'][2] / both['ours'][2]:.0f} times the process time, start and reading included"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write-thin", number, path]:
            write_short(int(number), Path(path))
        case ["--write-full", number, path]:
            write_full(int(number), Path(path))
        case ["--ours", path]:
            print(ours(Path(path)))
        case ["--pyshacl", path]:
            print(theirs(Path(path)))
        case rest:
            main("--full" in rest)
