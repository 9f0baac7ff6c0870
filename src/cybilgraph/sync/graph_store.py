"""Loads a release into a SPARQL 1.1 server over the Graph Store HTTP Protocol, and checks that it is loaded.

The current statements of a release have a graph of their own name, so that they are loaded next to the served release.
A status graph on the server says which releases are loaded, and is correct at every moment: before earlier captures are
replaced, it is changed to say that of the previous release only the current graph remains. Then unused graphs are
deleted, all graphs are counted, and the status graph is changed to name the new release. The previous current graph is
deleted after sites have had time to switch.
"""

from __future__ import annotations

import random
import shlex
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from urllib.parse import quote

import httpx

from cybilgraph.errors import EndpointFailed, EngineUnavailable, LoadError
from cybilgraph.model.vocabulary import DCTERMS, thing_iri
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH, open_lines
from cybilgraph.runtime.http_client import RETRY_STATUSES, ConnectionFailed, HttpClient
from cybilgraph.sparql.endpoint_client import (
    HAS_CURRENT_GRAPH,
    HAS_RELEASE,
    REDIRECTED,
    Credentials,
    Endpoint,
    RequestFailed,
    current_graph,
    loaded_graph,
    redirect_refused,
)
from cybilgraph.sparql.store import statements_about

#: Statements per request, about 10 MB.
_BLOCK_STATEMENTS = 50_000
#: Number of attempts of a request, and the first pause between them, which doubles.
_MAX_ATTEMPTS, _FIRST_PAUSE_SECONDS = 4, 1.0
_REQUEST_TIMEOUT_SECONDS = 600.0
_MAX_MESSAGE_CHARS = 300
#: Time in which every site notices the new release and switches to it.
_SWITCH_SECONDS = 10.0
_SAMPLE_PROJECTS = 20


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The loaded release: its current statements, graphs of earlier captures, and the number of statements sent."""

    release: int
    statements: int
    graphs: int
    sent: int


def require_loaded(endpoint: Endpoint, release: Release) -> None:
    """Raise EndpointFailed if the endpoint has another release or none, EngineUnavailable if it does not respond."""
    try:
        checksum, number = endpoint.loaded_release()
    except RequestFailed as error:
        raise EngineUnavailable(str(error), error.hint) from error
    if checksum != release.checksum(GRAPH):
        folder = release.folder.parent
        has = f"another build of release {number:04d}" if number == release.number else f"release {number:04d}"
        has = has if number else "no complete release"
        raise EndpointFailed(
            f"{endpoint.url} has {has}, not release {release.number:04d} of {folder}",
            f"Load it: {shlex.join(('cybilgraph', 'load', str(folder), '--endpoint', endpoint.url))}",
        )


def find_difference(endpoint: Endpoint, release: Release) -> str:
    """Describe a difference between the endpoint and the release that it claims to have; return "" if none is found.

    Compares the total number of statements, and the statements about a random sample of projects.
    Raises EngineUnavailable.
    """
    checksum = release.checksum(GRAPH)
    try:
        other_releases = {current_graph(other) for other in endpoint.loaded_graphs()} - {current_graph(checksum)}
        counts = endpoint.counts()
        have = sum(count for graph, count in counts.items() if graph not in {*other_releases, loaded_graph()})
        if have != (quads := release.manifest["counts"]["quads"]):
            return f"it has {have:,} statements, but the release has {quads:,}"
        with release.identities() as rows:
            keys = sorted({key for key, _ in rows})
        projects = [thing_iri("project", key) for key in random.sample(keys, min(_SAMPLE_PROJECTS, len(keys)))]
        ours = statements_about(release.store, projects)
        theirs = endpoint.statements_about(ours, current_graph(checksum))
    except RequestFailed as error:
        raise EngineUnavailable(str(error), error.hint) from error
    other = sorted(subject for subject in ours if ours[subject] != theirs.get(subject))
    return f"its statements about {other[0]} differ from those of the release" if other else ""


def load(
    release: Release,
    endpoint: Endpoint,
    store: str,
    credentials: Credentials,
    *,
    resend: bool = False,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    wait: Callable[[float], None] = time.sleep,
) -> LoadResult:
    """Load a release into the server at ``endpoint``; ``store`` is the URL of its graph store.

    Skips what an earlier run has sent, unless ``resend``. ``on_progress`` receives the number of loaded statements and
    the total. Sites that serve the previous release continue, except for queries of earlier captures; ``wait`` is
    called with the seconds in which they switch to the new one. Raises ReleaseError, LoadError.
    """
    release.verify()
    checksum, path = release.checksum(GRAPH), release.folder / GRAPH
    name, target = current_graph(checksum), GraphStore(store, credentials)
    wanted = Counter(graph or name for graph, _ in _statements(path))
    try:
        have = endpoint.counts()
        ours = {graph: have.get(graph, 0) for graph in wanted}
        found = (
            endpoint.loaded_release() == (checksum, release.number) and have.keys() - {loaded_graph()} == ours.keys()
        )
        if found and ours == wanted and not resend:
            return LoadResult(release.number, wanted[name], len(wanted) - 1, 0)
        loaded = ((current_graph(other), number) for other, number in endpoint.loaded_graphs().items())
        before = {graph: number for graph, number in loaded if graph in have and graph != name}
        previous_status = b"".join(_status(HAS_CURRENT_GRAPH, graph, number) for graph, number in before.items())
        if resend or ours[name] > wanted[name]:
            target.put(loaded_graph(), previous_status)
            target.delete(name)
            ours[name] = 0
        sent = _send_current(path, name, ours[name], target, lambda done: on_progress(done, wanted.total()))
        target.put(loaded_graph(), previous_status)
        sent += _send_captures(path, target)
        for graph in have.keys() - wanted.keys() - before.keys() - {loaded_graph()}:
            target.delete(graph)
        _compare(wanted, endpoint, before.keys())
        status = _status(HAS_RELEASE, name, release.number)
        target.put(loaded_graph(), status + previous_status)
        if endpoint.loaded_release() != (checksum, release.number):
            raise LoadError(
                f"{endpoint.url} does not return what was sent to {store}", "Check that both use the same database."
            )
        if before:
            wait(_SWITCH_SECONDS)
            target.put(loaded_graph(), status)
        for graph in before:
            target.delete(graph)
    except RequestFailed as error:
        raise LoadError(str(error), error.hint) from error
    on_progress(wanted.total(), wanted.total())
    return LoadResult(release.number, wanted[name], len(wanted) - 1, sent)


def _statements(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the statements of a release as N-Triples, each with the name of its graph ("" for the current one)."""
    with open_lines(path) as lines:
        for line in lines:
            if is_in_earlier_graph(line):
                triple, graph = line.rstrip(b" .\n").rsplit(b" ", 1)
                yield graph[1:-1].decode(), triple + b" .\n"
            else:
                yield "", line


