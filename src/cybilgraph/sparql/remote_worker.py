"""The worker process of the remote engine: sends one query at a time to an endpoint and reads the answer.

Run as ``python -m cybilgraph.sparql.remote_worker URL CREDENTIALS STORE CHECKSUM MEMORY_BYTES ANSWER_BYTES``. With a
release (its local STORE, the CHECKSUM of its N-Quads) a query is first parsed here, so that syntax and error messages
do not depend on the endpoint. An answer then counts only if, after it has ended, the endpoint still holds this release
(or its current graph, if the query used no other). Whatever format the endpoint sends, answers are serialised here.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pyoxigraph as ox

from cybilgraph.errors import EndpointFailed, EngineUnavailable, QueryError, QueryRefused, QuerySyntaxError
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import PREFIXES, use_base
from cybilgraph.runtime.sandbox import Policy
from cybilgraph.runtime.worker import Handler, SendPart, run_fork_server
from cybilgraph.sparql import QUERY_DATASET, Dataset, lexer, query_analysis
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint, RequestFailed, current_graph, empty_graph
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.query_worker import check_syntax, columns, evaluate, failed, with_query
from cybilgraph.sparql.store import QueryResult

#: The parent kills a worker at the deadline; this timeout is only a fallback.
_REQUEST_TIMEOUT_SECONDS = 3600.0
#: The error for each status of an endpoint; 0 means that it does not answer.
_ERROR_OF_STATUS: dict[int, type[QueryError]] = {
    0: EngineUnavailable,
    400: QuerySyntaxError,
    401: QueryRefused,
    403: QueryRefused,
}
_LINE_END = re.compile(r"\r?\n")


@dataclass(slots=True)
class RemoteQuery:
    """Queries an endpoint, and checks that it holds the expected release, if one is given."""

    endpoint: Endpoint
    checksum: str = ""
    #: The named graphs of the release, which hold earlier captures.
    named: tuple[str, ...] = ()
    facts: Facts | None = None
    _sent: bool = field(default=False, init=False)
    #: Whether the last query used more than the current graph.
    _of_all: bool = field(default=True, init=False)

    def answer(self, request: dict[str, Any], send: SendPart, limit: int) -> tuple[dict[str, Any], bytes]:
        """Return the head and the last part of an answer, or the head of an error and no bytes."""
        self._sent = False
        try:
            head, rest = evaluate(self.facts, request, send, limit, find=self._find, clock=time.monotonic)
            if not self._sent:
                return head, rest
            if head.get("error") in (QuerySyntaxError.__name__, "evaluation"):
                return self._failed(f"The response of {self.endpoint.url} is incomplete", "Try again.", 502)
            if self.checksum and "error" not in head and self.checksum not in self._loaded():
                what = f"{self.endpoint.url} now holds a different release"
                return self._failed(what, "Try again in a few seconds.", 0)
        except RequestFailed as error:
            return self._failed(str(error), error.hint, error.status, error.server_message)
        return head, rest

    def _loaded(self) -> Collection[str]:
        """Return the checksums of releases of which the endpoint holds the graphs that the query used."""
        return (self.endpoint.loaded_release()[0],) if self._of_all else self.endpoint.loaded_graphs()

    def _failed(self, what: str, hint: str, status: int, server_message: str = "") -> tuple[dict[str, Any], bytes]:
        log = ""
        if self.checksum:
            if server_message:
                log = f"Error message of {self.endpoint.url}: {' '.join(_LINE_END.sub(' ', server_message).split())}"
            # The query was parsed here, so the fault is not in the query. Visitors must not see the address of the
            # endpoint, nor the query as it was sent there (after the first line).
            status = 502 if status else 0
            what = _LINE_END.split(what, maxsplit=1)[0].replace(self.endpoint.url, "the data server")
            what = what[:1].upper() + what[1:]
        head, rest = failed(_ERROR_OF_STATUS.get(status, EndpointFailed), what, hint)
        return head | {"log": log}, rest

    def _find(self, request: dict[str, Any]) -> QueryResult:
        query = request["query"]
        graphs = Dataset(tuple(request.get("default_graphs", ())), tuple(request.get("named_graphs", ())))
        if self.checksum:
            check_syntax(query)
            query = query_analysis.with_columns(query, columns)
            graphs = self._dataset(query, graphs)
            self._of_all = graphs != Dataset((current_graph(self.checksum),), (empty_graph(),))
        # SPARQLWrapper mistakes words in comments ("add up") for the query form.
        query = with_prefixes(lexer.without_comments(query))
        self._sent = True
        return self.endpoint.query(query, graphs, _REQUEST_TIMEOUT_SECONDS)

    def _dataset(self, query: str, graphs: Dataset) -> Dataset:
        """Name the graphs of the release, unless the request or the query names its own (SPARQL 1.1 Protocol,
        section 2.1.4). An empty part of the dataset is named too, because some servers would use all their graphs.
        """
        if graphs == QUERY_DATASET:
            words = lexer.keywords(query)
            if "FROM" in words:
                return QUERY_DATASET
            graphs = Dataset((current_graph(self.checksum),), self.named if "GRAPH" in words else ())
        return Dataset(graphs.default or (empty_graph(),), graphs.named or (empty_graph(),))


def with_prefixes(query: str) -> str:
    """Declare those of our prefixes that a query uses without declaring, so that it runs on any endpoint.

    The declarations go into the first line, so that line numbers stay the same.
    """
    missing = sorted(query_analysis.undeclared_names(query) & PREFIXES.keys())
    return " ".join([*(f"PREFIX {name}: <{PREFIXES[name]}>" for name in missing), query])


def main(base: str, url: str, credentials: str, folder: str, checksum: str, memory: str, limit: str) -> None:
    """Load the shared data and fork workers."""
    use_base(base)
    endpoint = Endpoint(url, Credentials.of(credentials))
    load_gazetteer()

    def prepare() -> Handler:
        if not folder:
            asking = RemoteQuery(endpoint)
        else:
            store = ox.Store.read_only(folder)
            named = tuple(sorted(graph.value for graph in store.named_graphs() if isinstance(graph, ox.NamedNode)))
            asking = RemoteQuery(endpoint, checksum, named, Facts(store))
        return lambda request, query, send: asking.answer(with_query(request, query), send, int(limit))

    run_fork_server(prepare, int(memory), Policy((folder,) if folder else (), (url,), is_measured=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
