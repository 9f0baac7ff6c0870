"""The SPARQL 1.1 Protocol (section 2.1): parse requests and build replies, independently of the HTTP server.

``parse_request`` turns a request into a ``QueryRequest``; ``run_query`` and its faster siblings answer it. The query
page uses the same functions. Without a query, the reply is a SPARQL 1.1 Service Description.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from urllib.parse import quote, urlencode

from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.http import parse_options_header

from cybilgraph.errors import FormatMismatch, QueryRefused, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME, FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format
from cybilgraph.model.vocabulary import RDF, RDFS, SD, VOID, XSD
from cybilgraph.rdf.ntriples import iri, is_iri, literal
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Caller, Deadline
from cybilgraph.sparql import Answer, Dataset, Hint, guard, query_analysis
from cybilgraph.web.api import named_queries
from cybilgraph.web.api.negotiation import negotiate
from cybilgraph.web.server.answer_cache import CODINGS, AnswerCache, CachedAnswer, CacheKey, choose_coding

#: The event loop may parse requests of up to this many characters, which takes a few milliseconds at most.
MAX_SHORT_CHARS = 3_000
_SECONDS_PATTERN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_NOT_UTF8 = ("The query is not UTF-8", "Send it as UTF-8.")
_HOW_TO_SEND = "Send it as query=… by GET or POST, or as the body with Content-Type: application/sparql-query."
#: The most parameters of a request, and the most bytes in addition to the query.
MAX_PARAMETERS, _MAX_OTHER_BYTES = 1_000, 10_000
#: The most bytes of a form: the query with every byte percent-encoded, and the other parameters.
MAX_BODY_BYTES = 3 * (guard.MAX_QUERY_BYTES + _MAX_OTHER_BYTES)
#: Paths that accept a query as the body of a request.
QUERY_PATHS = ("/sparql", "/sparql/use")
QUERY_TYPE = "application/sparql-query"
_UPDATE = "application/sparql-update"
FORM_TYPE = "application/x-www-form-urlencoded"
ALL_FORMATS = (*RESULT_FORMATS, *GRAPH_FORMATS)
#: The formats of the query page: tables as JSON, graphs as Turtle.
PAGE_FORMATS = (BY_NAME["json"], BY_NAME["turtle"])
#: Cache-Control for URLs without a release: caches may reuse responses until about the next release.
FRESH = "public, max-age=60, must-revalidate"
#: Cache-Control for URLs with a release. Never `immutable`: `cybilgraph forget` changes old releases, and caches must
#: drop an erased contact within a day.
PINNED = "public, max-age=86400, must-revalidate"
#: Longer permalinks are not offered: many servers and proxies would reject them.
_MAX_LINK_CHARS = 8_000
#: The parameters that determine an answer, besides the release.
_ANSWER_PARAMETERS = ("query", "default-graph-uri", "named-graph-uri", "format")
#: The header with query hints; those beyond its maximum length are dropped.
HINT_HEADER, _MAX_HINT_CHARS = "cybilgraph-advice", 2_000
_NON_ASCII = re.compile(r"[^\x20-\x7e]")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})++")


@dataclass(frozen=True)
class Request:
    """The relevant parts of an HTTP request; ``arguments`` is the query string, header names are in lower case."""

    method: str
    arguments: str
    headers: dict[str, str]
    body: bytes = b""
    path: str = "/sparql"

    @property
    def is_short(self) -> bool:
        """Return whether the request is short enough to parse in the event loop."""
        accepted = len(self.headers.get("accept", "")) + len(self.headers.get("accept-encoding", ""))
        return len(self.path) + len(self.arguments) + len(self.body) + 3 * accepted <= MAX_SHORT_CHARS

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of the URL and the body, decoded once.

        Raises QuerySyntaxError, QueryRefused, UnsupportedMediaType.
        """
        sent: dict[str, list[str]] = {}
        pairs = _pairs(self.arguments)
        try:
            if self.method == "POST":
                media_type = parse_options_header(self.headers.get("content-type", ""))[0].lower()
                if self.headers.get("content-encoding", "identity").lower() != "identity":
                    raise UnsupportedMediaType("The query must be sent without Content-Encoding")
                if media_type == QUERY_TYPE:
                    pairs = [*pairs, ("query", self.body.decode())]
                elif media_type == FORM_TYPE:
                    pairs = [*pairs, *_pairs(self.body.decode())]
                elif media_type == _UPDATE:
                    raise QueryRefused(*guard.READ_ONLY_ERROR)
                else:
                    given = media_type or "untyped content"
                    raise UnsupportedMediaType(f"The query must be sent as {FORM_TYPE} or {QUERY_TYPE}, not as {given}")
        except UnicodeDecodeError as error:
            raise QuerySyntaxError(*_NOT_UTF8) from error
        for name, value in pairs:
            sent.setdefault(name, []).append(value)
        if "update" in sent and self.path == "/sparql":
            raise QueryRefused(*guard.READ_ONLY_ERROR)
        return sent

    def shown(self, name: str) -> str | None:
        """Return a parameter to show on a page; None if it is missing, too long or cannot be decoded."""
        for request in (self, replace(self, method="GET", body=b"")):
            with suppress(QuerySyntaxError, QueryRefused, UnsupportedMediaType):
                value = request.parameters.get(name, [None])[0]
                return value if value is None or len(value) <= guard.MAX_QUERY_BYTES else None
        return None


