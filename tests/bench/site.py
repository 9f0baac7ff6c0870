"""How fast the site answers pages: each kind, asked for the first time and again, by one visitor over HTTP.

The server runs in a process of its own over as many made projects as are asked for. Things are chosen by chance, those
with many projects as often as those with few. The first time nothing of a page is kept but what the server
itself makes ready when it starts; the second time the answers to its queries are, and the page is made anew.

    python tests/bench/site.py [NUMBER_OF_PROJECTS | FOLDER_OF_RELEASES]
"""

from __future__ import annotations

import http.client
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter, sleep

from made import write_pages

from cybilgraph import pipeline
from cybilgraph.search import Search, Wish
from cybilgraph.vocab import BASE

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.conftest import running_server

EACH = 60


def paths(index: Search) -> Iterator[tuple[str, list[str]]]:
    """Kinds of page, with the paths of some."""
    random = Random(1)
    everything = index.find(Wish())
    projects = [hit.iri for hit in index.all(Wish())]
    yield "home", ["/"]
    yield "project", [f"/{iri.removeprefix(BASE)}" for iri in random.sample(projects, min(EACH, len(projects)))]
    for kind in ("country", "theme", "region", "funder", "implementer"):
        values = everything.facets[kind]
        chosen = [value.value.removeprefix(BASE) for value in random.sample(values, min(EACH, len(values)))]
        yield kind, [f"/{path}" for path in chosen]
        if kind != "region":
            keys = [path.rpartition("/")[2] for path in chosen]
            yield f"search by {kind}", [f"/search?{kind}={key}" for key in keys]
    words = [word for hit in random.sample(projects, min(EACH, len(projects))) for word in hit.split("-")[-2:-1]]
    yield "search by words", [f"/search?q={word}" for word in {*words, "strategy", "cybercrime", "training", "police"}]
    yield (
        "search with slips",
        [f"/search?q={word}" for word in ("stratgey", "trainng", "cybercrme", "incidnt", "polcie")],
    )
    yield "pictures", [f"/pictures/{name}" for name in ("map", "coverage", "timeline", "network", "years")]
    yield "lists", ["/id/country", "/id/actor", "/id/theme", "/outcomes", "/ontology", "/about", "/help"]


def ask(port: int, path: str) -> float:
    """Milliseconds until the whole page has come."""
    began = perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Accept": "text/html"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    assert reply.status == 200, (path, reply.status)
    return (perf_counter() - began) * 1000


def measure(folder: Path) -> None:
    """Ask all pages twice, and print how long they took."""
    release = pipeline.Releases(folder).current()
    print(f"{release.manifest['counts']['projects']:,} projects, {release.manifest['counts']['quads']:,} statements")
    server = running_server(folder)
    with server:
        while "ready" not in _ready(server.port):
            sleep(0.2)
        print(f"{'page':22} {'pages':>5} {'first ms: median':>17} {'most':>7} {'again: median':>14} {'most':>7}")
        firsts, again = [], []
        for kind, some in paths(Search(release.search)):
            cold = [ask(server.port, path) for path in some]
            warm = [ask(server.port, path) for path in some for _ in range(3)]
            firsts += cold
            again += warm
            print(
                f"{kind:22} {len(some):5} {median(cold):17.1f} {max(cold):7.1f} {median(warm):14.1f} {max(warm):7.1f}"
            )
        for name, times in (("first time", firsts), ("again", again)):
            print(
                f"{name}: median {median(times):.1f} ms, 99th percentile {quantiles(times, n=100)[98]:.1f} ms, most {max(times):.1f}"
            )


def _ready(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/readyz")
    reply = connection.getresponse()
    return reply.read().decode() if reply.status == 200 else ""


def main(given: str) -> None:
    """Measure over a folder of releases, or over one that is made."""
    if not given.isdigit():
        measure(Path(given))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pages").mkdir()
        write_pages(int(given), folder / "pages")
        pipeline.build([folder / "pages"], folder / "releases")
        measure(folder / "releases")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "10000")
