"""Measure our site with its embedded store, in front of Virtuoso, and of two Oxigraph servers behind HAProxy.

All have the same generated projects, which ``cybilgraph load`` sends to the servers; the second Oxigraph server gets a
copy of the first one's database. Prints lookups and project pages per second, the 99th percentile of their times, the
memory of all processes after the load, and the size of the databases. On one machine, the servers share its
processors.

    python tests/bench/scale_out.py [--projects 10000] [--seconds 10] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from endpoint import LOOKUPS, Rate, load, run_script
from served import COMMAND, Server, free_port, projects_of, released, served
from served.client import Address
from served.peers import program, run_virtuoso

_HAPROXY = """
global
  maxconn 500
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend sparql
  bind 127.0.0.1:{port}
  default_backend stores
backend stores
  balance leastconn
  option httpchk
  http-check send meth GET uri /query?query=ASK%7B%7D ver HTTP/1.1 hdr Host localhost
{servers}
"""
#: Connections that request at once.
_CONNECTIONS = 8


@dataclass
class Stores:
    """What answers the queries of the site: options of ``serve``, the processes, and the folder of the databases."""

    options: list[object] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    folder: Path | None = None
    load_seconds: float = 0


def _send(folder: Path, *options: object) -> float:
    """Load the release into a server, and return how long it took."""
    began = time.perf_counter()
    subprocess.run(list(map(str, [*COMMAND, "load", folder, *options])), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


@contextmanager
def embedded(folder: Path, _: Path) -> Iterator[Stores]:
    yield Stores(folder=next(folder.glob("0*/store"), None))


@contextmanager
def virtuoso(folder: Path, own: Path) -> Iterator[Stores]:
    with run_virtuoso(own, own) as (server, _):
        (own / "credentials").write_text("dba:dba\n")
        url = f"http://127.0.0.1:{server.address.port}"
        endpoint: list[object] = ["--endpoint", f"{url}/sparql"]
        more = ("--graph-store", f"{url}/sparql-graph-crud-auth", "--credentials", own / "credentials")
        took = _send(folder, *endpoint, *more)
        yield Stores(endpoint, [server], own, took)


@contextmanager
def _oxigraph(store: Path) -> Iterator[Server]:
    port = free_port()
    command: list[object] = [program("oxigraph"), "serve", "--location", store, "--bind", f"127.0.0.1:{port}"]
    with Server(command, Address(port, "/query")) as server:
        yield server


@contextmanager
def two_oxigraphs(folder: Path, own: Path) -> Iterator[Stores]:
    balancer = program("haproxy")
    with _oxigraph(own / "first") as server:
        url = f"http://127.0.0.1:{server.address.port}"
        took = _send(folder, "--endpoint", f"{url}/query", "--graph-store", f"{url}/store")
    subprocess.run([program("oxigraph"), "optimize", "--location", own / "first"], check=True, capture_output=True)
    shutil.copytree(own / "first", own / "second")
    with ExitStack() as stack:
        servers = [stack.enter_context(_oxigraph(own / name)) for name in ("first", "second")]
        port, settings = free_port(), own / "haproxy.cfg"
        lines = (
            f"  server {name} 127.0.0.1:{server.address.port} check"
            for name, server in zip(("first", "second"), servers, strict=True)
        )
        settings.write_text(_HAPROXY.format(port=port, servers="\n".join(lines)))
        front = stack.enter_context(Server([balancer, "-db", "-f", settings], Address(port, "/query")))
        yield Stores(["--endpoint", f"http://127.0.0.1:{port}/query"], [*servers, front], own, took)


def pages(address: Address, paths: list[str], seconds: float) -> Rate:
    """Request pages in turn as often as the connections can."""
    listed = ", ".join(f'"{path}"' for path in paths)
    script = f"""
local paths = {{ {listed} }}
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", paths[number % #paths + 1], {{ Accept = "text/html" }})
end
"""
    return run_script(address, script, seconds, _CONNECTIONS)


def compare(projects: int, seconds: float, data: Path | None) -> None:
    """Measure all ways in one run, and print the figures and their ratios."""
    with released(projects, data) as folder:
        iris = projects_of(folder)
        paths = [urlsplit(iri).path.removeprefix("/cybilgraph") for iri in iris]
        base: tuple[float, float] | None = None
        print(f"{'':16}{'':>12} {'rate':>12} {'p50 ms':>9} {'p99 ms':>9}", flush=True)
        for name, run in (("embedded", embedded), ("Virtuoso", virtuoso), ("two Oxigraphs", two_oxigraphs)):
            with TemporaryDirectory(dir=data) as own, ExitStack() as stack:
                try:
                    stores = stack.enter_context(run(folder, Path(own)))
                    site = stack.enter_context(served(folder, *stores.options))
                except (FileNotFoundError, RuntimeError, subprocess.CalledProcessError) as error:
                    print(f"{name:16} omitted: {error}", flush=True)
                    continue
                texts = [LOOKUPS["lookup"].format(iri) for iri in iris]
                found = (load(site.address, texts, seconds, each=True), pages(site.address, paths, seconds))
                for what, rate in zip(("lookups", "pages"), found, strict=True):
                    print(f"{name:16}{what:>12} {rate}", flush=True)
                memory = [sum(server.memory().values()) / 1e6 for server in (site, *stores.servers)]
                size = sum(file.stat().st_size for file in stores.folder.rglob("*") if file.is_file()) / 1e9
                print(
                    f"{name:16} loaded in {stores.load_seconds:,.0f} s; memory {memory[0]:,.0f} MB for the site and "
                    f"{sum(memory[1:]):,.0f} MB for the servers; {size:.1f} GB of databases",
                    flush=True,
                )
                rates = found[0].per_second, found[1].per_second
                base = base or rates
                print(f"{name:16} ratio {rates[0] / base[0]:.2f} lookups, {rates[1] / base[1]:.2f} pages", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--data", type=Path, help="keep the generated data in this folder, and reuse it")
    given = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is not installed, so nothing is measured")
        sys.exit()
    compare(given.projects, given.seconds, given.data)
