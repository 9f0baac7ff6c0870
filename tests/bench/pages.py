"""Measure how fast pages become triples: each stage by itself, then the last one against plain rdflib.

Our last stage describes records and writes N-Triples. rdflib gets the same triples, ready-made: it only adds them to a
graph and writes N-Triples. Reference data and patterns are loaded before the clock starts. Process time counts only
this process, which uses one core.

    python tests/bench/pages.py [NUMBER_OF_PAGES]
"""

from __future__ import annotations

import gc
import io
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

from generated import page, write_pages
from rdflib import Graph

from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import Record
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import Input, find_inputs, read_input

NTRIPLES = BY_NAME["ntriples"]
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float, float]:
    """Return the result, the process time and the wall time."""
    gc.collect()
    wall, process = perf_counter(), process_time()
    result = work()
    return result, process_time() - process, perf_counter() - wall


def read_all(folder: Path) -> list[Record]:
    """Read all records of a folder."""
    return [record for source in find_inputs([folder]) for record in read_input(source)]


def write_ours(records: Iterable[Record]) -> bytes:
    """Describe records and write N-Triples as ``convert`` does."""
    output = io.BytesIO()
    with Identities() as identities, Assembly(identities) as assembly:
        for record in records:
            assembly.add(record, describe(record))
        serialise(assembly.blocks(history=False), NTRIPLES, output)
    return output.getvalue()


def write_peer(triples: Graph) -> bytes:
    """Add triples to a graph of rdflib, and write N-Triples."""
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    return graph.serialize(format="nt", encoding="utf-8")


def stages(folder: Path) -> list[Record]:
    """Measure reading, deriving and describing, each by itself; return the records."""
    records, *read_times = timed(lambda: read_all(folder))
    derived, *derive_times = timed(lambda: [derive(record) for record in records])
    described, *describe_times = timed(lambda: [describe(record) for record in derived])
    number, statements = len(records), sum(map(len, described))
    print(f"{'stage':10} {'process s':>9} {'wall s':>7} {'records/s':>10} {'ms a record':>12}")
    times = {"read": read_times, "derive": derive_times, "describe": describe_times}
    times["together"] = [sum(each) for each in zip(*times.values(), strict=True)]
    for name, (process, wall) in times.items():
        print(f"{name:10} {process:9.2f} {wall:7.2f} {number / process:10,.0f} {process / number * 1000:12.3f}")
    process = times["together"][0]
    print(f"{statements:,} statements, {statements / number:.0f} a record, {statements / process:,.0f} a second")
    return derived


def compare(records: list[Record]) -> None:
    """Measure our last stage and rdflib's, and print times and ratio."""
    written, *ours = timed(lambda: write_ours(records))
    triples = Graph().parse(data=written, format="nt")
    _, *peer = timed(lambda: write_peer(triples))
    print(f"\nrecords → N-Triples: {len(triples):,} triples, which rdflib gets ready-made")
    for name, (process, wall) in (("cybilgraph", ours), ("rdflib", peer)):
        print(f"{name:10} {process:9.2f} {wall:7.2f}   process s, wall s; {len(triples) / process:,.0f} triples/s")
    print(f"{'ratio':10} {peer[0] / ours[0]:9.2f} {peer[1] / ours[1]:7.2f}   times as fast as rdflib")


def main(number: int) -> None:
    """Generate pages and measure."""
    write_ours(derive(record) for record in read_input(Input("first.txt", data=page(0).encode())))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pages(number, folder)
        size = sum(path.stat().st_size for path in folder.rglob("*.txt"))
        print(f"{number:,} pages of text, {size / number:,.0f} bytes each")
        compare(stages(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
