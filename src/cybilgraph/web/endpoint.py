"""The endpoint for programs: a query of the SPARQL 1.1 Protocol (section 2.1) in, its answer out.

It knows nothing of the server: ``read`` turns a request into an ``Asked``, ``answer`` answers it.
The page on which people write queries goes the same way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import parse_qsl, quote

from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.http import parse_options_header

from cybilgraph import queries
from cybilgraph.engine import Answer, Graphs
from cybilgraph.errors import FormatMismatch, QueryRefused, QuerySyntaxError
from cybilgraph.formats import BY_NAME, GRAPH_FORMATS, RESULT_FORMATS, Format
from cybilgraph.ntriples import is_iri
from cybilgraph.release import Release
from cybilgraph.web import advising, named
from cybilgraph.web.answers import CODINGS, Answers, Kept, Question, encoding
from cybilgraph.web.description import description
from cybilgraph.web.negotiate import wanted
from cybilgraph.workers.turns import Caller

#: What reads as many characters takes a few milliseconds at most, and may do so on the event loop.
SHORT = 3_000
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_NOT_UTF8 = ("The query is not UTF-8", "Send it as UTF-8.")
_HOW = "Send it as query=… by GET or POST, or as the body with Content-Type: application/sparql-query."
#: So many parameters a request may have.
PARAMETERS = 1_000
DIRECT = "application/sparql-query"
_UPDATE = "application/sparql-update"
FORM = "application/x-www-form-urlencoded"
ALL_FORMATS = (*RESULT_FORMATS, *GRAPH_FORMATS)
#: For the page: tables as JSON, graphs as Turtle.
FOR_PAGE = (BY_NAME["json"], BY_NAME["turtle"])
#: How long caches may reuse what an address without a release gives: until about the next release.
FRESH = "public, max-age=60, must-revalidate"
#: The same for an address that names a release. Never `immutable`: `cybilgraph forget` changes old releases, and
#: a cache has to drop a contact within a day.
PINNED = "public, max-age=86400, must-revalidate"
#: What ``quote`` would make of each character: that takes three times as long for a text.
_ESCAPES = {code: quote(chr(code), safe="") for code in range(128)}
#: A longer address is not given as a link: many servers and proxies would refuse it.
_LONGEST_LINK = 8_000
#: What of the parameters decides an answer, beside the release.
_DECISIVE = ("query", "default-graph-uri", "named-graph-uri", "format")


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class Asked:
    """A query as it was asked for. ``formats`` are empty where a page is wished; ``release`` is a number or 0.

    ``path`` and ``decisive`` are the address that it has without a release.
    """

    question: Question
    query_hash: str
    formats: tuple[Format, ...]
    timeout: float | None
    release: int
    path: str = "/sparql"
    decisive: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> str:
        """Its text."""
        return self.question.query

    def at(self, release: int) -> str:
        """The address at which the answer over a release stays what it is; empty where there is none: the same
        question has another answer tomorrow, or is too long for an address.
        """
        address = self._address and f"{self._address}{release}"
        return "" if len(address) > _LONGEST_LINK else address

    @cached_property
    def _address(self) -> str:
        """The address that lasts, without the number at its end; empty where there is none."""
        if self.question.is_volatile or sum(len(value) for _, value in self.decisive) > _LONGEST_LINK:
            return ""
        given = (*self.decisive, ("release", ""))
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


def read(request: Request) -> Asked | None:
    """What is asked for; None where there is no query.

    Raises QuerySyntaxError, UnsupportedMediaType, FormatMismatch; for a named query UnknownQuery, QueryError.
    """
    if request.method == "POST" or not request.is_short:
        return _read(request)
    # Many ask the same, and to read it takes as long as to answer it from memory.
    return _read_again(request.arguments, request.headers.get("accept", ""), request.path)


@lru_cache(maxsize=512)
def _read_again(arguments: str, accept: str, path: str) -> Asked | None:
    return _read(Request("GET", arguments, {"accept": accept}, path=path))


def _read(request: Request) -> Asked | None:
    sent = _parameters(request)
    formats = _formats(request, sent)
    name, _ = named.split(request.path)
    if request.path.startswith(named.ROOT):
        if sum(len(value) for values in sent.values() for value in values) > queries.MAX_BYTES:
            raise QuerySyntaxError(f"The parameters are longer than {queries.MAX_BYTES:,} characters", "Give fewer.")
        query = named.text(name, sent)
        queries.check_length(query)
        decisive = [(key, value) for key in sent if key not in ("release", "timeout") for value in sent[key] if value]
    else:
        query = _query(sent)
        decisive = [(key, value) for key in _DECISIVE for value in sent.get(key, ())]
    if not query:
        return None
    if len(set(sent.get("release", ()))) > 1:
        raise QuerySyntaxError("More than one release was sent", "Ask one release in one request.")
    timeout, release = _timeout(_first(sent, "timeout")), release_number(_first(sent, "release"))
    question = Question.of(query, formats or FOR_PAGE, _graphs(sent))
    return Asked(question, queries.hashed(query), formats, timeout, release, request.path, tuple(decisive))


def _query(sent: dict[str, list[str]]) -> str:
    given = sent.get("query")
    if not given:
        return ""
    if len(given) > 1:
        raise QuerySyntaxError("More than one query was sent", "Send one query in one request.")
    query = given[0].removeprefix("\ufeff")  # a byte order mark, of a file that was sent as it is
    queries.check_length(query)
    if not query.strip():
        raise QuerySyntaxError("The query is empty", _HOW)
    return query


def _formats(request: Request, sent: dict[str, list[str]]) -> tuple[Format, ...]:
    name = _first(sent, "format") or named.split(request.path)[1]
    return wanted(ALL_FORMATS, request.headers.get("accept", ""), name, html=True)


def for_people(request: Request) -> bool:
    """Whether a page is wished, also if only to say what is wrong."""
    if "html" not in f"{request.headers.get('accept', '')} {request.arguments}".lower() and (
        b"html" not in request.body.lower()
    ):
        return False  # as nearly all programs
    try:
        return not _formats(request, _parameters(request))
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
            if media_type == DIRECT:
                pairs = [*pairs, ("query", request.body.decode())]
            elif media_type == FORM:
                pairs = [*pairs, *_pairs(request.body.decode())]
            elif media_type == _UPDATE:
                raise QueryRefused(*queries.READ_ONLY)
            else:
                raise UnsupportedMediaType(f"A query is sent as {FORM} or {DIRECT}, not as {media_type or 'nothing'}")
    except UnicodeDecodeError as error:
        raise QuerySyntaxError(*_NOT_UTF8) from error
    for name, value in pairs:
        sent.setdefault(name, []).append(value)
    if "update" in sent and request.path == "/sparql":
        raise QueryRefused(*queries.READ_ONLY)
    return sent


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS)
    except UnicodeDecodeError as error:
        raise QuerySyntaxError(*_NOT_UTF8) from error
    except ValueError as error:
        raise QuerySyntaxError(f"The request has more than {PARAMETERS:,} parameters") from error


def _first(sent: dict[str, list[str]], name: str) -> str:
    """What was sent by this name; of several the first: SPARQLWrapper sends a format in each way it knows."""
    return sent.get(name, [""])[0]


def _graphs(sent: dict[str, list[str]]) -> Graphs:
    graphs = Graphs(tuple(sent.get("default-graph-uri", ())), tuple(sent.get("named-graph-uri", ())))
    for graph in (*graphs.default, *graphs.named):
        if not is_iri(graph):
            raise QuerySyntaxError(f"{graph!r} is no absolute IRI of a graph", "Example: https://example.org/graph/1")
    return graphs


def _timeout(given: str) -> float | None:
    if not given:
        return None
    seconds = float(given) if _SECONDS.fullmatch(given) else 0.0
    if not 0 < seconds < 1e6:
        raise QuerySyntaxError(f"timeout={given} is no number of seconds", "Example: timeout=10")
    return seconds


def release_number(given: str, name: str = "release") -> int:
    """The number of a release as it stands in an address; 0 where there is none. Raises QuerySyntaxError."""
    if given and not (given.isascii() and given.isdigit() and len(given) < 10 and int(given)):
        raise QuerySyntaxError(f"{name}={given[:40]} is no number of a release", f"Example: {name}=1")
    return int(given or 0)


def quick(asked: Asked, request: Request, answers: Answers, etag: str) -> Reply | None:
    """The reply, if it costs nothing: the client has the answer already, or it is kept."""
    theirs = request.headers.get("if-none-match", "") if request.method != "POST" else ""
    # "*" is any answer: whether there is one, only the engine knows. No tag has quotation marks in it.
    for variant in (etag, *(f"{etag}-{coding}" for coding in CODINGS)):
        if etag and f'"{variant}"' in theirs:
            return Reply(304, _headers(asked, variant))
    kept = answers.known(asked.question)
    at_hand = kept and kept.at_hand(encoding(request.headers.get("accept-encoding", "")))
    return reply(asked, request, kept, etag) if kept and at_hand else None


def at_once(asked: Asked, request: Request, answers: Answers, etag: str) -> Reply | None:
    """The reply, if the engine has it in a moment."""
    found = answers.at_once(asked.question)
    if isinstance(found, Kept) and not found.at_hand(encoding(request.headers.get("accept-encoding", ""))):
        return None
    return reply(asked, request, found, etag) if found else None


async def slow(
    asked: Asked, request: Request, answers: Answers, etag: str, seconds: float, caller: Caller, threads: Executor
) -> Reply:
    """The reply, by running a query that the guard lets through; what takes long is done in one of the ``threads``.

    Raises QueryError.
    """
    loop = asyncio.get_running_loop()
    found = await answers.find_soon(asked.question, seconds, caller, threads)
    if isinstance(found, Kept) and not found.at_hand(encoding(request.headers.get("accept-encoding", ""))):
        return await loop.run_in_executor(threads, reply, asked, request, found, etag)
    return reply(asked, request, found, etag)


def reply(asked: Asked, request: Request, found: Kept | Answer, etag: str) -> Reply:
    """An answer as a reply, in the content coding that the client takes."""
    answer = found.answer if isinstance(found, Kept) else found
    content, coding = None, ""
    if isinstance(found, Kept):
        content, coding = found.in_coding(encoding(request.headers.get("accept-encoding", "")))
    size = answer.body.size if content is None else len(content)
    blocks = answer.body.blocks() if content is None else None  # large, and on disk or packed: sent as it is
    headers = _headers(asked, f"{etag}-{coding}" if etag and coding else etag)
    if request.method != "POST" and request.headers.get("if-none-match", "").strip() == "*":
        return Reply(304, headers)
    headers |= {"content-type": answer.format.content_type, "content-length": str(size)}
    headers |= advising.header(answer.advice)
    if coding:
        headers["content-encoding"] = coding
    return Reply(200, headers, content or b"", blocks, answer)


def _quoted(text: str) -> str:
    return text.translate(_ESCAPES) if text.isascii() else quote(text, safe="")


def lasting(asked: Asked, release: int) -> dict[str, str]:
    """The headers that tell from which release an answer is, and where it stays what it is (RFC 8574)."""
    address = asked.at(release)
    return {"cybilgraph-release": str(release)} | ({"link": f'<{address}>; rel="cite-as"'} if address else {})


def _headers(asked: Asked, etag: str) -> dict[str, str]:
    if not etag:
        return {"cache-control": "no-store"}
    return {"etag": f'"{etag}"', "cache-control": PINNED if asked.release else FRESH}


def described(request: Request, address: str, release: Release, *, federated: bool) -> Reply:
    """The description of this service, for who asks it nothing; ``federated``: it may be told to ask others.

    Raises FormatMismatch, QuerySyntaxError.
    """
    if request.method == "POST":
        raise QuerySyntaxError("No query was sent", _HOW)
    name = dict(_pairs(request.arguments)).get("format", "")
    fmt = wanted(GRAPH_FORMATS, request.headers.get("accept", ""), name)[0]
    content = description(address, release, fmt, federated=federated)
    headers = {"content-type": fmt.content_type, "content-length": str(len(content)), "cache-control": FRESH}
    return Reply(200, headers, content)