def _send_current(path: Path, name: str, have: int, target: GraphStore, on_progress: Callable[[int], None]) -> int:
    """Send the current graph block by block, starting after the ``have`` statements on the server; return the number.

    Blocks have a fixed order and distinct statements, so the count tells which blocks have arrived. Sending a block
    twice changes nothing.
    """
    done = sent = 0
    lines = (line for graph, line in _statements(path) if not graph)
    while block := list(islice(lines, _BLOCK_STATEMENTS)):
        done += len(block)
        if done > have:
            target.add(name, b"".join(block))
            sent += len(block)
        on_progress(done)
    return sent


def _send_captures(path: Path, target: GraphStore) -> int:
    """Replace the graphs of earlier captures, each as long as a page; return the number of statements."""
    sent, started = 0, set()
    captures = ((graph, line) for graph, line in _statements(path) if graph)
    for graph, lines in groupby(captures, lambda capture: capture[0]):
        block = [line for _, line in lines]
        (target.add if graph in started else target.put)(graph, b"".join(block))
        started.add(graph)
        sent += len(block)
    return sent


def _compare(wanted: Counter[str], endpoint: Endpoint, excluded: Collection[str]) -> None:
    """Raise LoadError if the number of statements of a graph is wrong, not counting those ``excluded``."""
    have = {graph: count for graph, count in endpoint.counts().items() if graph not in {*excluded, loaded_graph()}}
    wrong = sorted(graph for graph in wanted.keys() | have.keys() if wanted[graph] != have.get(graph, 0))
    if wrong:
        examples = "; ".join(f"{graph}: {have.get(graph, 0):,}, not {wanted[graph]:,}" for graph in wrong[:3])
        raise LoadError(
            f"{endpoint.url} and the release differ in the number of statements of {len(wrong)} graphs ({examples})",
            "Load it again with --resend. If that does not help, the server changes the data it receives.",
        )