@dataclass(frozen=True)
class QueryRequest:
    """A parsed query request.

    ``formats`` is empty if the client wants a page, ``release`` is 0 for the current one, and ``timeout`` is in
    seconds. ``path`` and ``answer_parameters`` make up its URL without the release.
    """

    cache_key: CacheKey
    query_hash: str
    formats: tuple[Format, ...]
    timeout: float | None
    release: int
    path: str = "/sparql"
    answer_parameters: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> str:
        """Return the text of the query."""
        return self.cache_key.query

    def permalink(self, release: int) -> str:
        """Return the path at which the answer from a release never changes.

        It is empty if there is none: the answer depends on the time of the request, or the query is too long for a
        URL.
        """
        path = self._permalink_prefix and f"{self._permalink_prefix}{release}"
        return "" if len(path) > _MAX_LINK_CHARS else path

    @cached_property
    def _permalink_prefix(self) -> str:
        """The permalink without the release number at its end; empty if there is none."""
        if self.cache_key.is_volatile or sum(len(value) for _, value in self.answer_parameters) > _MAX_LINK_CHARS:
            return ""
        parameters = urlencode((*self.answer_parameters, ("release", "")), safe="", quote_via=quote)
        return f"{quote(self.path)}?{parameters}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response whose body is either ``content`` or streamed from ``blocks``; its length is in the headers.

    ``answer`` is the answer that it transports, if it responds to a query.
    """

    status: int
    headers: dict[str, str]
    content: bytes = b""
    blocks: Iterator[bytes] | None = None
    answer: Answer | None = None


def parse_request(request: Request) -> QueryRequest | None:
    """Parse a query request; return None if it has no query.

    Raises QuerySyntaxError, UnsupportedMediaType, FormatMismatch; for a named query UnknownQuery, QueryError.
    """
    if request.method == "POST" or not request.is_short:
        return _parse(request)
    # Many requests are the same, and parsing one takes as long as answering it from memory.
    return _parse_cached(request.arguments, request.headers.get("accept", ""), request.path)


@lru_cache(maxsize=512)
def _parse_cached(arguments: str, accept: str, path: str) -> QueryRequest | None:
    return _parse(Request("GET", arguments, {"accept": accept}, path=path))


def _parse(request: Request) -> QueryRequest | None:
    sent = request.parameters
    formats = _formats(request, sent)
    name, _ = named_queries.split_path(request.path)
    if request.path.startswith(named_queries.ROOT):
        if sum(len(value) for values in sent.values() for value in values) > guard.MAX_QUERY_BYTES:
            what = f"The parameters are longer than {guard.MAX_QUERY_BYTES:,} characters"
            raise QuerySyntaxError(what, "Send fewer values.")
        query = named_queries.query_text(name, sent)
        guard.check_length(query)
        names = (key for key in sent if key not in ("release", "timeout"))
        answer_parameters = tuple((key, value) for key in names for value in sent[key] if value)
    else:
        query = _query(sent)
        answer_parameters = tuple((key, value) for key in _ANSWER_PARAMETERS for value in sent.get(key, ()))
    if not query:
        return None
    if len(set(sent.get("release", ()))) > 1:
        raise QuerySyntaxError("The request has more than one release", "Query one release per request.")
    timeout, release = _timeout(_first(sent, "timeout")), release_number(_first(sent, "release"))
    cache_key, digest = CacheKey.of(query, formats or PAGE_FORMATS, _graphs(sent)), query_analysis.hash_query(query)
    return QueryRequest(cache_key, digest, formats, timeout, release, request.path, answer_parameters)


def _query(sent: dict[str, list[str]]) -> str:
    values = sent.get("query")
    if not values:
        return ""
    if len(values) > 1:
        raise QuerySyntaxError("The request has more than one query", "Send one query per request.")
    query = values[0].removeprefix("\ufeff")  # the byte order mark of an uploaded file
    guard.check_length(query)
    if not query.strip():
        raise QuerySyntaxError("The query is empty", _HOW_TO_SEND)
    return query


def _formats(request: Request, sent: dict[str, list[str]]) -> tuple[Format, ...]:
    name = _first(sent, "format") or named_queries.split_path(request.path)[1]
    return negotiate(ALL_FORMATS, request.headers.get("accept", ""), name, html=True)


def wants_page(request: Request) -> bool:
    """Return whether the client wants a page, even if only an error page."""
    if "html" not in f"{request.headers.get('accept', '')} {request.arguments}".lower() and (
        b"html" not in request.body.lower()
    ):
        return False  # nearly all API clients
    try:
        return not _formats(request, request.parameters)
    except (FormatMismatch, QuerySyntaxError, UnsupportedMediaType):
        return False


def _pairs(text: str) -> list[tuple[str, str]]:
    # Decoding slows down with the number of escapes. Each escape, and each other character, is at least one byte of
    # the result.
    escapes, most = text.count("%"), guard.MAX_QUERY_BYTES + _MAX_OTHER_BYTES
    if escapes > most or len(text) - 2 * escapes > most:
        raise guard.too_long()
    if text.count("&") >= MAX_PARAMETERS:
        raise QuerySyntaxError(f"The request has more than {MAX_PARAMETERS:,} parameters")
    fields = (field.partition("=") for field in text.split("&") if field)
    try:
        return [(_decoded(name), _decoded(value)) for name, _, value in fields]
    except UnicodeDecodeError as error:
        raise QuerySyntaxError(*_NOT_UTF8) from error


def _decoded(text: str) -> str:
    """Decode a name or value of a form, as ``urllib.parse.unquote_plus`` does, but each run of escapes at once.

    A million escapes take unquote_plus half a second, in which other threads hardly run.
    """
    return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), text.replace("+", " "))


def _first(sent: dict[str, list[str]], name: str) -> str:
    """Return the first value of a parameter; SPARQLWrapper sends the format under every name it knows."""
    return sent.get(name, [""])[0]


def _graphs(sent: dict[str, list[str]]) -> Dataset:
    graphs = Dataset(tuple(sent.get("default-graph-uri", ())), tuple(sent.get("named-graph-uri", ())))
    for graph in (*graphs.default, *graphs.named):
        if not is_iri(graph):
            raise QuerySyntaxError(f"{graph!r} is not an absolute IRI", "Example: https://example.org/graph/1")
    return graphs


def _timeout(value: str) -> float | None:
    if not value:
        return None
    seconds = float(value) if _SECONDS_PATTERN.fullmatch(value) else 0.0
    if not 0 < seconds < 1e6:
        raise QuerySyntaxError(f"timeout={value} is not a number of seconds", "Example: timeout=10")
    return seconds


def release_number(value: str, name: str = "release") -> int:
    """Parse the release number in a URL; an empty value is 0. Raises QuerySyntaxError."""
    if value and not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise QuerySyntaxError(f"{name}={value[:40]} is not a release number", f"Example: {name}=1")
    return int(value or 0)


def cached_reply(query_request: QueryRequest, request: Request, answers: AnswerCache, etag: str) -> Reply | None:
    """Return the reply if the client already has the answer or the cache does; else None."""
    known_tags = request.headers.get("if-none-match", "") if request.method != "POST" else ""
    # "*" matches any answer, but only the engine knows whether there is one. Our tags contain no quotation marks.
    for variant in (etag, *(f"{etag}-{coding}" for coding in CODINGS)):
        if etag and f'"{variant}"' in known_tags:
            return Reply(304, _headers(query_request, variant))
    cached = answers.get(query_request.cache_key)
    return build_reply(query_request, request, cached, etag) if cached and _is_ready(cached, request) else None


def fast_path_reply(query_request: QueryRequest, request: Request, answers: AnswerCache, etag: str) -> Reply | None:
    """Return the reply if the engine can answer the query on its fast path; else None."""
    found = answers.find_fast(query_request.cache_key)
    return build_reply(query_request, request, found, etag) if found and _is_ready(found, request) else None


async def run_query(
    query_request: QueryRequest,
    request: Request,
    answers: AnswerCache,
    etag: str,
    deadline: Deadline,
    caller: Caller,
    threads: Executor,
) -> Reply:
    """Run a query that has passed the guard and return the reply; slow steps run in ``threads``. Raises QueryError."""
    loop = asyncio.get_running_loop()
    found = await answers.find_async(query_request.cache_key, deadline, caller, threads)
    if not _is_ready(found, request):
        return await loop.run_in_executor(threads, build_reply, query_request, request, found, etag)
    return build_reply(query_request, request, found, etag)


def _coding(request: Request) -> str:
    return choose_coding(request.headers.get("accept-encoding", ""))


def _is_ready(found: CachedAnswer | Answer, request: Request) -> bool:
    """Return whether an answer need not be compressed first, in the coding that the client prefers."""
    return not isinstance(found, CachedAnswer) or found.is_ready_in(_coding(request))


def build_reply(query_request: QueryRequest, request: Request, found: CachedAnswer | Answer, etag: str) -> Reply:
    """Return an answer as a reply, in a content coding that the client accepts."""
    answer = found.answer if isinstance(found, CachedAnswer) else found
    content, coding = None, ""
    if isinstance(found, CachedAnswer):
        content, coding = found.encoded_as(_coding(request))
    size = answer.body.size if content is None else len(content)
    # A large answer is on disk, or compressed in memory: stream it block by block.
    blocks = answer.body.blocks() if content is None else None
    headers = _headers(query_request, f"{etag}-{coding}" if etag and coding else etag)
    if request.method != "POST" and request.headers.get("if-none-match", "").strip() == "*":
        return Reply(304, headers)
    headers |= {"content-type": answer.format.content_type, "content-length": str(size)}
    headers |= hint_headers(answer.hints)
    if coding:
        headers["content-encoding"] = coding
    return Reply(200, headers, content or b"", blocks, answer)


def hint_headers(hints: Sequence[Hint]) -> dict[str, str]:
    """Return query hints as a header, a list of strings (RFC 8941, section 3.1); nothing without hints.

    Example: ``"Did you mean cyb:aim?";why=empty;line=2``. Non-ASCII characters become SPARQL escapes.
    """
    items: list[str] = []
    for hint in hints:
        text = _NON_ASCII.sub(_escaped, hint.text).replace("\\", "\\\\").replace('"', '\\"')
        items.append(f'"{text}";why={hint.kind}' + (f";line={hint.line}" if hint.line else ""))
    while items and len(", ".join(items)) > _MAX_HINT_CHARS:
        items.pop()
    return {HINT_HEADER: ", ".join(items)} if items else {}


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def permalink_headers(query_request: QueryRequest, release: int) -> dict[str, str]:
    """Return the headers with the release of an answer and its permalink (RFC 8574)."""
    path = query_request.permalink(release)
    return {"cybilgraph-release": str(release)} | ({"link": f'<{path}>; rel="cite-as"'} if path else {})


def _headers(query_request: QueryRequest, etag: str) -> dict[str, str]:
    if not etag:
        return {"cache-control": "no-store"}
    return {"etag": f'"{etag}"', "cache-control": PINNED if query_request.release else FRESH}


def service_description_reply(request: Request, address: str, release: Release, *, federated: bool) -> Reply:
    """Describe the service at a URL and its dataset; ``federated`` means that it supports SERVICE.

    Raises FormatMismatch, QuerySyntaxError.
    """
    if request.method == "POST":
        raise QuerySyntaxError("The request has no query", _HOW_TO_SEND)
    name = dict(_pairs(request.arguments)).get("format", "")
    fmt = negotiate(GRAPH_FORMATS, request.headers.get("accept", ""), name)[0]
    output = io.BytesIO()
    serialise([f"{line} .\n".encode() for line in _description(address, release, federated=federated)], fmt, output)
    content = output.getvalue()
    headers = {"content-type": fmt.content_type, "content-length": str(len(content)), "cache-control": FRESH}
    return Reply(200, headers, content)


def _description(address: str, release: Release, *, federated: bool) -> Iterator[str]:
    service, dataset, graph = iri(address), iri(f"{address}#dataset"), iri(f"{address}#default-graph")
    yield f"{service} {iri(RDF.type)} {iri(SD.Service)}"
    yield f"{service} {iri(SD.endpoint)} {service}"
    yield f"{service} {iri(SD.supportedLanguage)} {iri(SD.SPARQL11Query)}"
    if federated:
        yield f"{service} {iri(SD.feature)} {iri(SD.BasicFederatedQuery)}"
    for fmt in FORMATS:
        yield f"{service} {iri(SD.resultFormat)} {iri(fmt.iri)}"
    yield f"{service} {iri(SD.defaultDataset)} {dataset}"
    yield f"{dataset} {iri(RDF.type)} {iri(SD.Dataset)}"
    yield f"{dataset} {iri(SD.defaultGraph)} {graph}"
    yield f"{graph} {iri(RDF.type)} {iri(SD.Graph)}"
    yield f"{dataset} {iri(RDFS.seeAlso)} {iri(address.removesuffix('sparql') + '.well-known/void')}"
    yield f"{dataset} {iri(VOID.triples)} {literal(str(release.manifest['counts']['quads']), datatype=XSD.integer)}"
