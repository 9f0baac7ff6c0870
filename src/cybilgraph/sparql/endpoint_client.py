"""A client for remote SPARQL 1.1 servers, built on SPARQLWrapper, that also finds out which release they hold.

``cybilgraph load`` writes the current data into a graph named after its checksum, and earlier captures into their own
named graphs, because many servers have no separate default graph or use the union of all graphs for it. Last, it
writes a small graph that says which release is loaded, and during a replacement, whose current data is still there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from SPARQLWrapper import SPARQLWrapper

from cybilgraph.errors import CybilgraphError
from cybilgraph.model.formats import FORMATS
from cybilgraph.model.vocabulary import DCTERMS, own_iri
from cybilgraph.rdf.serialisation import RDF_FORMATS
from cybilgraph.runtime.http_client import USER_AGENT, ConnectionFailed, HttpClient, RedirectRefused, Response
from cybilgraph.sparql import QUERY_DATASET, Dataset
from cybilgraph.sparql.query_analysis import returns_graph
from cybilgraph.sparql.store import RESULT_FORMATS, QueryResult

#: The release is loaded completely; or only its current graph is there, during a replacement.
HAS_RELEASE, HAS_CURRENT_GRAPH = DCTERMS.hasVersion, DCTERMS.relation
#: Longer queries (with their graphs) are sent by POST, because some servers truncate long URLs.
_MAX_GET_CHARS = 2000
#: Formats that servers must support, with alternatives. Truncation is detectable in these table formats.
_ACCEPT_TABLE = "application/sparql-results+json, application/sparql-results+xml;q=0.5"
_ACCEPT_GRAPH = "application/n-triples, text/turtle;q=0.8, application/rdf+xml;q=0.5"
#: Limits of a server's error message: characters shown to users, bytes read and logged.
_MAX_MESSAGE_CHARS, _MAX_LOG_CHARS = 500, 4_000
_TIMEOUT_SECONDS = 30.0
#: Subjects per query of ``statements_about``.
_SUBJECTS_PER_QUERY = 50
#: Triples that are sorted; the rest of a larger answer follows unsorted.
_MAX_SORTED_TRIPLES = 100_000


class RequestFailed(Exception):
    """The endpoint does not answer (status 0) or reports an error; ``server_message`` is its explanation."""

    def __init__(self, what: str, hint: str = "", status: int = 0, server_message: str = "") -> None:
        super().__init__(what)
        self.hint = hint
        self.status = status
        self.server_message = server_message


def loaded_graph() -> str:
    """Return the name of the graph that says which release is loaded, which is also the subject of its statements."""
    return own_iri("loaded")


def empty_graph() -> str:
    """Return the name of a graph that no server has."""
    return f"{loaded_graph()}/nothing"


def current_graph(checksum: str) -> str:
    """Return the name of the graph with the current data of a release, by the SHA-256 of its N-Quads."""
    return f"{loaded_graph()}/{checksum}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials for a server: a user name and a password, or a token."""

    user: str = ""
    secret: str = ""

    @classmethod
    def of(cls, file: str) -> Credentials:
        """Read credentials from a file with one line, ``USER:PASSWORD`` or a token; without a file there are none.

        Raises CybilgraphError if it cannot be read.
        """
        if not file:
            return cls()
        try:
            user, colon, secret = Path(file).read_text(encoding="utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            raise CybilgraphError(
                f"The credentials in {file} cannot be read: {error}",
                "The file must have one line: USER:PASSWORD, or a token.",
            ) from error
        return cls(user, secret) if colon else cls("", user)

    @property
    def header(self) -> dict[str, str]:
        """The Authorization header (RFC 7617, RFC 6750)."""
        basic = f"Basic {base64.b64encode(f'{self.user}:{self.secret}'.encode()).decode()}"
        return {"Authorization": basic if self.user else f"Bearer {self.secret}"} if self.secret else {}


def redirect_refused(status: int, location: str) -> str:
    """Return the message for a redirect that is not followed; empty for another status.

    The target is in its own line, which visitors of a site do not see.
    """
    if not 300 <= status < 400:
        return ""
    return f"redirects elsewhere, and the redirect is not followed:\n{location[:_MAX_MESSAGE_CHARS]}"


