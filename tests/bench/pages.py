"""Measure how fast pages become triples: each stage alone, then the whole, compared with plain rdflib.

The peer (generated/peer.py) gets the same records, already read and with extracted claims, and creates the same triples
in an rdflib graph; the results are compared. Unlike ours, it neither sorts nor separates what records have in common.
Reference data and patterns are loaded before timing starts. Process time is that of this process only, on one core.

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

import pyoxigraph as ox
from generated import page, write_pages
from generated.peer import Converter

from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import Record
from cybilgraph.pipeline import convert
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import Input, find_inputs, read_input

NTRIPLES = BY_NAME["ntriples"]
Given = TypeVar("Given")


def timed(work: Callable[[], Given]) -> tuple[Given, float, float]:
    """Return the result of ``work``, its process time and its wall time."""
    gc.collect()
    wall, process = perf_counter(), process_time()
    given = work()
    return given, process_time() - process, perf_counter() - wall


def read_all(folder: Path) -> list[Record]:
    return [record for given in find_inputs([folder]) for record in read_input(given)]


def write_ours(records: Iterable[Record]) -> bytes:
    """Convert records to N-Triples as ``convert`` does."""
    output = io.BytesIO()
    with Identities() as identities, Assembly(identities) as assembly:
        for record in records:
            assembly.add(record, describe(record))
        serialise(assembly.blocks(history=False), NTRIPLES, output)
    return output.getvalue()


def write_peer(records: Iterable[Record]) -> bytes:
    """Convert records to N-Triples with rdflib."""
    converter = Converter()
    for record in records:
        converter.add(record)
    return converter.finish().serialize(format="nt", encoding="utf-8")


def whole_ours(folder: Path) -> bytes:
    output = io.BytesIO()
    convert([folder], NTRIPLES, output)
    return output.getvalue()


def whole_peer(folder: Path) -> bytes:
    return write_peer(derive(record) for given in find_inputs([folder]) for record in read_input(given))


def lines(data: bytes) -> set[str]:
    """Return the triples in canonical form."""
    return {str(quad.triple) for quad in ox.parse(data, format=ox.RdfFormat.N_TRIPLES)}


def stages(folder: Path) -> list[Record]:
    """Measure reading, extraction and description separately, and return the records."""
    records, *read_times = timed(lambda: read_all(folder))
    derived, *derive_times = timed(lambda: [derive(record) for record in records])
    described, *describe_times = timed(lambda: [describe(record) for record in derived])
    number, statements = len(records), sum(map(len, described))
    print(f"{'stage':10} {'process s':>9} {'wall s':>7} {'records/s':>10} {'ms/record':>12}")
    stages = {"read": read_times, "derive": derive_times, "describe": describe_times}
    stages["together"] = [sum(times) for times in zip(*stages.values(), strict=True)]
    for name, (process, wall) in stages.items():
        print(f"{name:10} {process:9.2f} {wall:7.2f} {number / process:10,.0f} {process / number * 1000:12.3f}")
    process = stages["together"][0]
    print(f"{statements:,} statements, {statements / number:.0f} a record, {statements / process:,.0f} a second")
    return derived


def compare(what: str, ours: Callable[[], bytes], peer: Callable[[], bytes]) -> None:
    """Measure both, check that their triples are equal, and print times and ratio."""
    written, process, wall = timed(ours)
    others, peer_process, peer_wall = timed(peer)
    theirs = lines(others)
    assert lines(written) == theirs, f"{what}: the triples differ"
    print(f"\n{what}: {len(theirs):,} triples, the same in both")
    for name, one, two in (("cybilgraph", process, wall), ("rdflib", peer_process, peer_wall)):
        print(f"{name:10} {one:9.2f} {two:7.2f}   process s, wall s; {len(theirs) / one:,.0f} triples/s")
    print(f"{'ratio':10} {peer_process / process:9.2f} {peer_wall / wall:7.2f}   times as fast as rdflib")


def main(number: int) -> None:
    """Generate pages and measure."""
    write_ours(derive(record) for record in read_input(Input("first.txt", data=page(0).encode())))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pages(number, folder)
        print(
            f"{number:,} pages of text, {sum(path.stat().st_size for path in folder.rglob('*.txt')) / number:,.0f} bytes each"
        )
        records = stages(folder)
        compare("records → N-Triples", lambda: write_ours(records), lambda: write_peer(records))
        compare("files → N-Triples, with the same readers", lambda: whole_ours(folder), lambda: whole_peer(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
