"""How fast a release is built, from pages to dumps, beside the plain way in the same run.

The pages are made by ``made``: each in a file of its own, in all layouts, with what curators do wrong.
Ours is ``pipeline.build`` in a process of its own: read, mentions, describe, validate, assemble, store,
all dumps, descriptions, checksums. Its peak is what the operating system tells of it (getrusage). The
plain way is what one would write with rdflib, pySHACL and oxrdflib. It gets the graph of the same records
ready-made, as N-Triples, and so is spared reading, and makes less: rdflib reads it, pySHACL validates it
with the same shapes, oxrdflib loads it into a store on disk, and rdflib writes N-Triples, Turtle and, by
SPARQL over that store, a table of projects.

    python tests/bench/build.py [--full]     1,000 records both, 10,000 ours; with --full 100,000, too
    python tests/bench/build.py --few N      N records both: the plain way takes many minutes for 1,000
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter

_FEW, _MANY, _FULL = 1_000, 10_000, 100_000
_TABLE = "SELECT ?p ?title ?start ?end { ?p a cyb:Project ; dcterms:title ?title OPTIONAL { ?p cyb:start ?start ; cyb:end ?end } }"


def ours(pages: Path, into: Path) -> None:
    from cybilgraph import pipeline

    began = perf_counter()
    release, report = pipeline.build([pages], into)
    seconds = perf_counter() - began
    counts = release.manifest["counts"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"ours       {report.records:>9,} records {counts['quads']:>11,} statements  {seconds:8.1f} s"
        f"  {report.records / seconds:7,.0f} records/s  {peak:7,.0f} MB",
        flush=True,
    )


def plain(graph: Path, folder: Path, records: str) -> None:
    import pyshacl
    import rdflib

    from cybilgraph.model.resources import shape_files
    from cybilgraph.model.vocabulary import PREFIXES
    from cybilgraph.validation.record_findings import context_triples

    began = perf_counter()
    steps = []

    def done(step: str) -> None:
        steps.append((step, perf_counter() - began))

    data = rdflib.Graph().parse(graph, format="nt")
    done("parse")
    shapes = rdflib.Graph()
    for path in shape_files():
        shapes.parse(path)
    beside = rdflib.Graph().parse(data=context_triples("2026-01-31"), format="nt")
    pyshacl.validate(data, shacl_graph=shapes, ont_graph=beside, advanced=True)
    done("validate")
    store = rdflib.Graph(store="Oxigraph")
    store.open(str(folder / "store"))
    store.parse(graph, format="ox-nt")
    done("load")
    for name in ("nt", "turtle"):
        data.serialize(folder / f"out.{name}", format=name, encoding="utf-8")
    store.query(_TABLE, initNs=PREFIXES).serialize(str(folder / "projects.csv"), format="csv")
    done("dump")
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"plain      {int(records):>9,} records {len(data):>11,} statements  {seconds:8.1f} s"
        f"  {int(records) / seconds:7,.0f} records/s  {peak:7,.0f} MB",
        flush=True,
    )
    print(f"           until the end of each step: {', '.join(f'{step} {at:.1f} s' for step, at in steps)}", flush=True)


def run(*arguments: object) -> tuple[float, float]:
    """Seconds until a process has ended, and seconds of a processor that it and its own have taken."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, __file__, *map(str, arguments)], check=True)
    seconds, now = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    from made import write_pages
    from served import lines_of

    from cybilgraph.rdf.serialisation import is_in_earlier_graph

    options = ArgumentParser()
    options.add_argument("--few", type=int, default=0)
    options.add_argument("--full", action="store_true")
    given = options.parse_args()
    print("Building a release, from pages to dumps")
    for count in (given.few,) if given.few else (_FEW, _MANY, *((_FULL,) if given.full else ())):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "pages").mkdir()
            write_pages(count, folder / "pages")
            own = run("--ours", folder / "pages", folder / "into")
            if count == (given.few or _FEW):
                graph = folder / "graph.nt"
                with lines_of(folder / "into") as lines, graph.open("wb") as output:
                    output.writelines(line for line in lines if not is_in_earlier_graph(line))
                wall, processor = (
                    theirs / ours for theirs, ours in zip(run("--plain", graph, folder, count), own, strict=True)
                )
                print(f"{wall:.1f} times as fast as the plain way, with {processor:.1f} times less of a processor")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--ours", pages, into]:
            ours(Path(pages), Path(into))
        case ["--plain", graph, folder, records]:
            plain(Path(graph), Path(folder), records)
        case _:
            main()
