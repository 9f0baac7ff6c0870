"""SPARQL 1.1 servers of other projects, each in its own process, and a proxy that adds faults to their responses."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.ports import free_port

#: All files are in one folder, and only this machine can connect.
_VIRTUOSO = """
[Database]
DatabaseFile = {folder}/v.db
ErrorLogFile = {folder}/v.log
LockFile = {folder}/v.lck
TransactionFile = {folder}/v.trx
xa_persistent_file = {folder}/v.pxa
FileExtend = 200
[TempDatabase]
DatabaseFile = {folder}/temp.db
TransactionFile = {folder}/temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
NumberOfBuffers = 10000
MaxDirtyBuffers = 6000
ServerThreads = 20
DirsAllowed = {folder}
[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerThreads = 10
[SPARQL]
ResultSetMaxRows = 5000
"""


@dataclass(frozen=True)
class Store:
    """A running server: the URLs of its query endpoint and of its graph store, the file with its credentials, and
    the address of Virtuoso's SQL shell.
    """

    endpoint: str
    graph_store: str
    credentials: str = ""
    shell: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """The options of ``cybilgraph load`` for this server."""
        more = ("--credentials", self.credentials) if self.credentials else ()
        return ("--endpoint", self.endpoint, "--graph-store", self.graph_store, *more)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Create a self-signed certificate for the loopback address; return the paths of the certificate and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    files = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    places = ("-out", str(files[0]), "-keyout", str(files[1]))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *places]
    subprocess.run(command, check=True, capture_output=True)
    return files


@contextlib.contextmanager
def oxigraph() -> Iterator[Store]:
    """Run Oxigraph's server with an empty store in memory."""
    program = Path(sys.executable).with_name("oxigraph")
    if not program.exists():
        pytest.skip("no oxigraph next to this Python")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _running(
        [str(program), "serve", "--bind", f"127.0.0.1:{port}", "--timeout-s", "20"], f"{url}/query?query=ASK%7B%7D"
    ):
        yield Store(f"{url}/query", f"{url}/store")


@contextlib.contextmanager
def virtuoso(folder: Path) -> Iterator[Store]:
    """Run Virtuoso with a new database in a folder; writing needs a password."""
    program = shutil.which("virtuoso-t")
    if program is None:
        pytest.skip("no virtuoso-t on this machine (Debian: virtuoso-opensource-7)")
    port, sql = free_port(), free_port()
    (folder / "v.ini").write_text(_VIRTUOSO.format(folder=folder, port=port, sql=sql))
    (folder / "credentials").write_text("dba:dba\n")  # the default of a new database
    url = f"http://127.0.0.1:{port}"
    command = [program, "+configfile", str(folder / "v.ini"), "+foreground"]
    with _running(command, f"{url}/sparql?query=ASK%7B%7D"):
        yield Store(f"{url}/sparql", f"{url}/sparql-graph-crud-auth", str(folder / "credentials"), f"127.0.0.1:{sql}")


@contextlib.contextmanager
def _running(command: list[str], probe: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(2000):
            with contextlib.suppress(OSError), urllib.request.urlopen(probe, timeout=5):
                break
            assert process.poll() is None
            time.sleep(0.05)
        else:
            raise AssertionError(f"{command[0]} did not start")
        yield
    finally:
        process.kill()
        process.wait()


#: An error message of a server: a line, the query, and a long rest.
OOPS = b"Oops\nin the query\r\n\x1b[2JSELECT secret" + b" and on" * 100 + b" to the end" + b"." * 9_000


class FaultyProxy(ThreadingHTTPServer):
    """A proxy for a server: ``fault`` is the fault of its responses, ``left`` the number of graphs that it still accepts.

    ``once_status_is_written`` is called when the server has received which releases are loaded, before its response.
    """

    daemon_threads = True
    fault = ""
    left = sys.maxsize
    asks_for = ""
    once_status_is_written: Callable[[], object] | None = None

    def __init__(self, to: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Through)
        self.to = urlsplit(to.endpoint)
        url = f"http://127.0.0.1:{self.server_port}"
        self.store = Store(url + self.to.path, url + urlsplit(to.graph_store).path)
        self.wrote: list[int] = []

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Through(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        way = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if way.asks_for and self.headers.get("Authorization") != way.asks_for:
            self._send(401, {"WWW-Authenticate": 'Basic realm="x"'}, b"who?")
            return
        if self.path.startswith("/store"):
            way.left -= 1
            if way.left < 0:
                self._send(403, {}, b"enough")
                return
            way.wrote.append(body.count(b"\n"))
        connection = http.client.HTTPConnection(way.to.hostname or "", way.to.port)
        names = ("Accept", "Content-Type")
        connection.request(
            self.command, self.path, body, {name: value for name in names if (value := self.headers.get(name))}
        )
        try:
            answer = connection.getresponse()
        except http.client.HTTPException:  # the server has been ended
            self.close_connection = True
            return
        content, kind = answer.read(), answer.headers.get("Content-Type", "")
        connection.close()
        if self.command == "PUT" and "loaded" in self.path and (call := way.once_status_is_written):
            way.once_status_is_written = None
            call()
        # Queries about the loaded release pass unchanged: only answers have faults.
        fault = "" if "loaded%3E" in self.path else way.fault
        match fault:
            case "cut":  # the length says more than comes
                self._send(
                    200, {"Content-Type": kind, "Content-Length": str(len(content))}, content[: len(content) // 2]
                )
            case "cut in chunks":
                half = content[: len(content) // 2]
                chunk = b"%x\r\n%s\r\n" % (len(half), half)
                self._send(200, {"Content-Type": kind, "Transfer-Encoding": "chunked"}, chunk)
            case "no end":
                self._send(200, {"Content-Type": kind}, content)
            case "a part":
                self._send(206, {"Content-Type": kind, "Content-Length": str(len(content))}, content)
            case "a limit":
                headers = {"Content-Type": kind, "X-SPARQL-MaxRows": "5", "Content-Length": str(len(content))}
                self._send(200, headers, content)
            case "a page":
                self._send(200, {"Content-Type": "text/html", "Content-Length": "5"}, b"Hello")
            case "words inside":
                headers = {"Content-Type": kind, "Content-Length": str(len(content) + 9)}
                self._send(200, headers, content[:-1] + b" !! error" + content[-1:])
            case "failure":
                self._send(500, {"Content-Length": str(len(OOPS))}, OOPS)
            case "busy":
                self._send(503, {"Content-Length": "4"}, b"Busy")
            case _:
                self._send(answer.status, {"Content-Type": kind, "Content-Length": str(len(content))}, content)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True
