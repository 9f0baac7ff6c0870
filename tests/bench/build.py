"""Compare building a release with loading the same statements, and with a pipeline of rdflib and pySHACL.

The inputs are generated pages, a file each, in all layouts and with common mistakes. A build reads them, extracts
claims, validates, and writes the store, all dumps, tables, descriptions and checksums. Loading parses the statements
of that build as N-Quads into a store on disk. The pipeline of rdflib starts from N-Triples, without reading and
extraction; it validates them with pySHACL and the same shapes, loads them into a store on disk with oxrdflib, and
writes N-Triples, Turtle and a table of projects.

Each step runs in its own process. CPU seconds include those of its child processes, and the peak is that of the
largest process (getrusage).

    python tests/bench/build.py [--records N ...] [--rdflib N]

By default 10,000 records; the pipeline of rdflib gets 500 (0: none), because it takes minutes for 1,000.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_TABLE = "SELECT ?p ?title ?start ?end { ?p a cyb:Project ; dcterms:title ?title OPTIONAL { ?p cyb:start ?start ; cyb:end ?end } }"


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds, elapsed seconds, and the peak of the largest process in MB."""

    cpu: float
    elapsed: float
    peak: float

    def __str__(self) -> str:
        return f"{self.cpu:9.1f} {self.elapsed:9.1f} {self.peak:8,.0f}"


def run(step: str, *arguments: object) -> Usage:
    """Run a step of this program in its own process. Raises RuntimeError if it fails."""
    begin = perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--step", step, *map(str, arguments)])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"The step {step} failed with exit code {process.returncode}")
    return Usage(used.ru_utime + used.ru_stime, perf_counter() - begin, used.ru_maxrss / 1024)


def build(pages: str, into: str, stated_only: str = "") -> None:
    from cybilgraph import pipeline

    pipeline.build([Path(pages)], Path(into), stated_only=bool(stated_only))


def generate(count: str, pages: str) -> None:
    from generated import write_pages

    write_pages(int(count), Path(pages))


def extract_graph(release: str, output: str, kind: str = "") -> None:
    """Write the statements of a release uncompressed; with a ``kind``, only those of the current graph."""
    from served import lines_of

    from cybilgraph.rdf.serialisation import is_in_earlier_graph

    with lines_of(Path(release)) as lines, Path(output).open("wb") as file:
        file.writelines(line for line in lines if not (kind and is_in_earlier_graph(line)))


def load(graph: str, folder: str) -> None:
    import pyoxigraph

    store = pyoxigraph.Store(folder)
    store.bulk_load(path=graph, format=pyoxigraph.RdfFormat.N_QUADS)
    store.flush()


def rdflib_pipeline(graph: str, folder: str) -> None:
    import pyshacl
    import rdflib

    from cybilgraph.model.resources import shape_files
    from cybilgraph.model.vocabulary import PREFIXES
    from cybilgraph.validation.record_findings import context_triples

    data = rdflib.Graph().parse(graph, format="nt")
    shapes = rdflib.Graph()
    for path in shape_files():
        shapes.parse(path)
    reference = rdflib.Graph().parse(data=context_triples("2026-01-31"), format="nt")
    pyshacl.validate(data, shacl_graph=shapes, ont_graph=reference, advanced=True)
    store = rdflib.Graph(store="Oxigraph")
    store.open(f"{folder}/store")
    store.parse(graph, format="ox-nt")
    for name in ("nt", "turtle"):
        data.serialize(f"{folder}/out.{name}", format=name, encoding="utf-8")
    store.query(_TABLE, initNs=PREFIXES).serialize(f"{folder}/projects.csv", format="csv")


def measure(count: int, folder: Path) -> None:
    """Build releases of generated pages, with extraction and without, and load the statements of each."""
    pages = folder / "pages"
    pages.mkdir(exist_ok=True)
    run("generate", count, pages)
    print(f"{count:,} records{'':14} {'CPU s':>9} {'elapsed s':>9} {'peak MB':>8} {'statements':>11} {'CPU ratio':>9}")
    for label, stated_only in (("build", ""), ("build --stated-only", "yes")):
        into, graph = folder / f"release{stated_only}", folder / f"graph{stated_only}.nq"
        built = run("build", pages, into, stated_only)
        run("extract_graph", into, graph)
        loaded = run("load", graph, folder / f"store{stated_only}")
        with graph.open("rb") as lines:
            statements = sum(1 for _ in lines)
        print(f"{label:24} {built} {statements:11,} {built.cpu / loaded.cpu:9.1f}", flush=True)
        print(f"  loading the same {'':7} {loaded} {statements:11,} {1:9.1f}", flush=True)


def compare_with_rdflib(count: int, folder: Path) -> None:
    """Build a release, and run the pipeline of rdflib on its statements."""
    pages, graph = folder / "pages", folder / "graph.nt"
    pages.mkdir(exist_ok=True)
    run("generate", count, pages)
    ours = run("build", pages, folder / "release")
    run("extract_graph", folder / "release", graph, "present")
    theirs = run("rdflib_pipeline", graph, folder)
    print(f"{count:,} records{'':16} {'CPU s':>9} {'elapsed s':>9} {'peak MB':>8}")
    print(f"{'build':24} {ours}")
    print(f"{'rdflib and pySHACL':24} {theirs}")
    print(
        f"The build is {theirs.elapsed / ours.elapsed:.0f} times as fast, with {theirs.cpu / ours.cpu:.0f} times less CPU"
    )


def main() -> None:
    """Parse the arguments, and print the figures."""
    options = ArgumentParser()
    options.add_argument("--records", type=int, nargs="+", default=[10_000])
    options.add_argument("--rdflib", type=int, default=500)
    given = options.parse_args()
    print("Building a release from pages", flush=True)
    for count in given.records:
        with tempfile.TemporaryDirectory() as name:
            measure(count, Path(name))
    if given.rdflib:
        with tempfile.TemporaryDirectory() as name:
            compare_with_rdflib(given.rdflib, Path(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        globals()[sys.argv[2]](*sys.argv[3:])
    else:
        main()
