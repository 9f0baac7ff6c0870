"""A release → a SPARQL 1.1 server, by the Graph Store HTTP Protocol, graph by graph; and whether it is there.

The present of a release has a graph of its own name, so that it comes beside what is served. Then the
statement which release is there says that of the one before there is only the present; earlier captures
are replaced, what is of no use any more is deleted, all is counted, and the statement is made anew: at no
moment it says what is not so. The present of the one before is deleted when sites have had time to see that.
"""

from __future__ import annotations

import random
import shlex
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from cybilgraph.engine.endpoint import (
    LOADED,
    PRESENT,
    REDIRECTED,
    WHOLE,
    Credentials,
    Endpoint,
    SameOriginRedirects,
    Unanswered,
    present,
    redirect_refused,
)
from cybilgraph.engine.store import is_of_version, told_of
from cybilgraph.errors import EndpointFailed, EngineUnavailable, LoadError
from cybilgraph.graphs import GRAPH, lines_of
from cybilgraph.ntriples import iri, literal
from cybilgraph.release import Release
from cybilgraph.vocab import DCTERMS, thing

#: So many statements are sent at once: about ten megabytes.
_AT_ONCE = 50_000
#: Statuses that may be others a moment later; how often is asked; the first pause, in seconds, which doubles.
_BUSY, _ATTEMPTS, _PAUSE = {408, 425, 429, 500, 502, 503, 504}, 4, 1.0
#: Seconds for the server to take in what it was sent.
_PATIENCE = 600.0
_TOLD = 300
#: Seconds in which a site sees that there is another release, and asks that.
_SEEN = 10.0
#: So many projects are compared at once.
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the server has of a release: statements of the present, graphs of earlier captures; ``sent`` are the
    statements that had to be sent.
    """

    release: int
    statements: int
    graphs: int
    sent: int


def require(endpoint: Endpoint, release: Release) -> None:
    """Raise EndpointFailed where it holds another release than this, or none; EngineUnavailable."""
    try:
        held, number = endpoint.held()
    except Unanswered as error:
        raise EngineUnavailable(str(error), error.hint) from error
    if held != release.checksum(GRAPH):
        folder = release.folder.parent
        has = f"another make of release {number:04d}" if number == release.number else f"release {number:04d}"
        raise EndpointFailed(
            f"{endpoint.url} has {has if number else 'no whole release'}, not release {release.number:04d} of {folder}",
            f"Load it: {shlex.join(('cybilgraph', 'load', str(folder), '--endpoint', endpoint.url))}",
        )


def difference(endpoint: Endpoint, release: Release, sample: int = _SAMPLE) -> str:
    """What the endpoint has otherwise than a release that it says to hold, in words; empty where nothing is found.

    Compared are the number of all statements, and those about a ``sample`` of projects, others each time.
    Raises EngineUnavailable.
    """
    checksum = release.checksum(GRAPH)
    try:
        present_ones = {present(other) for other in endpoint.presents()} - {present(checksum)}
        counts = endpoint.counts()
        have = sum(count for graph, count in counts.items() if graph not in {*present_ones, LOADED})
        if have != (quads := release.manifest["counts"]["quads"]):
            return f"it has {have:,} statements, and the release {quads:,}"
        with release.identities() as rows:
            keys = sorted({key for key, _ in rows})
        some = [thing("project", key) for key in random.sample(keys, min(sample, len(keys)))]
        ours = told_of(release.store, some)
        theirs = endpoint.told_of(ours, present(checksum))
    except Unanswered as error:
        raise EngineUnavailable(str(error), error.hint) from error
    other = sorted(subject for subject in ours if ours[subject] != theirs.get(subject))
    return f"what it has of {other[0]} is not what the release has" if other else ""


def load(
    release: Release,
    endpoint: Endpoint,
    store: str,
    credentials: Credentials,
    *,
    anew: bool = False,
    told: Callable[[int, int], None] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Loaded:
    """Make the server at ``endpoint`` hold a release; graphs are sent to ``store``, the address of its graph store.

    What an earlier run has sent is not sent again, unless it is to be sent ``anew``. ``told`` are the
    statements that are there, and all. Sites that serve the release before go on, but for queries of earlier
    captures, and ``wait`` is called for the seconds in which they see the new one. Raises ReleaseError, LoadError.
    """
    told = told or (lambda *_: None)
    release.verify()
    checksum, path = release.checksum(GRAPH), release.folder / GRAPH
    name, target = present(checksum), _GraphStore(store, credentials)
    wanted = Counter(graph or name for graph, _ in _statements(path))
    try:
        have = endpoint.counts()
        ours = {graph: have.get(graph, 0) for graph in wanted}
        found = endpoint.held() == (checksum, release.number) and have.keys() - {LOADED} == ours.keys()
        if found and ours == wanted and not anew:
            return Loaded(release.number, wanted[name], len(wanted) - 1, 0)
        before = {present(held): number for held, number in endpoint.presents().items()}
        before = {graph: number for graph, number in before.items() if graph in have and graph != name}
        still = b"".join(_statement(PRESENT, graph, number) for graph, number in before.items())
        if anew or ours[name] > wanted[name]:
            target.put(LOADED, still)
            target.delete(name)
            ours[name] = 0
        sent = _send_present(path, name, ours[name], target, lambda done: told(done, wanted.total()))
        target.put(LOADED, still)
        sent += _send_versions(path, target)
        for graph in have.keys() - wanted.keys() - before.keys() - {LOADED}:
            target.delete(graph)
        _compare(wanted, endpoint, before.keys())
        whole = _statement(WHOLE, name, release.number)
        target.put(LOADED, whole + still)
        if endpoint.held() != (checksum, release.number):
            raise LoadError(f"{endpoint.url} does not show what {store} was sent", "Are they of one database?")
        if before:
            wait(_SEEN)
            target.put(LOADED, whole)
        for graph in before:
            target.delete(graph)
    except Unanswered as error:
        raise LoadError(str(error), error.hint) from error
    told(wanted.total(), wanted.total())
    return Loaded(release.number, wanted[name], len(wanted) - 1, sent)


def _statements(path: Path) -> Iterator[tuple[str, bytes]]:
    """The statements of a release as N-Triples, each with the name of its graph; that of the present is empty."""
    with lines_of(path) as lines:
        for line in lines:
            if is_of_version(line):
                triple, graph = line.rstrip(b" .\n").rsplit(b" ", 1)
                yield graph[1:-1].decode(), triple + b" .\n"
            else:
                yield "", line


def _send_present(path: Path, name: str, have: int, target: _GraphStore, told: Callable[[int], None]) -> int:
    """Send the present, block by block, from the first that may not be there; how many statements that were.

    Each statement is there once, and blocks come in one order: so many of them are there as their count says,
    and to send one twice changes nothing.
    """
    done = sent = 0
    for block in _blocks(line for graph, line in _statements(path) if not graph):
        if done + len(block) > have:
            target.add(name, b"".join(block))
            sent += len(block)
        done += len(block)
        told(done)
    return sent


def _send_versions(path: Path, target: _GraphStore) -> int:
    """Replace the graphs of earlier captures, each a page long; how many statements that were."""
    sent, begun = 0, set()
    versions = ((graph, line) for graph, line in _statements(path) if graph)
    for graph, lines in groupby(versions, lambda version: version[0]):
        block = [line for _, line in lines]
        (target.add if graph in begun else target.put)(graph, b"".join(block))
        begun.add(graph)
        sent += len(block)
    return sent


def _blocks(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while block := list(islice(lines, _AT_ONCE)):
        yield block


def _compare(wanted: Counter[str], endpoint: Endpoint, beside: Collection[str]) -> None:
    """Raise LoadError where a graph, but those ``beside``, has another number of statements than it ought to have;
    Unanswered.
    """
    have = {graph: count for graph, count in endpoint.counts().items() if graph not in {*beside, LOADED}}
    wrong = sorted(graph for graph in wanted.keys() | have.keys() if wanted[graph] != have.get(graph, 0))
    if wrong:
        told = "; ".join(f"{graph}: {have.get(graph, 0):,}, not {wanted[graph]:,}" for graph in wrong[:3])
        raise LoadError(
            f"{endpoint.url} has other numbers of statements than the release, in {len(wrong)} graphs ({told})",
            "Load it again with --anew. If that does not help, the server changes what it is sent.",
        )


def _statement(how: str, name: str, number: int) -> bytes:
    """What the server says of a release: that it is there, WHOLE, or that its PRESENT is."""
    return (
        f"{iri(LOADED)} {iri(how)} {iri(name)} .\n{iri(name)} {iri(DCTERMS.identifier)} {literal(str(number))} .\n"
    ).encode()


class _GraphStore:
    """A server's graphs by the SPARQL 1.1 Graph Store HTTP Protocol (W3C recommendation, 2013)."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/n-triples"}
        if not credentials.user:
            self._headers |= credentials.header
        # A password is sent by Basic only to who asks for that; Virtuoso asks for Digest.
        self._basic = credentials.header if credentials.user else {}
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if credentials.user:
            passwords.add_password(None, url, credentials.user, credentials.secret)
        self._opener = urllib.request.build_opener(SameOriginRedirects, urllib.request.HTTPDigestAuthHandler(passwords))

    def put(self, graph: str, triples: bytes) -> None:
        """Make this the graph (section 5.3), or delete it where it would be empty, as not all servers have such.

        Raises LoadError.
        """
        self._send("PUT" if triples else "DELETE", graph, triples or None)

    def add(self, graph: str, triples: bytes) -> None:
        """Add to the graph (section 5.5). Raises LoadError."""
        self._send("POST", graph, triples)

    def delete(self, graph: str) -> None:
        """Delete the graph, if it is there (section 5.4). Raises LoadError."""
        self._send("DELETE", graph, None)

    def _send(self, method: str, graph: str, triples: bytes | None) -> None:
        address = f"{self._url}{'&' if '?' in self._url else '?'}graph={quote(graph, safe='')}"
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE * 2 ** (attempt - 1))
            try:
                status, reason, challenge = self._once(method, address, triples)
                if status == 401 and self._basic and challenge.lower().startswith("basic"):
                    self._headers |= self._basic
                    status, reason, _ = self._once(method, address, triples)
            except (URLError, OSError, ValueError) as error:  # ValueError: urllib's, of another way to authenticate
                reason = str(getattr(error, "reason", error))
                continue
            if status < 300 or (status == 404 and method == "DELETE"):
                return
            if status not in _BUSY:
                raise LoadError(f"{self._url} refused {method} of {graph}: {reason}", _hint(status))
        raise LoadError(f"{self._url} did not take {graph}: {reason}", "Run it again: it goes on where it stopped.")

    def _once(self, method: str, address: str, triples: bytes | None) -> tuple[int, str, str]:
        """The status, what the server says, and what it wants to know who asks. Raises OSError, ValueError."""
        request = urllib.request.Request(address, triples, self._headers, method=method)  # noqa: S310  http or https
        try:
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                return answer.status, "", ""
        except HTTPError as error:
            with error:
                if what := redirect_refused(error):
                    return error.code, what, ""
                told = error.read(_TOLD).decode(errors="replace").strip()
                return error.code, f"status {error.code} {told}".strip(), error.headers.get("WWW-Authenticate", "")


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return REDIRECTED
    if status in (401, 403):
        return "Name a file with USER:PASSWORD, or a token: --credentials FILE"
    return "Is it the address of its graph store? Name that: --graph-store URL"
