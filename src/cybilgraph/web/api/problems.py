"""Error responses: problem details (RFC 9457) for API clients, a page for browsers."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from flask import Flask, Response, json, make_response, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cybilgraph.errors import (
    AnswerTooLarge,
    CheckerBusy,
    CheckFailed,
    CheckTimeout,
    CheckTooHeavy,
    CybilgraphError,
    EndpointFailed,
    EngineUnavailable,
    FileDamaged,
    FormatMismatch,
    QueryError,
    QueryRefused,
    QuerySyntaxError,
    QueryTimeout,
    ReleaseBusy,
    ReleaseError,
    ReleaseGone,
    ServiceFailed,
    SuggestionError,
    SuggestionQuota,
    SuggestionsFull,
    ThingGone,
    UnknownQuery,
)
from cybilgraph.sparql import Hint
from cybilgraph.web.api import hint_header, protocol
from cybilgraph.web.pages import query_page

PROBLEM_TYPE = "application/problem+json"
#: The first class that matches an error decides its status.
STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (QuerySyntaxError, HTTPStatus.BAD_REQUEST),
    (QueryRefused, HTTPStatus.FORBIDDEN),
    (UnknownQuery, HTTPStatus.NOT_FOUND),
    (FormatMismatch, HTTPStatus.NOT_ACCEPTABLE),
    (ReleaseBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (FileDamaged, HTTPStatus.SERVICE_UNAVAILABLE),
    (ReleaseGone, HTTPStatus.GONE),
    (ThingGone, HTTPStatus.GONE),
    (ReleaseError, HTTPStatus.NOT_FOUND),
    (QueryTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (AnswerTooLarge, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ServiceFailed, HTTPStatus.BAD_GATEWAY),
    (EndpointFailed, HTTPStatus.BAD_GATEWAY),
    (EngineUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (SuggestionQuota, HTTPStatus.TOO_MANY_REQUESTS),
    (SuggestionsFull, HTTPStatus.SERVICE_UNAVAILABLE),
    (SuggestionError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (CheckerBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (CheckFailed, HTTPStatus.INTERNAL_SERVER_ERROR),
    (CheckTimeout, HTTPStatus.UNPROCESSABLE_ENTITY),
    (CheckTooHeavy, HTTPStatus.UNPROCESSABLE_ENTITY),
    (CybilgraphError, HTTPStatus.BAD_REQUEST),
)


def register(app: Flask) -> None:
    """Register handlers that format our own errors and HTTP errors alike."""
    app.register_error_handler(CybilgraphError, _cybilgraph_problem)
    app.register_error_handler(HTTPException, _http_problem)


def error_reply(
    app: Flask, path: str, request: protocol.Request, error: CybilgraphError | HTTPException
) -> protocol.Reply:
    """Format an error that occurred outside Flask like those inside."""
    with app.test_request_context(path, method=request.method, query_string=request.arguments, headers=request.headers):
        query_page.set_request(request)
        response = app.process_response(
            _http_problem(error) if isinstance(error, HTTPException) else _cybilgraph_problem(error)
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return protocol.Reply(response.status_code, headers, response.get_data())


def plain_problem(status: int, detail: str, retry_after: int = 0) -> protocol.Reply:
    """Return problem details that are the same for every request, with the seconds to wait, if any."""
    phrase = HTTPStatus(status).phrase
    content = json.dumps({"type": "about:blank", "title": phrase, "status": status, "detail": detail}).encode()
    headers = {"content-type": PROBLEM_TYPE, "content-length": str(len(content))}
    if retry_after:
        headers["retry-after"] = str(retry_after)
    return protocol.Reply(status, headers, content)


def _cybilgraph_problem(error: Exception) -> Response:
    assert isinstance(error, CybilgraphError)
    if scope := request.environ.get("asgi.scope"):
        scope["entry"].error = type(error)
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    extra: dict[str, object] = {}
    if isinstance(error, QuerySyntaxError) and error.line:
        extra = {"line": error.line, "column": error.column, "excerpt": error.excerpt}
    if isinstance(error, QueryError) and error.hints:
        extra["advice"] = [text for _, text, _ in error.hints]
    if isinstance(error, ThingGone):
        extra = {"earlier": error.earlier}
    is_repeated = isinstance(error, QueryError) and any(error.hint == text for _, text, _ in error.hints)
    response = problem(status, error.what, "" if is_repeated else error.hint, extra)
    if isinstance(error, QueryError):
        response.headers.update(hint_header.hint_headers([Hint(*piece) for piece in error.hints]))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _http_problem(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.code or 500)
    detail = error.description or status.description
    if isinstance(error, RequestEntityTooLarge) and detail == RequestEntityTooLarge.description:
        detail = f"The request is larger than {request.max_content_length or 0:,} bytes"
    response = problem(status, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Location", "Content-Range"):
            response.headers[name] = value
    return response


def _problem_text(problem: dict[str, object]) -> str:
    position = f"line {problem['line']}, column {problem['column']}:" if problem.get("excerpt") else ""
    advice = problem.get("advice")
    more = advice if isinstance(advice, list) else []
    parts = (problem["detail"], position, problem.get("excerpt"), problem.get("hint"), *more)
    return "".join(f"{part}\n" for part in parts if part)


def problem(status: HTTPStatus, detail: str, hint: str = "", extra: dict[str, object] | None = None) -> Response:
    """Return problem details, with extension members in ``extra``, or a page for a browser.

    The type is about:blank: the status alone identifies the kind of problem (RFC 9457, section 4.2.1).
    """
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "instance": quote(request.path),
        **({"hint": hint} if hint else {}),
        **(extra or {}),
    }
    sent = query_page.sent_request(request.path)
    name = sent.shown("format")
    kind = "" if name is None or name.strip().lower() == "html" else PROBLEM_TYPE
    match kind or request.accept_mimetypes.best_match([PROBLEM_TYPE, "text/html", "text/plain"], PROBLEM_TYPE):
        case "text/html":
            # The query page keeps the failed query in its editor, so that the user can correct it.
            query = sent.shown("query") if request.path.rstrip("/") == "/sparql" else None
            template = "problem.html" if query is None else "query-problem.html"
            response = make_response(
                render_template(template, problem=problem, query=query, **query_page.form_values())
            )
        case "text/plain":
            response = Response(_problem_text(problem), content_type="text/plain; charset=utf-8")
        case _:
            response = Response(json.dumps(problem), mimetype=PROBLEM_TYPE)
    response.status_code = status
    return response
