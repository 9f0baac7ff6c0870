"""Other SPARQL servers, with the triples of one of our releases."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox

from . import Server, free_port
from .client import Address

#: The folder in which `make bench` installs the peers that are Python packages; others are looked up on PATH.
_BIN = Path(__file__).parents[3] / ".venv-bench" / "bin"
_VIRTUOSO = """
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/temporary.db
TransactionFile = {folder}/temporary.trx
[Parameters]
ServerPort = {port}
DirsAllowed = {folder}, {data}
NumberOfBuffers = 85000
MaxDirtyBuffers = 65000
MaxQueryMem = 1G
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerThreads = 20
MaxKeepAlives = 20
KeepAliveTimeout = 60
[SPARQL]
ResultSetMaxRows = 1000000
MaxQueryExecutionTime = 60
"""


def triples(graph: Path, output: Path) -> Path:
    """Write the default graph of an N-Quads file as N-Triples, since some peers merge all graphs."""
    quads = ox.parse(path=graph, format=ox.RdfFormat.N_QUADS)
    output.parent.mkdir(exist_ok=True)
    present = (quad.triple for quad in quads if quad.graph_name == ox.DefaultGraph())
    ox.serialize(present, str(output), format=ox.RdfFormat.N_TRIPLES)
    return output


def program(name: str) -> str:
    """Return the path of a program. Raises FileNotFoundError if it is not installed."""
    found = (
        shutil.which(str(_BIN / name))
        or shutil.which(name, path=str(Path(sys.executable).parent))
        or shutil.which(name)
    )
    if not found:
        raise FileNotFoundError(f"{name} is not installed")
    return found


@contextmanager
def oxigraph(data: Path, folder: Path) -> Iterator[Server]:
    command, port = program("oxigraph"), free_port()
    store = folder / "oxigraph"
    subprocess.run([command, "load", "--location", store, "--file", data], check=True, capture_output=True)
    subprocess.run([command, "optimize", "--location", store], check=True, capture_output=True)
    with Server(
        [command, "serve-read-only", "--location", store, "--bind", f"127.0.0.1:{port}"], Address(port, "/query")
    ) as server:
        yield server


@contextmanager
def rdflib(data: Path, folder: Path) -> Iterator[Server]:
    port = free_port()
    command: list[object] = [program("rdflib-endpoint"), "serve", "--host", "127.0.0.1", "--port", port, data]
    with Server(command, Address(port, "/"), within=600) as server:
        yield server


@contextmanager
def run_virtuoso(own: Path, data: Path) -> Iterator[tuple[Server, int]]:
    """Run an empty Virtuoso in a folder; it may load files in ``data``. Yield it with the port of its SQL shell."""
    port, http = free_port(), free_port()
    settings = own / "virtuoso.ini"
    settings.write_text(_VIRTUOSO.format(folder=own, data=data, port=port, http=http))
    with Server([program("virtuoso-t"), "-f", "-c", settings], Address(http, "/sparql"), cwd=own) as server:
        yield server, port


@contextmanager
def virtuoso(data: Path, folder: Path) -> Iterator[Server]:
    shell, own = program("isql-vt"), folder / "virtuoso"
    own.mkdir()
    with run_virtuoso(own, data.parent) as (server, port):
        load = f"ld_dir('{data.parent}', '{data.name}', 'https://example.org/graph'); rdf_loader_run(); checkpoint;"
        subprocess.run([shell, f"127.0.0.1:{port}", "dba", "dba", f"exec={load}"], check=True, capture_output=True)
        yield server


PEERS: dict[str, Callable[[Path, Path], object]] = {"oxigraph": oxigraph, "rdflib": rdflib, "virtuoso": virtuoso}
