"""Measure how fast our server and others answer queries over HTTP, with the same projects and in the same run.

Eight connections send each query as often as they can: *uncached*, with a different text each time (a number in a
comment and, for lookups, another resource), and *repeated*, always with the same text. wrk generates the load and uses
a small part of a processor. Peers must return the same number of rows, which is checked first.

    python tests/bench/endpoint.py [--projects 10000] [--seconds 2] [--peers oxigraph,rdflib,virtuoso]
        [--data FOLDER] [--growth]    with --growth, ours only, with 1,000, 10,000 and 100,000 projects
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from served import Server, graph_of, projects_of, released, served
from served.client import JSON, Address, ask, exchange
from served.peers import PEERS, triples

from cybilgraph.sparql import lexer, queries

#: Connections; for queries that take longer than MOMENT seconds, only as many as the machine has processors.
CONNECTIONS, FEW, MOMENT = 8, 2, 0.03
#: In seconds: a query that takes longer than ONCE is sent only once; one that takes longer than NEVER is given up.
ONCE, NEVER = 2.0, 60.0
HEAVY = {
    "countries": "example-projects-in-country",
    "counts": "example-projects-per-country",
    "pairs": "example-funder-country-pairs",
    "together": "example-co-implementers",
}
#: Lookups of a project as people write them.
_CYB = "PREFIX cyb: <https://w3id.org/cybilgraph/ontology#>"
_DCTERMS = "PREFIX dcterms: <http://purl.org/dc/terms/>"
_SKOS = "PREFIX skos: <http://www.w3.org/2004/02/skos/core#>"
LOOKUPS = {
    "lookup": "SELECT ?p ?o {{ <{}> ?p ?o }}",
    "limited": "SELECT ?p ?o WHERE {{ <{}> ?p ?o }} LIMIT 100",
    "prefixed": f"{_DCTERMS} SELECT ?title WHERE {{{{ <{{}}> dcterms:title ?title . }}}}",
    "two": f"{_DCTERMS} {_CYB} SELECT ?title ?who WHERE {{{{ <{{}}> dcterms:title ?title ; cyb:implementer ?who . }}}}",
    "three": f"{_DCTERMS} {_CYB} SELECT * {{{{ <{{}}> dcterms:title ?title ; cyb:implementer ?who ; cyb:country ?where }}}}",
    "label": f"{_CYB} {_SKOS} SELECT ?name WHERE {{{{ <{{}}> cyb:country/skos:prefLabel ?name }}}}",
}
#: All lookups have results for projects with these properties.
_HAVING = ("terms/title", "#implementer", "#country")
_SCRIPT = """
local queries = {{ {queries} }}
local each, number = {each}, {begin}
request = function()
  number = number + 1
  local suffix = each and "%20%23" .. number or ""
  return wrk.format("GET", "{path}?query=" .. queries[number % #queries + 1] .. suffix, {{ Accept = "{accept}" }})
end
"""
_DONE = """
done = function(all, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", all.requests, all.duration, latency:percentile(50),
    latency:percentile(99), all.errors.status + all.errors.read + all.errors.connect + all.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, and the median and 99th percentile of response times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    errors: int = 0

    def __str__(self) -> str:
        errors = f" {self.errors} errors" if self.errors else ""
        return f"{self.per_second:10,.1f}/s {self.p50:9.2f} {self.p99:9.2f}{errors}"


def load(address: Address, texts: list[str], seconds: float, *, each: bool, connections: int = CONNECTIONS) -> Rate:
    """Send queries in turn, with a different text ``each`` time or always the same."""
    quoted = ", ".join(f'"{quote(query.strip())}"' for query in texts)
    script = _SCRIPT.format(
        queries=quoted, each=str(each).lower(), begin=time.time_ns() // 1000 % 10**12, path=address.path, accept=JSON
    )
    return run_script(address, script, seconds, connections)


def run_script(address: Address, script: str, seconds: float, connections: int) -> Rate:
    """Run a script of wrk as often as the connections can."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ask.lua"
        path.write_text(script + _DONE)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "60s", "-s", str(path)]
        url = f"http://{address.host}:{address.port}{address.path}"
        output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    number, duration, p50, p99, errors = map(int, line.split()[1:])
    return Rate(number / duration * 1e6, p50 / 1000, p99 / 1000, errors)


def rows(address: Address, query: str) -> tuple[int, float]:
    """Return the number of rows of a response, and its response time in seconds. Raises OSError if it fails."""
    reply = exchange(address, ask(address, query + f"\n# {time.time_ns()}"), wait=NEVER)
    if reply.status != 200:
        raise ConnectionError(f"{reply.status} {reply.body[:200]!r}")
    return len(json.loads(reply.body)["results"]["bindings"]), reply.seconds


def measure(
    name: str, server: Server, projects: list[str], seconds: float, expected: dict[str, int]
) -> dict[tuple[str, str], Rate]:
    """Measure all queries on one server and print the rates.

    The numbers of rows are compared with ``expected``, which the first server fills.
    """
    found: dict[tuple[str, str], Rate] = {}
    load_texts = {kind: [text.format(iri) for iri in projects] for kind, text in LOOKUPS.items()}
    load_texts |= {short: [queries.load_query(long).text] for short, long in HEAVY.items()}
    for kind, texts in load_texts.items():
        try:
            number, took = rows(server.address, lexer.without_comments(texts[0]))
        except OSError as error:
            print(f"{name:10} {kind:10} no response: {str(error)[:90]}", flush=True)
            continue
        if expected.setdefault(kind, number) != number:
            print(f"{name:10} {kind:10} {number:,} rows instead of {expected[kind]:,}", flush=True)
        texts = [" ".join(lexer.without_comments(text).split()) for text in texts]
        for way in ("uncached", "repeated"):
            few = texts
            if way == "repeated":
                few = texts[:100]
                for text in (*few, few[0]):
                    took = exchange(server.address, ask(server.address, text), wait=NEVER).seconds
            rate = Rate(1 / took, took * 1000, took * 1000)
            if took < ONCE:
                connections = FEW if took > MOMENT else CONNECTIONS
                long = max(seconds, 4 * took)
                rate = load(server.address, few, long, each=way == "uncached", connections=connections)
            found[kind, way] = rate
            print(f"{name:10} {kind:10} {way:10} {rate}", flush=True)
    return found


def compare(projects: int, seconds: float, peers: list[str], data: Path | None) -> None:
    """Measure our server and the peers, and print the ratios."""
    figures: dict[str, dict[tuple[str, str], Rate]] = {}
    expected: dict[str, int] = {}
    with released(projects, data) as folder, TemporaryDirectory() as name:
        iris = projects_of(folder, having=_HAVING)
        plain = triples(graph_of(folder), Path(name) / "data" / "graph.nt") if peers else folder
        print(f"{'':32}{'rate':>12} {'p50 ms':>9} {'p99 ms':>9}", flush=True)
        for server in ("cybilgraph", *peers):
            with ExitStack() as stack:
                try:
                    opened = served(folder) if server == "cybilgraph" else PEERS[server](plain, Path(name))
                    running = stack.enter_context(opened)
                except (FileNotFoundError, RuntimeError, subprocess.CalledProcessError) as error:
                    print(f"{server:10} omitted: {error}", flush=True)
                    continue
                figures[server] = measure(server, running, iris, seconds, expected)
                memory = sum(running.memory().values()) / 1e6
                print(f"{server:10} {memory:,.0f} MB of memory, started in {running.seconds:.0f} s", flush=True)
    ours = figures.pop("cybilgraph")
    for peer, theirs in figures.items():
        print(f"\ncybilgraph compared with {peer}, ratio of requests per second: uncached, repeated")
        for kind in dict.fromkeys(kind for kind, _ in ours):
            ratios = [
                f"{ours[kind, way].per_second / theirs[kind, way].per_second:10,.2f}"
                if (kind, way) in theirs
                else f"{'-':>10}"
                for way in ("uncached", "repeated")
            ]
            print(f"{kind:10} {' '.join(ratios)}")


def grow(seconds: float, data: Path | None) -> None:
    """Measure our server with increasing numbers of projects."""
    for projects in (1_000, 10_000, 100_000):
        with released(projects, data) as folder:
            iris = projects_of(folder, having=_HAVING)
            with served(folder) as server:
                measure(f"{projects:,}", server, iris, seconds, {})
                memory = sum(server.memory().values()) / 1e6
                print(f"{projects:,}: {memory:,.0f} MB of memory, started in {server.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--data", type=Path, help="keep the generated data in this folder, and reuse it")
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed, so nothing is measured")
        sys.exit()
    if given.growth:
        grow(given.seconds, given.data)
    else:
        compare(given.projects, given.seconds, [name for name in given.peers.split(",") if name], given.data)
