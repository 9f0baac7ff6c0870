"""The form, and what programs call: a record goes in, its findings come out; nothing is kept."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import NotAcceptable

from cybilgraph.model.findings import SEVERITIES
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import RULES
from cybilgraph.readers.input_kinds import KINDS
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.api.problems import PROBLEM_TYPE, problem
from cybilgraph.web.checker import (
    API_OUTPUT,
    FILE_OUTPUT,
    PAGE_OUTPUT,
    TEXT_OUTPUT,
    CheckAnswer,
    Checker,
    Submission,
    Upload,
)
from cybilgraph.web.checker.submissions import DOWNLOADS
from cybilgraph.web.pages.query_page import caller
from cybilgraph.web.server.quotas import ClientQuotas
from cybilgraph.web.server.render_queue import yield_turn

blueprint = Blueprint("check", __name__)

#: The media types of the outputs of a report, the first of which is what a client gets that takes anything.
OUTPUT_TYPES = {
    "json": "application/json",
    "sarif": "application/sarif+json",
    "junit": "application/xml",
    "turtle": "text/turtle",
    "csv": "text/csv",
    "html": "text/html",
    "text": "text/plain",
    "github": "text/plain",
}
_OUTPUTS = {
    name: f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    for name, media_type in OUTPUT_TYPES.items()
}
#: Severities, the worst first.
_SEVERITY_ORDER = [severity.value for severity in SEVERITIES]
#: What the page shows of a text, with marks beside its lines.
_MAX_LINES, _MAX_LINE_CHARS = 3_000, 2_000
#: What the answer to a form is made of.
FORM_OUTPUTS = (PAGE_OUTPUT, TEXT_OUTPUT, FILE_OUTPUT)
#: A report in HTML has its style in itself, and words of the record.
_POLICIES = {"html": {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}}
#: A page that is filled in live, and what it needs for that.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def run_checker(given: Submission | Upload, outputs: tuple[str, ...]) -> CheckAnswer:
    """What the checker of the running application makes of what was sent."""
    checker: Checker = current_app.extensions["cybilgraph"]["checker"]
    with yield_turn():
        return checker.check(given, outputs, caller())


def upload(*, is_form: bool, base: str = "", name: str = "") -> Upload:
    """The body of this request, which is not decoded here: only workers do that."""
    return Upload(
        request.get_data(cache=False),
        request.content_type or "",
        request.query_string.decode("latin-1"),
        is_form=is_form,
        base=base,
        name=name,
    )


def check_quota() -> ClientQuotas:
    """How much each client may have checked."""
    found: ClientQuotas = current_app.extensions["cybilgraph"]["checking"]
    return found


@blueprint.post("/api/check")
def api() -> Response:
    """Check a record, for a program; see the OpenAPI document."""
    output = _output()
    with check_quota().admit(request.remote_addr or ""):
        answer = run_checker(upload(is_form=False), (f"{API_OUTPUT}{output}",))
    content = answer.parts[f"{API_OUTPUT}{output}"]
    if not answer.records:
        return _unreadable(answer, content)
    return Response(content, content_type=_OUTPUTS[output], headers=_POLICIES.get(output))


def _output() -> str:
    """Which output of a report the client wants. Raises NotAcceptable."""
    offered = [name for name in OUTPUT_TYPES if name in OUTPUTS]
    if name := request.args.get("format"):
        if name in offered:
            return name
        raise NotAcceptable(f"There is no report in the format {name!r}. On offer: {', '.join(offered)}")
    if not request.accept_mimetypes:
        return offered[0]
    by_type = {OUTPUT_TYPES[name]: name for name in reversed(offered)}
    best = request.accept_mimetypes.best_match([OUTPUT_TYPES[name] for name in offered])
    if best is None:
        raise NotAcceptable(f"There is no report of this kind. On offer: {', '.join(by_type)}")
    return by_type[best]


def _unreadable(answer: CheckAnswer, report: bytes) -> Response:
    """What is no record is not checked (RFC 9110, section 15.5.21); the report in JSON says where and why."""
    found = dict(answer.about["problem"])
    response = problem(HTTPStatus.UNPROCESSABLE_ENTITY, found.pop("message"), found.pop("suggestion"), found)
    if response.mimetype == PROBLEM_TYPE:  # the report may be long: it becomes a member without being parsed
        response.set_data(b'%b, "report": %b}' % (response.get_data().rstrip().removesuffix(b"}"), report))
    return response


@blueprint.route("/check", methods=["GET", "POST"])
def page() -> Response:
    """The form; with what was sent, its findings. All of it works without scripts."""
    if request.method != "POST":
        return render_form(None, {})
    with check_quota().admit(request.remote_addr or ""):
        return respond_to_form(run_checker(upload(is_form=True), FORM_OUTPUTS), {})


def respond_to_form(answer: CheckAnswer, more: dict[str, Any]) -> Response:
    """What a button of the form asks for: a file, or the page with what was found."""
    name, content = answer.about["file"], answer.parts[FILE_OUTPUT]
    if not name:
        return render_form(answer, more)
    if not answer.about["is_readable"]:
        return _unreadable(answer, content)
    # To be kept and never shown: it is what a stranger has written.
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def render_form(answer: CheckAnswer | None, more: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page with what was found in a record, or without any."""
    context: dict[str, Any] = {"kinds": KINDS, "languages": LANGUAGES, "downloads": list(DOWNLOADS)}
    if answer is not None:
        text = answer.parts[TEXT_OUTPUT].decode()
        found = json.loads(answer.parts[PAGE_OUTPUT])
        context |= {
            "sent": answer.about | {"text": text},
            "report": found,
            "lines": _annotated_lines(text, found["findings"]),
            "derived": found["derived"],
            "turtle": found["turtle"],
        }
        if not answer.records:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    response = make_response(render_template("check.html", rules=RULES, **context, **more), status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _annotated_lines(text: str, findings: list[dict[str, Any]]) -> list[tuple[int, str, list[int], str]]:
    """The lines of a text: number, text, numbers of the findings about it, the worst of their severities."""
    by_line: dict[int, list[int]] = {}
    for number, found in enumerate(findings, start=1):
        by_line.setdefault(found["line"], []).append(number)
    lines = []
    for number, line in enumerate(text.split("\n", _MAX_LINES)[:_MAX_LINES], start=1):
        about = by_line.get(number, [])
        severities = {findings[index - 1]["severity"] for index in about}
        shown = line if len(line) <= _MAX_LINE_CHARS else f"{line[:_MAX_LINE_CHARS]}…"
        lines.append((number, shown, about, next((name for name in _SEVERITY_ORDER if name in severities), "")))
    return lines
