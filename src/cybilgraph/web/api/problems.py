"""Error responses: problem details (RFC 9457) for API clients, a page for browsers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, json, make_response, render_template, request
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from cybilgraph import errors
from cybilgraph.errors import CybilgraphError, QueryError, QuerySyntaxError, ThingGone
from cybilgraph.sparql import Hint
from cybilgraph.web.api import protocol
from cybilgraph.web.api.current_request import form_values, sent_request, set_request
from cybilgraph.web.pages.evidence_switch import evidence_switch

PROBLEM_TYPE = "application/problem+json"
#: Characters of a path in an error.
_MAX_PATH_CHARS = 1_000
#: The nearest base class of an error decides its status.
_STATUSES = {
    errors.CybilgraphError: HTTPStatus.BAD_REQUEST,
    errors.ReleaseError: HTTPStatus.NOT_FOUND,
    errors.ReleaseBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.FileDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ReleaseGone: HTTPStatus.GONE,
    errors.ThingGone: HTTPStatus.GONE,
    errors.SuggestionError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SuggestionsFull: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SuggestionQuota: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DecisionError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CuratorError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CheckerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CheckFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.CheckTimeout: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CheckTooHeavy: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QueryRefused: HTTPStatus.FORBIDDEN,
    errors.UnknownQuery: HTTPStatus.NOT_FOUND,
    errors.FormatMismatch: HTTPStatus.NOT_ACCEPTABLE,
    errors.QueryTimeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.AnswerTooLarge: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ServiceFailed: HTTPStatus.BAD_GATEWAY,
    errors.EndpointFailed: HTTPStatus.BAD_GATEWAY,
    errors.EngineUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

#: The sections that run queries their readers did not write, and what they show: advice on SPARQL would not help.
_WITHOUT_QUERY = {"explore": "chart", "network": "chart", "entities": "page", "home": "page"}


def status_of(error: CybilgraphError) -> HTTPStatus:
    """Return the status of the response for an error."""
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def register(app: Flask) -> None:
    """Format our own errors and HTTP errors alike."""
    app.register_error_handler(CybilgraphError, _cybilgraph_problem)
    app.register_error_handler(HTTPException, _http_problem)


def error_reply(
    app: Flask, path: str, request: protocol.Request, error: CybilgraphError | HTTPException
) -> protocol.Reply:
    """Format an error that occurred outside Flask like those inside."""
    # Not as a URL, from which werkzeug would take a query, a fragment or a host.
    environ = {"PATH_INFO": path.encode().decode("latin-1")}
    with app.test_request_context(
        "/", method=request.method, query_string=request.arguments, headers=request.headers, environ_overrides=environ
    ):
        set_request(request)
        problem = _http_problem if isinstance(error, HTTPException) else _cybilgraph_problem
        response = app.process_response(problem(error))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return protocol.Reply(response.status_code, headers, response.get_data())


def plain_problem(status: int, detail: str, retry_after: int = 0) -> protocol.Reply:
    """Return problem details that are the same for every request, with the seconds to wait, if any."""
    phrase = HTTPStatus(status).phrase
    content = json.dumps({"type": "about:blank", "title": phrase, "status": status, "detail": detail}).encode()
    headers = {"content-type": PROBLEM_TYPE, "content-length": str(len(content))}
    return protocol.Reply(status, headers | ({"retry-after": str(retry_after)} if retry_after else {}), content)


def _cybilgraph_problem(error: Exception) -> Response:
    assert isinstance(error, CybilgraphError)
    if scope := request.environ.get("asgi.scope"):
        scope["entry"].error = type(error)
    status = status_of(error)
    if isinstance(error, errors.QueryTimeout) and (what := _WITHOUT_QUERY.get(request.blueprint or "")):
        return problem(status, f"This {what} took too long", extra={"links": _less_work()})
    extra: dict[str, object] = {}
    hints = [Hint(*piece) for piece in error.hints] if isinstance(error, QueryError) else []
    advice = [hint.text for hint in hints]
    if isinstance(error, QuerySyntaxError) and error.line:
        extra = {"line": error.line, "column": error.column, "excerpt": error.excerpt}
    if advice:
        extra["advice"] = advice
    if isinstance(error, ThingGone):
        extra = {"earlier": error.earlier}
    response = problem(status, error.what, "" if error.hint in advice else error.hint, extra)
    response.headers.update(protocol.hint_headers(hints))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _less_work() -> list[dict[str, str]]:
    """Return links to the page itself, to try again, and to those of its versions that count fewer links."""
    switch = evidence_switch({}, "link")
    fewer = [(words, url) for level, words, url in switch.options if len(level.bases) < len(switch.level.bases)]
    here = f"{request.script_root}{request.full_path.rstrip('?')}"
    return [{"title": title, "href": url} for title, url in [("Try again", here), *reversed(fewer)]]


def _http_problem(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.code or 500)
    detail = error.description or status.description
    if isinstance(error, RequestEntityTooLarge) and detail == RequestEntityTooLarge.description:
        detail = f"The request is larger than {request.max_content_length or 0:,} bytes"
    if isinstance(error, NotFound) and detail == NotFound.description:
        detail = "This site has no page at this address. Check the spelling of the address, or search for the page"
    response = problem(status, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Location", "Content-Range"):
            response.headers[name] = value
    return response


def _problem_text(problem: dict[str, Any]) -> str:
    position = f"line {problem['line']}, column {problem['column']}:" if problem.get("excerpt") else ""
    parts = (problem["detail"], position, problem.get("excerpt"), problem.get("hint"), *problem.get("advice", ()))
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
        "instance": quote(request.path[:_MAX_PATH_CHARS]),
        **({"hint": hint} if hint else {}),
        **(extra or {}),
    }
    sent = sent_request(request.path)
    name = sent.shown("format")
    kind = "" if name is None or name.strip().lower() == "html" else PROBLEM_TYPE
    match kind or request.accept_mimetypes.best_match([PROBLEM_TYPE, "text/html", "text/plain"], PROBLEM_TYPE):
        case "text/html":
            # The query page keeps the failed query in its editor, so that the user can correct it.
            query = sent.shown("query") if request.path.rstrip("/") == "/sparql" else None
            template = "problem.html" if query is None else "query-problem.html"
            page = render_template(template, problem=problem, query=query, **form_values())
            response = make_response(page)
        case "text/plain":
            response = Response(_problem_text(problem), content_type="text/plain; charset=utf-8")
        case _:
            response = Response(json.dumps(problem), mimetype=PROBLEM_TYPE)
    response.status_code = status
    return response
