"""Measure how fast the site serves each kind of page to one visitor, on the first request and the second.

The server runs in its own process, with generated projects. Entities are chosen at random, those with many
projects as often as those with few. At the first request, only what the server's warm-up computes is cached; at the
second, the results of the page's queries are too, and the page is rendered again. Then 20 crawlers request pages as
fast as they can, while another client sends lookups to the endpoint.

    python tests/bench/site.py [NUMBER_OF_PROJECTS | FOLDER_OF_RELEASES]
"""

from __future__ import annotations

import http.client
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median, quantiles
from threading import Thread
from time import perf_counter, sleep

from generated import write_pages
from served import projects_of, served
from served.client import Address, OtherClient

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from cybilgraph.release.search import SearchIndex, SearchQuery

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.conftest import running_server

EACH = 60
CRAWLERS, SECONDS = 20, 10.0


def paths(index: SearchIndex) -> Iterator[tuple[str, list[str]]]:
    """Yield kinds of pages with example paths."""
    random = Random(1)
    everything = index.find(SearchQuery())
    projects = [hit.iri for hit in index.all(SearchQuery())]
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
        "search with misspellings",
        [f"/search?q={word}" for word in ("stratgey", "trainng", "cybercrme", "incidnt", "polcie")],
    )
    yield (
        "pictures",
        [f"/pictures/{name}" for name in ("map", "coverage", "timeline", "network", "flows", "years", "money")],
    )
    yield "lists", ["/id/country", "/id/actor", "/id/theme", "/outcomes", "/ontology", "/about", "/docs"]


def ask(port: int, path: str) -> float:
    """Return the milliseconds until the whole page has arrived."""
    began = perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Accept": "text/html"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    assert reply.status == 200, (path, reply.status)
    return (perf_counter() - began) * 1000


def measure(folder: Path) -> None:
    """Request all pages twice, and print the times."""
    release = pipeline.Releases(folder).current()
    print(f"{release.manifest['counts']['projects']:,} projects, {release.manifest['counts']['quads']:,} statements")
    server = running_server(folder)
    with server:
        while _ready(server.port) != "ready\n":
            sleep(0.2)
        print(f"{'page':22} {'pages':>5} {'first ms: median':>17} {'most':>7} {'again: median':>14} {'most':>7}")
        firsts, again = [], []
        for kind, some in paths(SearchIndex(release.search)):
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


def crawl(port: int, some: list[str], until: float, number: int, fetched: list[int]) -> None:
    """Crawl from an address of its own until ``until``, and add the number of pages to ``fetched``."""
    order = Random(number).sample(some, len(some))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(f"127.0.1.{number}", 0))
    pages = 0
    while perf_counter() < until:
        connection.request("GET", order[pages % len(order)], headers={"Accept": "text/html"})
        reply = connection.getresponse()
        reply.read()
        pages += 1
        assert reply.status == 200, (order[pages - 1], reply.status)
    fetched.append(pages)


def run_crawlers(port: int, some: list[str], seconds: float) -> None:
    """Run all crawlers in this process for some seconds."""
    fetched: list[int] = []
    until = perf_counter() + seconds
    threads = [Thread(target=crawl, args=(port, some, until, number, fetched)) for number in range(1, CRAWLERS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(fetched)} crawlers: {sum(fetched) / seconds:.0f} pages a second", flush=True)


def measure_with_crawlers(folder: Path) -> None:
    """Send lookups without and with crawlers, and print the times."""
    release = pipeline.Releases(folder).current()
    some = [path for _, several in paths(SearchIndex(release.search)) for path in several]
    with served(folder) as server:
        address = Address(server.address.port, "/sparql")
        for crawlers in (0, CRAWLERS):
            crawling = multiprocessing.Process(target=run_crawlers, args=(address.port, some, SECONDS))
            if crawlers:
                crawling.start()
            with OtherClient(address, projects_of(folder)) as other:
                sleep(SECONDS)
            if crawlers:
                crawling.join()
            half, nearly = (1000 * other.within(share) for share in (0.5, 0.99))
            print(
                f"lookups during {crawlers} crawlers: median {half:.1f} ms, 99th percentile {nearly:.1f} ms, "
                f"{len(other.failures)} of {len(other.seconds)} failed"
            )


def _ready(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/readyz")
    reply = connection.getresponse()
    return reply.read().decode()


def main(given: str) -> None:
    """Measure with the given folder of releases, or with generated projects."""
    if not given.isdigit():
        measure(Path(given))
        measure_with_crawlers(Path(given))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pages").mkdir()
        write_pages(int(given), folder / "pages")
        pipeline.build([folder / "pages"], folder / "releases")
        measure(folder / "releases")
        measure_with_crawlers(folder / "releases")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "10000")