def _status(predicate: str, name: str, number: int) -> bytes:
    """Return the status statements of a release: HAS_RELEASE, or HAS_CURRENT_GRAPH if only that graph is loaded."""
    return (
        f"{iri(loaded_graph())} {iri(predicate)} {iri(name)} .\n"
        f"{iri(name)} {iri(DCTERMS.identifier)} {literal(str(number))} .\n"
    ).encode()


class GraphStore:
    """A client of the SPARQL 1.1 Graph Store HTTP Protocol (W3C Recommendation, 2013)."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/n-triples"}
        if not credentials.user:
            self._headers |= credentials.header
        # Basic authentication is used only if the server requests it; Virtuoso requests Digest.
        self._basic = credentials.header if credentials.user else {}
        self._auth = httpx.DigestAuth(credentials.user, credentials.secret) if credentials.user else None
        self._client = HttpClient(url, _REQUEST_TIMEOUT_SECONDS)

    def put(self, graph: str, triples: bytes) -> None:
        """Replace a graph (section 5.3), or delete it if it would be empty, which some servers do not support.

        Raises LoadError.
        """
        self._send("PUT" if triples else "DELETE", graph, triples or None)

    def add(self, graph: str, triples: bytes) -> None:
        """Add triples to a graph (section 5.5). Raises LoadError."""
        self._send("POST", graph, triples)

    def delete(self, graph: str) -> None:
        """Delete a graph if it exists (section 5.4). Raises LoadError."""
        self._send("DELETE", graph, None)

    def _send(self, method: str, graph: str, triples: bytes | None) -> None:
        address = f"{self._url}{'&' if '?' in self._url else '?'}graph={quote(graph, safe='')}"
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                with self._client.send(method, address, self._headers, triples, auth=self._auth) as answer:
                    status, challenge = answer.status, answer.headers.get("WWW-Authenticate", "").lower()
                    if status < 300 or (status == 404 and method == "DELETE"):
                        return
                    reason = redirect_refused(status, answer.headers.get("Location", ""))
                    if not reason:
                        message = answer.start(_MAX_MESSAGE_CHARS).decode(errors="replace")
                        reason = f"status {status} {message.strip()}".strip()
            except (ConnectionFailed, ValueError) as error:  # ValueError: not a URL
                reason = str(error)
                continue
            if status == 401 and challenge.startswith("basic") and not self._headers.keys() >= self._basic.keys():
                self._headers |= self._basic
            elif status not in RETRY_STATUSES:
                raise LoadError(f"{self._url} refused {method} of {graph}: {reason}", _hint(status))
        raise LoadError(f"{self._url} did not accept {graph}: {reason}", "Run it again: it resumes where it stopped.")


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return REDIRECTED
    if status in (401, 403):
        return "Give a file with USER:PASSWORD or a token: --credentials FILE"
    return "Check that this is the URL of the graph store, or give it with --graph-store URL."
