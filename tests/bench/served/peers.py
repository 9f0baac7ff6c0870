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


def _program(name: str) -> str:
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
    program, port = _program("oxigraph"), free_port()
    store = folder / "oxigraph"
    subprocess.run([program, "load", "--location", store, "--file", data], check=True, capture_output=True)
    subprocess.run([program, "optimize", "--location", store], check=True, capture_output=True)
    with Server(
        [program, "serve-read-only", "--location", store, "--bind", f"127.0.0.1:{port}"], Address(port, "/query")
    ) as server:
        yield server


@contextmanager
def rdflib(data: Path, folder: Path) -> Iterator[Server]:
    port = free_port()
    command: list[object] = [_program("rdflib-endpoint"), "serve", "--host", "127.0.0.1", "--port", port, data]
    with Server(command, Address(port, "/"), within=600) as server:
        yield server


@contextmanager
def virtuoso(data: Path, folder: Path) -> Iterator[Server]:
    program, shell, port, http = _program("virtuoso-t"), _program("isql-vt"), free_port(), free_port()
    own = folder / "virtuoso"
    own.mkdir()
    settings = own / "virtuoso.ini"
    settings.write_text(_VIRTUOSO.format(folder=own, data=data.parent, port=port, http=http))
    with Server([program, "-f", "-c", settings], Address(http, "/sparql"), cwd=own) as server:
        load = f"ld_dir('{data.parent}', '{data.name}', 'https://example.org/graph'); rdf_loader_run(); checkpoint;"
        subprocess.run([shell, f"127.0.0.1:{port}", "dba", "dba", f"exec={load}"], check=True, capture_output=True)
        yield server


PEERS: dict[str, Callable[[Path, Path], object]] = {"oxigraph": oxigraph, "rdflib": rdflib, "virtuoso": virtuoso}
