"""No redirect takes a request, or the credentials in it, to another origin."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cybilgraph.errors import CybilgraphError, FetchError, LoadError
from cybilgraph.readers.filesystems import local_copies
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint, RequestFailed
from cybilgraph.sync import graph_store
from cybilgraph.sync.fetch import Site
from tests.conftest import run
from tests.support.publisher import Publisher
from tests.support.servers import certificate

pytestmark = pytest.mark.slow

TABLE = b'{"head": {}, "boolean": true}'
REDIRECTS = (301, 302, 303, 307, 308)


class Server(ThreadingHTTPServer):
    """A server that redirects by ``leads``, from path to address, and answers all else; it records requests."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__((host, 0), _Handler)
        self.leads: dict[str, str] = {}
        self.status = 302
        self.requests: list[tuple[str, str, str | None]] = []
        self.url = f"http{'s' if certificate else ''}://{host}:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.server.requests.append((self.command, path, self.headers.get("Authorization")))
        lead = self.server.leads.get(path)
        self.send_response(self.server.status if lead else 200)
        if lead:
            self.send_header("Location", lead)
        self.send_header("Content-Type", "application/sparql-results+json")
        self.send_header("Content-Length", str(len(TABLE)))
        self.end_headers()
        self.wfile.write(TABLE)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(host: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    with Server(host, certificate) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def first() -> Iterator[Server]:
    """The server that is trusted."""
    with running() as server:
        yield server


@pytest.fixture(params=["another port", "a private address", "another name", "a user in the address"])
def other(request: pytest.FixtureRequest, first: Server) -> Iterator[Server]:
    """A server that nobody named, under an address that the first leads to."""
    with running("127.0.0.2" if request.param == "a private address" else "127.0.0.1") as server:
        if request.param == "another name":
            server.url = server.url.replace("127.0.0.1", "localhost")
        if request.param == "a user in the address":
            server.url = server.url.replace("://", f"://127.0.0.1:{first.server_port}@")
        yield server


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_store, "_FIRST_PAUSE_SECONDS", 0.01)


SECRETS = (Credentials("me", "secret"), Credentials("", "token"))


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("credentials", SECRETS, ids=["password", "token"])
@pytest.mark.parametrize("length", [0, 3_000], ids=["GET", "POST"])
def test_query_and_credentials_stay_with_one_origin(
    first: Server, other: Server, credentials: Credentials, length: int, status: int
) -> None:
    first.leads, first.status = {"/sparql": f"{other.url}/sparql"}, status
    with pytest.raises(RequestFailed, match="redirects elsewhere") as error:
        Endpoint(f"{first.url}/sparql", credentials).query("ASK {} #" + "x" * length)
    assert other.url in str(error.value)
    assert "use it instead" in error.value.hint
    assert [path for _, path, _ in first.requests] == ["/sparql"]
    assert other.requests == []


@pytest.mark.parametrize("status", REDIRECTS)
def test_query_follows_a_redirect_within_the_origin(first: Server, status: int) -> None:
    first.leads, first.status = {"/sparql": "/query"}, status
    assert bool(Endpoint(f"{first.url}/sparql", SECRETS[1]).query("ASK {}"))
    assert first.requests[-1] == ("GET", "/query", "Bearer token")


def test_redirected_post_is_not_repeated_without_its_body(first: Server) -> None:
    first.leads = {"/sparql": "/query"}
    with pytest.raises(RequestFailed, match="redirects elsewhere"):
        Endpoint(f"{first.url}/sparql").query("ASK {} #" + "x" * 3_000)


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("credentials", SECRETS, ids=["password", "token"])
def test_graphs_and_credentials_stay_with_one_origin(
    first: Server, other: Server, credentials: Credentials, status: int
) -> None:
    first.leads, first.status = {"/store": f"{other.url}/store"}, status
    store = graph_store.GraphStore(f"{first.url}/store", credentials)
    for send in (store.put, store.add):
        with pytest.raises(LoadError, match="redirects elsewhere") as error:
            send("http://example.org/g", b"<a:b> <a:b> <a:b> .\n")
        assert "use it instead" in error.value.hint
    with pytest.raises(LoadError):
        store.delete("http://example.org/g")
    assert other.requests == []


