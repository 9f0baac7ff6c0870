"""The engine over a SPARQL 1.1 endpoint anywhere, through SPARQLWrapper."""

from __future__ import annotations

from urllib.error import HTTPError, URLError

from SPARQLWrapper import SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from cybilgraph.engine import ALL, Answer, Content, Graphs
from cybilgraph.errors import EngineUnavailable, QueryError, QueryRefused, QuerySyntaxError
from cybilgraph.formats import FORMATS, Format
from cybilgraph.queries import undeclared_prefixes, without_comments
from cybilgraph.vocab import PREFIXES
from cybilgraph.workers.turns import Caller

#: A query longer than this goes in the body of a POST, since some servers cut long addresses.
_LONG = 2000


class RemoteEngine:
    """Sends queries to one endpoint."""

    services: frozenset[str] = frozenset()

    def __init__(self, url: str) -> None:
        self._url = url

    def answer(
        self,
        query: str,
        formats: tuple[Format, ...],
        timeout: float | None = None,
        *,
        graphs: Graphs = ALL,
        caller: Caller | None = None,  # noqa: ARG002  what was sent cannot be taken back
    ) -> Answer:
        """Answer a query; see Engine.answer. Raises QueryError and its kinds."""
        wrapper = SPARQLWrapper(self._url)
        # SPARQLWrapper takes a word of a comment ("add up") for the kind of query.
        wrapper.setQuery(with_prefixes(without_comments(query)))
        wrapper.setMethod("POST" if len(query) > _LONG else "GET")
        # SPARQLWrapper's own formats cannot name two at once; a header can.
        wrapper.setOnlyConneg(True)
        wrapper.addCustomHttpHeader("Accept", ", ".join(fmt.media_type for fmt in formats))
        for graph in graphs.default:
            wrapper.addDefaultGraph(graph)
        for graph in graphs.named:
            wrapper.addNamedGraph(graph)
        if timeout:
            wrapper.setTimeout(max(1, round(timeout)))
        try:
            response = wrapper.query().response
            content = response.read()
        except SPARQLWrapperException as error:
            raise _explained(self._url, str(error), getattr(error, "status", 0) or _status(error)) from error
        except HTTPError as error:
            raise _explained(self._url, error.read().decode(errors="replace"), error.code) from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise EngineUnavailable(f"{self._url} does not answer: {reason}", "Is the server running?") from error
        media_type = (response.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        for fmt in (*formats, *FORMATS):
            if media_type in fmt.media_types:
                return Answer(fmt, Content().end(content))
        raise QueryError(f"{self._url} answered with {media_type or 'no media type'}", "Is it a SPARQL endpoint?")

    def close(self) -> None:
        """Nothing to let go of: each query has its own connection."""


def with_prefixes(query: str) -> str:
    """The query with those of our prefixes declared that it uses and does not declare, so that
    what runs here runs on any endpoint. Line numbers stay: the declarations share line one.
    """
    missing = undeclared_prefixes(query)
    return " ".join([*(f"PREFIX {name}: <{PREFIXES[name]}>" for name in missing), query]) if missing else query


def _status(error: SPARQLWrapperException) -> int:
    codes = {"QueryBadFormed": 400, "Unauthorized": 401, "EndPointNotFound": 404, "URITooLong": 414}
    return codes.get(type(error).__name__, 500)


def _explained(url: str, message: str, status: int) -> QueryError:
    text = message.split("Response:")[-1].strip().removeprefix("b'").rstrip("'")
    if status == 400:
        return QuerySyntaxError(f"{url} refused the query: {text}")
    if status in (401, 403):
        return QueryRefused(f"{url} refused the query: {text}")
    return QueryError(f"{url} failed with status {status}: {text}")
