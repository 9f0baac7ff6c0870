"""The endpoint for programs: a query of the SPARQL 1.1 Protocol (section 2.1) in, its answer out.

It knows nothing of the server: ``parse_request`` turns a request into an ``QueryRequest``, ``answer`` answers it.
The page on which people write queries goes the same way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from urllib.parse import parse_qsl, quote

from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.http import parse_options_header

from cybilgraph.errors import FormatMismatch, QueryRefused, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, RESULT_FORMATS, Format
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import Answer, Dataset, queries
from cybilgraph.web.api import hint_header, named_queries
from cybilgraph.web.api.negotiation import negotiate
from cybilgraph.web.api.service_description import description
from cybilgraph.web.server.answer_cache import CODINGS, AnswerCache, CachedAnswer, CacheKey, choose_coding

#: What reads as many characters takes a few milliseconds at most, and may do so on the event loop.
SHORT = 3_000
_SECONDS_PATTERN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_NOT_UTF8 = ("The query is not UTF-8", "Send it as UTF-8.")
_HOW_TO_SEND = "Send it as query=… by GET or POST, or as the body with Content-Type: application/sparql-query."
#: So many parameters a request may have, and so many bytes beside the query.
MAX_PARAMETERS, _MAX_OTHER_BYTES = 1_000, 10_000
#: Bytes of a form: the query with each byte written as %41, and what is beside it.
MAX_BODY_BYTES = 3 * (queries.MAX_QUERY_BYTES + _MAX_OTHER_BYTES)
#: Where a query may be the body of a request.
QUERY_PATHS = ("/sparql", "/sparql/use")
QUERY_TYPE = "application/sparql-query"
_UPDATE = "application/sparql-update"
FORM_TYPE = "application/x-www-form-urlencoded"
ALL_FORMATS = (*RESULT_FORMATS, *GRAPH_FORMATS)
#: For the page: tables as JSON, graphs as Turtle.
PAGE_FORMATS = (BY_NAME["json"], BY_NAME["turtle"])
#: How long caches may reuse what an address without a release gives: until about the next release.
FRESH = "public, max-age=60, must-revalidate"
#: The same for an address that names a release. Never `immutable`: `cybilgraph forget` changes old releases, and
#: a cache has to drop a contact within a day.
PINNED = "public, max-age=86400, must-revalidate"
#: What ``quote`` would make of each character: that takes three times as long for a text.
_ESCAPES = {code: quote(chr(code), safe="") for code in range(128)}
#: A longer address is not given as a link: many servers and proxies would refuse it.
_MAX_LINK_CHARS = 8_000
#: What of the parameters decides an answer, beside the release.
_ANSWER_PARAMETERS = ("query", "default-graph-uri", "named-graph-uri", "format")


@dataclass(frozen=True)
class Request:
    """What of an HTTP request is looked at: ``arguments`` is the query of the address, names of headers are
    in lower case.
    """

    method: str
    arguments: str
    headers: dict[str, str]
    body: bytes = b""
    path: str = "/sparql"

    @property
    def is_short(self) -> bool:
        """Whether an event loop may read it."""
        accepted = len(self.headers.get("accept", "")) + len(self.headers.get("accept-encoding", ""))
        return len(self.path) + len(self.arguments) + len(self.body) + 3 * accepted <= SHORT

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        """The parameters of the address and of the body, decoded once.

        Raises QuerySyntaxError, QueryRefused, UnsupportedMediaType.
        """
        return _parameters(self)

    def shown(self, name: str) -> str | None:
        """A parameter for a page to show; None where it is not sent, too long, or cannot be decoded."""
        for request in (self, replace(self, method="GET", body=b"")):
            with suppress(QuerySyntaxError, QueryRefused, UnsupportedMediaType):
                first = request.parameters.get(name, [])[:1]
                return next((value for value in first if len(value) <= queries.MAX_QUERY_BYTES), None)
        return None


@dataclass(frozen=True)
class QueryRequest:
    """A query as it was asked for. ``formats`` are empty where a page is wished; ``release`` is a number or 0.

    ``path`` and ``answer_parameters`` are the address that it has without a release.
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
        """Its text."""
        return self.cache_key.query

    def permalink(self, release: int) -> str:
        """The address at which the answer over a release stays what it is; empty where there is none: the same
        question has another answer tomorrow, or is too long for an address.
        """
        address = self._address and f"{self._address}{release}"
        return "" if len(address) > _MAX_LINK_CHARS else address

    @cached_property
    def _address(self) -> str:
        """The address that lasts, without the number at its end; empty where there is none."""
        if self.cache_key.is_volatile or sum(len(value) for _, value in self.answer_parameters) > _MAX_LINK_CHARS:
            return ""
        given = (*self.answer_parameters, ("release", ""))
        return f"{quote(self.path)}?{'&'.join(f'{_quoted(name)}={_quoted(value)}' for name, value in given)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: its body is whole in ``content``, or comes from ``blocks``; its length is in the headers.
    ``answer`` is what it tells, where that is one to a query.
    """

    status: int
    headers: dict[str, str]
    content: bytes = b""
    blocks: Iterator[bytes] | None = None
    answer: Answer | None = None


def parse_request(request: Request) -> QueryRequest | None:
    """What is asked for; None where there is no query.

    Raises QuerySyntaxError, UnsupportedMediaType, FormatMismatch; for a named query UnknownQuery, QueryError.
    """
    if request.method == "POST" or not request.is_short:
        return _parse(request)
    # Many ask the same, and to read it takes as long as to answer it from memory.
    return _parse_cached(request.arguments, request.headers.get("accept", ""), request.path)


@lru_cache(maxsize=512)
def _parse_cached(arguments: str, accept: str, path: str) -> QueryRequest | None:
    return _parse(Request("GET", arguments, {"accept": accept}, path=path))


def _parse(request: Request) -> QueryRequest | None:
    sent = request.parameters
    formats = _formats(request, sent)
    name, _ = named_queries.split_path(request.path)
    if request.path.startswith(named_queries.ROOT):
        if sum(len(value) for values in sent.values() for value in values) > queries.MAX_QUERY_BYTES:
            raise QuerySyntaxError(
                f"The parameters are longer than {queries.MAX_QUERY_BYTES:,} characters", "Give fewer."
            )
        query = named_queries.query_text(name, sent)
        queries.check_length(query)
        answer_parameters = [
            (key, value) for key in sent if key not in ("release", "timeout") for value in sent[key] if value
        ]
    else:
        query = _query(sent)
        answer_parameters = [(key, value) for key in _ANSWER_PARAMETERS for value in sent.get(key, ())]
    if not query:
        return None
    if len(set(sent.get("release", ()))) > 1:
        raise QuerySyntaxError("More than one release was sent", "Ask one release in one request.")
    timeout, release = _timeout(_first(sent, "timeout")), release_number(_first(sent, "release"))
    question = CacheKey.of(query, formats or PAGE_FORMATS, _graphs(sent))
    return QueryRequest(
        question, queries.hash_query(query), formats, timeout, release, request.path, tuple(answer_parameters)
    )


def _query(sent: dict[str, list[str]]) -> str:
    given = sent.get("query")
    if not given:
        return ""
    if len(given) > 1:
        raise QuerySyntaxError("More than one query was sent", "Send one query in one request.")
    query = given[0].removeprefix("\ufeff")  # a byte order mark, of a file that was sent as it is
    queries.check_length(query)
    if not query.strip():
        raise QuerySyntaxError("The query is empty", _HOW_TO_SEND)
    return query


def _formats(request: Request, sent: dict[str, list[str]]) -> tuple[Format, ...]:
    name = _first(sent, "format") or named_queries.split_path(request.path)[1]
    return negotiate(ALL_FORMATS, request.headers.get("accept", ""), name, html=True)


def wants_page(request: Request) -> bool:
    """Whether a page is wished, also if only to say what is wrong."""
    if "html" not in f"{request.headers.get('accept', '')} {request.arguments}".lower() and (
        b"html" not in request.body.lower()
    ):
        return False  # as nearly all programs
    try:
        return not _formats(request, request.parameters)
    except (FormatMismatch, QuerySyntaxError, UnsupportedMediaType):
        return False


def _media_type(request: Request) -> str:
    return parse_options_header(request.headers.get("content-type", ""))[0].lower()


def _parameters(request: Request) -> dict[str, list[str]]:
    sent: dict[str, list[str]] = {}
    pairs = _pairs(request.arguments)
    try:
        if request.method == "POST":
            media_type = _media_type(request)
            if request.headers.get("content-encoding", "identity").lower() != "identity":
                raise UnsupportedMediaType("A query is sent as it is, without a Content-Encoding")
            if media_type == QUERY_TYPE:
                pairs = [*pairs, ("query", request.body.decode())]
            elif media_type == FORM_TYPE:
                pairs = [*pairs, *_pairs(request.body.decode())]
            elif media_type == _UPDATE:
                raise QueryRefused(*queries.READ_ONLY_ERROR)
            else:
                raise UnsupportedMediaType(
                    f"A query is sent as {FORM_TYPE} or {QUERY_TYPE}, not as {media_type or 'nothing'}"
                )
    except UnicodeDecodeError as error:
        raise QuerySyntaxError(*_NOT_UTF8) from error
    for name, value in pairs:
        sent.setdefault(name, []).append(value)
    if "update" in sent and request.path == "/sparql":
        raise QueryRefused(*queries.READ_ONLY_ERROR)
    return sent


def _pairs(text: str) -> list[tuple[str, str]]:
    # Decoding takes a moment for each escape, which is at least a byte of the result, as is what is no escape.
    escapes, most = text.count("%"), queries.MAX_QUERY_BYTES + _MAX_OTHER_BYTES
    if escapes > most or len(text) - 2 * escapes > most:
        raise queries.too_long()
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise QuerySyntaxError(*_NOT_UTF8) from error
    except ValueError as error:
        raise QuerySyntaxError(f"The request has more than {MAX_PARAMETERS:,} parameters") from error


def _first(sent: dict[str, list[str]], name: str) -> str:
    """What was sent by this name; of several the first: SPARQLWrapper sends a format in each way it knows."""
    return sent.get(name, [""])[0]


def _graphs(sent: dict[str, list[str]]) -> Dataset:
    graphs = Dataset(tuple(sent.get("default-graph-uri", ())), tuple(sent.get("named-graph-uri", ())))
    for graph in (*graphs.default, *graphs.named):
        if not is_iri(graph):
            raise QuerySyntaxError(f"{graph!r} is no absolute IRI of a graph", "Example: https://example.org/graph/1")
    return graphs


def _timeout(given: str) -> float | None:
    if not given:
        return None
    seconds = float(given) if _SECONDS_PATTERN.fullmatch(given) else 0.0
    if not 0 < seconds < 1e6:
        raise QuerySyntaxError(f"timeout={given} is no number of seconds", "Example: timeout=10")
    return seconds


def release_number(given: str, name: str = "release") -> int:
    """The number of a release as it stands in an address; 0 where there is none. Raises QuerySyntaxError."""
    if given and not (given.isascii() and given.isdigit() and len(given) < 10 and int(given)):
        raise QuerySyntaxError(f"{name}={given[:40]} is no number of a release", f"Example: {name}=1")
    return int(given or 0)


def cached_reply(query_request: QueryRequest, request: Request, answers: AnswerCache, etag: str) -> Reply | None:
    """The reply, if it costs nothing: the client has the answer already, or it is kept."""
    theirs = request.headers.get("if-none-match", "") if request.method != "POST" else ""
    # "*" is any answer: whether there is one, only the engine knows. No tag has quotation marks in it.
    for variant in (etag, *(f"{etag}-{coding}" for coding in CODINGS)):
        if etag and f'"{variant}"' in theirs:
            return Reply(304, _headers(query_request, variant))
    kept = answers.get(query_request.cache_key)
    is_ready = kept and kept.is_ready_in(choose_coding(request.headers.get("accept-encoding", "")))
    return build_reply(query_request, request, kept, etag) if kept and is_ready else None


def fast_path_reply(query_request: QueryRequest, request: Request, answers: AnswerCache, etag: str) -> Reply | None:
    """The reply, if the engine has it in a moment."""
    found = answers.find_fast(query_request.cache_key)
    if isinstance(found, CachedAnswer) and not found.is_ready_in(
        choose_coding(request.headers.get("accept-encoding", ""))
    ):
        return None
    return build_reply(query_request, request, found, etag) if found else None


async def run_query(
    query_request: QueryRequest,
    request: Request,
    answers: AnswerCache,
    etag: str,
    seconds: float,
    caller: Caller,
    threads: Executor,
) -> Reply:
    """The reply, by running a query that the guard lets through; what takes long is done in one of the ``threads``.

    Raises QueryError.
    """
    loop = asyncio.get_running_loop()
    found = await answers.find_async(query_request.cache_key, seconds, caller, threads)
    if isinstance(found, CachedAnswer) and not found.is_ready_in(
        choose_coding(request.headers.get("accept-encoding", ""))
    ):
        return await loop.run_in_executor(threads, build_reply, query_request, request, found, etag)
    return build_reply(query_request, request, found, etag)


def build_reply(query_request: QueryRequest, request: Request, found: CachedAnswer | Answer, etag: str) -> Reply:
    """An answer as a reply, in the content coding that the client takes."""
    answer = found.answer if isinstance(found, CachedAnswer) else found
    content, coding = None, ""
    if isinstance(found, CachedAnswer):
        content, coding = found.encoded_as(choose_coding(request.headers.get("accept-encoding", "")))
    size = answer.body.size if content is None else len(content)
    blocks = answer.body.blocks() if content is None else None  # large, and on disk or packed: sent as it is
    headers = _headers(query_request, f"{etag}-{coding}" if etag and coding else etag)
    if request.method != "POST" and request.headers.get("if-none-match", "").strip() == "*":
        return Reply(304, headers)
    headers |= {"content-type": answer.format.content_type, "content-length": str(size)}
    headers |= hint_header.hint_headers(answer.hints)
    if coding:
        headers["content-encoding"] = coding
    return Reply(200, headers, content or b"", blocks, answer)


def _quoted(text: str) -> str:
    return text.translate(_ESCAPES) if text.isascii() else quote(text, safe="")


def permalink_headers(query_request: QueryRequest, release: int) -> dict[str, str]:
    """The headers that tell from which release an answer is, and where it stays what it is (RFC 8574)."""
    address = query_request.permalink(release)
    return {"cybilgraph-release": str(release)} | ({"link": f'<{address}>; rel="cite-as"'} if address else {})


def _headers(query_request: QueryRequest, etag: str) -> dict[str, str]:
    if not etag:
        return {"cache-control": "no-store"}
    return {"etag": f'"{etag}"', "cache-control": PINNED if query_request.release else FRESH}


def service_description_reply(request: Request, address: str, release: Release, *, federated: bool) -> Reply:
    """The description of this service, for who asks it nothing; ``federated``: it may be told to ask others.

    Raises FormatMismatch, QuerySyntaxError.
    """
    if request.method == "POST":
        raise QuerySyntaxError("No query was sent", _HOW_TO_SEND)
    name = dict(_pairs(request.arguments)).get("format", "")
    fmt = negotiate(GRAPH_FORMATS, request.headers.get("accept", ""), name)[0]
    content = description(address, release, fmt, federated=federated)
    headers = {"content-type": fmt.content_type, "content-length": str(len(content)), "cache-control": FRESH}
    return Reply(200, headers, content)
