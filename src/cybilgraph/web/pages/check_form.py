"""The check page and the check API: they check a submitted record and return the findings. Nothing is stored."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotAcceptable

from cybilgraph.model.findings import SEVERITIES
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import RULES
from cybilgraph.readers.input_formats import INPUT_FORMATS
from cybilgraph.web.api.problems import PROBLEM_TYPE, problem
from cybilgraph.web.checker import CheckAnswer, Checker, Output, Submission, Upload
from cybilgraph.web.checker.submissions import DOWNLOADS
from cybilgraph.web.pages.query_page import caller, site
from cybilgraph.web.server.render_queue import yield_turn

blueprint = Blueprint("check", __name__)

#: The media type of each report format; the first is the default.
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
#: Severities, most severe first.
_SEVERITY_ORDER = [severity.value for severity in SEVERITIES]
#: The limits of the annotated text on the page.
_MAX_LINES, _MAX_LINE_CHARS = 3_000, 2_000
#: The outputs needed to respond to a form.
FORM_OUTPUTS = (Output.PAGE, Output.TEXT, Output.FILE)
#: A report in HTML has inline styles and contains untrusted text from the record.
_POLICIES = {"html": {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}}
#: The policy of the check page, whose script calls the API.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def run_checker(submission: Submission | Upload, outputs: tuple[str, ...]) -> CheckAnswer:
    """Check a submission with the checker of the running application."""
    checker: Checker = site("checker")
    with yield_turn():
        return checker.check(submission, outputs, caller())


def upload(*, is_form: bool, base: str = "", name: str = "") -> Upload:
    """Return the undecoded body of this request; only workers decode it."""
    body, arguments = request.get_data(cache=False), request.query_string.decode("latin-1")
    return Upload(body, request.content_type or "", arguments, is_form=is_form, base=base, name=name)


@blueprint.post("/api/check")
def api() -> Response:
    """Check a record for an API client; see the OpenAPI document."""
    name = _output()
    output = f"{Output.API}{name}"
    with site("checking").admit(request.remote_addr or ""):
        answer = run_checker(upload(is_form=False), (output,))
    if not answer.records:
        return _unreadable(answer, answer.parts[output])
    media_type = OUTPUT_TYPES[name]
    content_type = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    return Response(answer.parts[output], content_type=content_type, headers=_POLICIES.get(name))


def _output() -> str:
    """Return the report format that the client requests. Raises NotAcceptable."""
    if name := request.args.get("format"):
        if name in OUTPUT_TYPES:
            return name
        raise NotAcceptable(f"Reports are not available in the format {name!r}. Use one of: {', '.join(OUTPUT_TYPES)}")
    by_type = {media_type: name for name, media_type in reversed(OUTPUT_TYPES.items())}
    # The first format is the default.
    best = (
        request.accept_mimetypes.best_match(OUTPUT_TYPES.values()) if request.accept_mimetypes else "application/json"
    )
    if best is None:
        raise NotAcceptable(f"Reports are not available in this media type. Use one of: {', '.join(by_type)}")
    return by_type[best]


def _unreadable(answer: CheckAnswer, report: bytes) -> Response:
    """Return status 422 (RFC 9110, section 15.5.21) for content without a record, with the report in JSON."""
    found = dict(answer.about["problem"])
    response = problem(HTTPStatus.UNPROCESSABLE_ENTITY, found.pop("message"), found.pop("suggestion"), found)
    if response.mimetype == PROBLEM_TYPE:  # insert the report, which may be long, without parsing it
        response.set_data(b'%b, "report": %b}' % (response.get_data().rstrip().removesuffix(b"}"), report))
    return response


@blueprint.route("/check", methods=["GET", "POST"])
def page() -> Response:
    """Show the form and the findings of what was submitted. The page works without scripts."""
    if request.method != "POST":
        return render_form(None, {})
    with site("checking").admit(request.remote_addr or ""):
        return respond_to_form(run_checker(upload(is_form=True), FORM_OUTPUTS), {})


def respond_to_form(answer: CheckAnswer, more: dict[str, Any]) -> Response:
    """Respond to a button of the form: return a download, or the page with the findings."""
    name, content = answer.about["file"], answer.parts[Output.FILE]
    if not name:
        return render_form(answer, more)
    if not answer.about["is_readable"]:
        return _unreadable(answer, content)
    # Untrusted content: browsers must download it, never display it.
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def render_form(answer: CheckAnswer | None, more: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Render the page, with the findings of a record if one was sent."""
    context = more | {"kinds": INPUT_FORMATS, "languages": LANGUAGES, "downloads": list(DOWNLOADS)}
    if answer is not None:
        text, found = answer.parts[Output.TEXT].decode(), json.loads(answer.parts[Output.PAGE])
        context |= {
            "sent": answer.about | {"text": text},
            "report": found,
            "lines": _annotated_lines(text, found["findings"]),
            "derived": found["derived"],
            "turtle": found["turtle"],
        }
        if not answer.records:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    response = make_response(render_template("check.html", rules=RULES, **context), status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _annotated_lines(text: str, findings: list[dict[str, Any]]) -> list[tuple[int, str, list[int], str]]:
    """Return number, text, numbers of its findings and their highest severity for each line of a text."""
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