REDIRECTED = "Credentials are sent to one origin only. If you trust the new address, use it instead."


class Endpoint:
    """A server that supports the SPARQL 1.1 Protocol."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        self.url = url
        # A server may close an idle connection just when the next query is sent, so use each connection once.
        self._headers = {"Connection": "close", **(credentials or Credentials()).header}
        self._client = HttpClient(url, _TIMEOUT_SECONDS)

    def query(self, query: str, graphs: Dataset = QUERY_DATASET, seconds: float = _TIMEOUT_SECONDS) -> QueryResult:
        """Send a query and return the result, which is read lazily.

        Raises RequestFailed; during iteration, OSError if the connection is interrupted, and SyntaxError if the
        response is not valid.
        """
        response = self._send(query, graphs, seconds)
        try:
            return self._result(response)
        except BaseException:
            response.close()
            raise

    def _result(self, response: Response) -> QueryResult:
        if response.status != 200 or response.headers.get("X-SPARQL-MaxRows"):  # Virtuoso's signs of a partial answer
            hint = "Request fewer rows, or raise the limits of the server."
            raise RequestFailed(f"{self.url} returned a partial result", hint, 502)
        media_type = (response.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        fmt = next((fmt for fmt in FORMATS if media_type in fmt.media_types), None)
        if not fmt:
            what = f"{self.url} answered with {media_type or 'no media type'}"
            raise RequestFailed(what, "Is it a SPARQL endpoint?", 502)
        if not fmt.carries_graph:
            return _boolean(ox.parse_query_results(input=response.stream(), format=RESULT_FORMATS[fmt.name]))
        if not response.headers.keys() & {"content-length", "transfer-encoding"}:
            what = f"{self.url} sent neither a length nor chunks"
            raise RequestFailed(what, "Does a proxy remove Content-Length?", 502)
        quads = ox.parse(input=response.stream(), format=RDF_FORMATS[fmt.name], base_iri=self.url)
        triples = (quad.triple for quad in quads)
        # Servers may return triples in any order; sorting keeps those of one subject together.
        return chain(sorted(islice(triples, _MAX_SORTED_TRIPLES), key=str), triples)

    def _send(self, query: str, graphs: Dataset, seconds: float) -> Response:
        wrapper = SPARQLWrapper(self.url, agent=USER_AGENT)
        wrapper.setQuery(query)
        wrapper.queryType = "SELECT"  # SPARQLWrapper guesses, and may take a word for an update
        wrapper.setMethod(
            "POST" if len(query) + sum(map(len, graphs.default + graphs.named)) > _MAX_GET_CHARS else "GET"
        )
        # SPARQLWrapper's own options allow one format only; a header allows several.
        wrapper.setOnlyConneg(True)
        wrapper.addCustomHttpHeader("Accept", _ACCEPT_GRAPH if returns_graph(query) else _ACCEPT_TABLE)
        for graph in graphs.default:
            wrapper.addDefaultGraph(graph)
        for graph in graphs.named:
            wrapper.addNamedGraph(graph)
        # SPARQLWrapper would send it with urllib, which takes credentials along to any site that it is redirected to.
        request: Any = wrapper._createRequest()
        headers = {**dict(request.header_items()), **self._headers}
        method = request.get_method()
        try:
            response = self._client.send(method, request.full_url, headers, request.data, timeout=seconds)
            if 200 <= response.status < 300:
                return response
            with response:
                if what := redirect_refused(response.status, response.headers.get("Location", "")):
                    raise self._redirected(what, response.status)
                message = response.start(_MAX_LOG_CHARS).decode(errors="replace")
                raise self._request_error(message, response.status)
        except RedirectRefused as error:
            raise self._redirected(redirect_refused(error.status, error.location), error.status) from error
        except (ConnectionFailed, ValueError) as error:  # ValueError: not a URL
            raise RequestFailed(f"{self.url} does not respond: {error}", "Is the server running?") from error

    def _redirected(self, what: str, status: int) -> RequestFailed:
        return RequestFailed(f"{self.url} {what}", REDIRECTED, status)

    def _request_error(self, message: str, status: int) -> RequestFailed:
        server_message = message.strip()
        what, hint = f"{self.url} failed with status {status}", ""
        match status:
            case 400:
                what = f"{self.url} refused the query"
            case 401 | 403:
                what, hint = f"{self.url} refused the query", "Check the credentials."
            case 429 | 503:
                what, hint, status = f"{self.url} is busy", "Try again in a few seconds.", 0
        return RequestFailed(f"{what}: {server_message[:_MAX_MESSAGE_CHARS]}", hint, status, server_message)

    def loaded_release(self) -> tuple[str, int]:
        """Return the checksum and the number of the release that is completely loaded; empty and 0 if there is none.

        Raises RequestFailed.
        """
        return next((release for how, release in self._loaded_rows() if how == HAS_RELEASE), ("", 0))

    def loaded_graphs(self) -> dict[str, int]:
        """Return checksum and number of each release whose current graph is loaded. Raises RequestFailed."""
        return dict(held for _, held in self._loaded_rows())

    def _loaded_rows(self) -> list[tuple[str, tuple[str, int]]]:
        # Joined here, because Virtuoso joins with a scan of all identifiers, those of all other graphs included.
        rows = self._rows(f"SELECT ?s ?p ?o {{ GRAPH <{loaded_graph()}> {{ ?s ?p ?o }} }}", _TIMEOUT_SECONDS)
        numbers = {row["s"]: int(row["o"]) for row in rows if row["p"] == DCTERMS.identifier}
        return [
            (row["p"], (row["o"].rpartition("/")[2], numbers[row["o"]]))
            for row in rows
            if row["s"] == loaded_graph() and row["o"] in numbers
        ]

    def counts(self) -> dict[str, int]:
        """Count the statements in each of our graphs. Raises RequestFailed."""
        is_own = " || ".join(f'STRSTARTS(STR(?g), "{start}")' for start in (own_iri("graph/"), loaded_graph()))
        query = f"SELECT ?g (COUNT(*) AS ?n) {{ GRAPH ?g {{ ?s ?p ?o }} FILTER({is_own}) }} GROUP BY ?g"
        return {row["g"]: int(row["n"]) for row in self._rows(query, 3600)}

    def statements_about(self, subjects: Iterable[str], graph: str) -> dict[str, set[str]]:
        """Return a graph's triples about these subjects, as N-Triples lines by subject. Raises RequestFailed."""
        found: dict[str, set[str]] = {}
        remaining = iter(subjects)
        while batch := list(islice(remaining, _SUBJECTS_PER_QUERY)):
            found |= {subject: set() for subject in batch}
            values = " ".join(f"<{subject}>" for subject in batch)
            query = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ {values} }} ?s ?p ?o }}"
            triples: Any = self.query(query, Dataset((graph,), (empty_graph(),)))
            for triple in triples:
                found.setdefault(triple.subject.value, set()).add(f"{triple} .")
        return found

    def _rows(self, query: str, seconds: float) -> list[dict[str, str]]:
        """Return the rows of a SELECT that binds all its variables."""
        solutions: Any = self.query(query, seconds=seconds)
        try:
            names = [variable.value for variable in solutions.variables]
            return [{name: solution[name].value for name in names} for solution in solutions]
        except (SyntaxError, OSError, AttributeError) as error:
            raise RequestFailed(f"{self.url} returned an incomplete result: {error}", status=502) from error


def _boolean(found: ox.QuerySolutions | ox.QueryBoolean) -> ox.QuerySolutions | ox.QueryBoolean:
    """Convert the answer to an ASK, which Virtuoso returns as a table with one row, to a boolean."""
    if isinstance(found, ox.QueryBoolean) or [each.value for each in found.variables] != ["__ASK_RETVAL"]:
        return found
    values = [solution[0] for solution in found]  # reads all of the response
    yes = isinstance(values[0], ox.Literal) and values[0].value not in ("0", "false")
    document = json.dumps({"head": {}, "boolean": yes}).encode()
    return ox.parse_query_results(input=document, format=ox.QueryResultsFormat.JSON)