@pytest.mark.parametrize("status", REDIRECTS)
def test_publisher_cannot_redirect_to_another_site(first: Server, other: Server, tmp_path: Path, status: int) -> None:
    first.leads, first.status = {"/a": f"{other.url}/a", "/b": "/c", "/c": f"//{other.url[7:]}/c"}, status
    with Site(first.url, attempts=1) as site:
        for path in ("/a", "/b"):
            with pytest.raises(FetchError, match="redirects to another site"):
                site.get(path)
            with pytest.raises(FetchError, match="redirects to another site"):
                site.download(path, tmp_path / "file")
        assert site.get("/a", method="POST", body="x").status == status
    assert other.requests == []
    assert not list(tmp_path.iterdir())


def test_redirects_are_followed_within_the_origin_and_to_allowed_hosts(first: Server, other: Server) -> None:
    first.leads = {"/a": "/b", "/c": f"{other.url}/c"}
    host = other.url.rpartition("/")[2].rpartition("@")[2]
    with Site(first.url, attempts=1, allowed_hosts=[host.upper()]) as site:
        assert site.get("/a").status == site.get("/c").status == 200
        other.leads = {"/c": f"{first.url}/a"}
        assert site.get("/c").status == 200
        other.leads = {"/c": f"{first.url}/c"}
        with pytest.raises(FetchError, match="redirects more than 5 times"):
            site.get("/c")
    other.leads = {}
    with Site(first.url, attempts=1, allowed_hosts=[host.partition(":")[0]]) as site, pytest.raises(FetchError):
        site.get("/c")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "//[", "data:,x"])
def test_invalid_redirect_is_refused(first: Server, target: str) -> None:
    first.leads = {"/a": target}
    with Site(first.url, attempts=1) as site, pytest.raises(FetchError, match="redirects to another site"):
        site.get("/a")
    with pytest.raises(RequestFailed):
        Endpoint(f"{first.url}/a").query("ASK {}")


def test_redirect_from_https_to_http_is_refused(first: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with running(certificate=files) as secure:
        secure.leads = {path: f"{first.url}{path}" for path in ("/sparql", "/store", "/a")}
        assert bool(Endpoint(f"{secure.url}/query", SECRETS[0]).query("ASK {}")), "the certificate is accepted"
        with pytest.raises(RequestFailed, match="redirects elsewhere"):
            Endpoint(f"{secure.url}/sparql", SECRETS[0]).query("ASK {}")
        with pytest.raises(LoadError, match="redirects elsewhere"):
            graph_store.GraphStore(f"{secure.url}/store", SECRETS[1]).put("http://example.org/g", b"x")
        host = first.url.removeprefix("http://")
        with Site(secure.url, attempts=1, allowed_hosts=[host]) as site:
            assert site.get("/b").status == 200
            with pytest.raises(FetchError, match="redirects to another site"):
                site.get("/a")
    assert first.requests == []


def test_password_in_a_source_url_stays_with_its_origin(first: Server, other: Server) -> None:
    first.leads = {"/a.txt": f"{other.url}/a.txt"}
    address = first.url.replace("://", "://me:secret@")
    try:
        with local_copies([f"{address}/a.txt"]):
            pass
    except CybilgraphError as error:
        assert "secret" not in str(error)
    assert any(given for _, _, given in first.requests)
    assert not any(given and given != _basic_of(other.url) for _, _, given in other.requests)


def _basic_of(url: str) -> str:
    """What a client sends of its own accord for a user in the address that it is led to."""
    user, at, _ = url.partition("://")[2].rpartition("@")
    name, _, password = user.partition(":")
    return Credentials(name, password).header["Authorization"] if at else ""


def test_harvest_follows_a_redirect_only_to_allowed_hosts(publisher: Publisher, first: Server, tmp_path: Path) -> None:
    names = ["/latest/SHA256SUMS", *(f"/release/3/cybilgraph.nq.{suffix}" for suffix in ("zst", "gz"))]
    first.leads = {path: f"{publisher.url}{path}" for path in names}
    copy = tmp_path / "copy"
    refused = run("harvest", first.url, "--into", copy, "--attempts", 1)
    assert refused.returncode == 2
    assert b"redirects to another site" in refused.stderr
    assert b"--allow-host" in refused.stderr
    assert not (copy / "graph.nq").exists()
    host = publisher.url.rpartition("/")[2]
    allowed = run("harvest", first.url, "--into", copy, "--attempts", 1, "--allow-host", host)
    assert allowed.returncode == 0, allowed.stderr
    assert (copy / "graph.nq").read_bytes() == publisher.lines(3)
