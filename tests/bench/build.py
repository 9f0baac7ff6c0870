"""How fast a release is built, from pages to dumps, beside the plain way in the same run.

The pages are made by ``made``: each in a file of its own, in all layouts, with what curators do wrong.
Ours is ``pipeline.build`` in a process of its own: read, mentions, describe, validate, assemble, store,
all dumps, descriptions, checksums. Its peak is what the operating system tells of it (getrusage). The
plain way gets the graph ready-made, as N-Triples, and so is spared reading: rdflib reads it, pySHACL
validates it with the same shapes, it is loaded into a store of oxrdflib's kind (pyoxigraph), and rdflib
writes Turtle and N-Triples.

    python tests/bench/build.py [--full]    1,000 records both, 10,000 ours; with --full 100,000, too
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

_FEW, _MANY, _FULL = 1_000, 10_000, 100_000


def ours(pages: Path, into: Path) -> None:
    from cybilgraph import pipeline

    began = perf_counter()
    release, report = pipeline.build([pages], into)
    seconds = perf_counter() - began
    counts = release.manifest["counts"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"ours       {report.records:>9,} records {counts['quads']:>11,} statements  {seconds:8.1f} s"
        f" ({process_time():.1f} s of processor)  {report.records / seconds:7,.0f} records/s  {peak:7,.0f} MB",
        flush=True,
    )


def plain(graph: Path, folder: Path) -> None:
    import pyoxigraph as ox
    import pyshacl
    import rdflib

    from cybilgraph.checking import others_text
    from cybilgraph.resources import shape_files

    began = perf_counter()
    data = rdflib.Graph().parse(graph, format="nt")
    data.parse(data=others_text("2026-01-31"), format="nt")
    shapes = rdflib.Graph()
    for path in shape_files():
        shapes.parse(path)
    pyshacl.validate(data, shacl_graph=shapes, advanced=True)
    store = ox.Store(folder / "store")
    store.load(path=graph, format=ox.RdfFormat.N_TRIPLES)
    for name in ("turtle", "nt"):
        data.serialize(folder / f"out.{name}", format=name, encoding="utf-8")
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"plain      {_FEW:>9,} records {len(data):>11,} statements  {seconds:8.1f} s"
        f" ({process_time():.1f} s of processor)  {_FEW / seconds:7,.0f} records/s  {peak:7,.0f} MB",
        flush=True,
    )


def run(*arguments: object) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, __file__, *map(str, arguments)], check=True)
    return perf_counter() - began


def main() -> None:
    from made import write_pages

    from cybilgraph.engine.store import is_of_version

    print("Building a release, from pages to dumps")
    for count in (_FEW, _MANY, *((_FULL,) if "--full" in sys.argv else ())):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "pages").mkdir()
            write_pages(count, folder / "pages")
            seconds = run("--ours", folder / "pages", folder / "into")
            if count == _FEW:
                graph = folder / "graph.nt"
                with (folder / "into" / "0001" / "graph.nq").open("rb") as lines, graph.open("wb") as output:
                    output.writelines(line for line in lines if not is_of_version(line))
                print(f"{run('--plain', graph, folder) / seconds:.1f} times as fast as the plain way")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--ours", pages, into]:
            ours(Path(pages), Path(into))
        case ["--plain", graph, folder]:
            plain(Path(graph), Path(folder))
        case _:
            main()
