"""The form, and what programs call: a record goes in, its findings come out; nothing is kept."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import BadRequest, NotAcceptable

from cybilgraph.model.findings import SEVERITIES, Fix
from cybilgraph.model.formats import BY_NAME as RDF_FORMATS
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import RULES
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers.input_kinds import KINDS
from cybilgraph.validation.fixes import apply_fixes
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.api.problems import problem
from cybilgraph.web.api.submissions import SentRecord, read_api_request, read_form_request
from cybilgraph.web.checker import (
    DERIVED_OUTPUT,
    FORM_OUTPUT,
    RDF_OUTPUT,
    REPORT_OUTPUT,
    CheckAnswer,
    Checker,
    Submission,
)
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
#: What the form can give back: the record in each form, and as RDF.
DOWNLOADS = (
    *((name, f"{FORM_OUTPUT}{name}", name) for name in WRITERS if name != "schema"),
    *((name, f"{RDF_OUTPUT}{name}", RDF_FORMATS[name].suffix) for name in ("turtle", "jsonld")),
)
#: Severities, the worst first.
_SEVERITY_ORDER = [severity.value for severity in SEVERITIES]
#: What the page shows of a graph, and of a text.
_MAX_TURTLE_CHARS, _MAX_LINES, _MAX_LINE_CHARS = 200_000, 3_000, 2_000
#: A report in HTML has its style in itself, and words of the record.
_POLICIES = {"html": {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}}
#: A page that is filled in live, and what it needs for that.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def run_checker(submission: Submission, outputs: tuple[str, ...]) -> CheckAnswer:
    """What the checker of the running application makes of what was sent."""
    checker: Checker = current_app.extensions["cybilgraph"]["checker"]
    with yield_turn():
        return checker.check(submission, outputs, caller())


def check_quota() -> ClientQuotas:
    """How much each client may have checked."""
    found: ClientQuotas = current_app.extensions["cybilgraph"]["checking"]
    return found


@blueprint.post("/api/check")
def api() -> Response:
    """Check a record, for a program; see the OpenAPI document."""
    output = _output()
    with check_quota().admit(request.remote_addr or ""):
        sent = read_api_request()
        extras = [DERIVED_OUTPUT if name == DERIVED_OUTPUT else f"{RDF_OUTPUT}{name}" for name in sent.extras]
        after, answer, report = _checked(sent, (f"{REPORT_OUTPUT}{output}", *extras))
    if not answer.records:
        return _unreadable(report)
    if output != "json" or not (sent.extras or sent.fix):
        return Response(
            answer.parts[f"{REPORT_OUTPUT}{output}"], content_type=_OUTPUTS[output], headers=_POLICIES.get(output)
        )
    if sent.fix:
        report["text"] = after.text
    if DERIVED_OUTPUT in sent.extras:
        report["derived"] = json.loads(answer.parts[DERIVED_OUTPUT])
    if "turtle" in sent.extras:
        report["turtle"] = answer.parts[f"{RDF_OUTPUT}turtle"].decode()
    return Response(json.dumps(report, ensure_ascii=False), content_type=_OUTPUTS["json"])


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


def _unreadable(report: dict[str, Any]) -> Response:
    """What is no record is not checked (RFC 9110, section 15.5.21); the report says where and why."""
    first = report["findings"][0] if report["findings"] else {}
    detail = first.get("message") or "There is no project in it"
    place = {name: first[name] for name in ("line", "column") if first.get(name)}
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, first.get("suggestion", ""), {**place, "report": report})


@blueprint.route("/check", methods=["GET", "POST"])
def page() -> Response:
    """The form; with what was sent, its findings. All of it works without scripts."""
    if request.method != "POST":
        return render_form(None, {})
    with check_quota().admit(request.remote_addr or ""):
        return respond_to_form(read_form_request(), {})


def respond_to_form(sent: SentRecord, more: dict[str, Any]) -> Response:
    """What a button of the form asks for: a file, or the page with what was found."""
    if name := request.form.get("download"):
        return _download(sent, name)
    return render_form(sent, more)


def render_form(sent: SentRecord | None, more: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page with what was found in a record, or without any."""
    context: dict[str, Any] = {"kinds": KINDS, "languages": LANGUAGES, "downloads": [name for name, _, _ in DOWNLOADS]}
    if sent is not None:
        sent, answer, report = _checked(sent, (f"{RDF_OUTPUT}turtle", DERIVED_OUTPUT))
        report["findings"].sort(
            key=lambda found: _SEVERITY_ORDER.index(found["severity"])
        )  # each kind by line, as they come
        turtle = answer.parts[f"{RDF_OUTPUT}turtle"].decode()
        context |= {
            "sent": sent,
            "report": report,
            "lines": _annotated_lines(sent.text or "", report["findings"]),
            "derived": json.loads(answer.parts[DERIVED_OUTPUT] or b"[]"),
            "turtle": turtle
            if len(turtle) <= _MAX_TURTLE_CHARS
            else turtle[:_MAX_TURTLE_CHARS].rpartition("\n")[0] + "\n# …",
        }
        if not answer.records:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    response = make_response(render_template("check.html", rules=RULES, **context, **more), status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _checked(sent: SentRecord, outputs: tuple[str, ...]) -> tuple[SentRecord, CheckAnswer, dict[str, Any]]:
    """The record, with the mend that was asked for where there is one at its place; what was wished
    of it, and its report.
    """
    outputs = (f"{REPORT_OUTPUT}json", *outputs)
    answer = run_checker(sent.submission, outputs)
    report = json.loads(answer.parts[f"{REPORT_OUTPUT}json"])
    fixes = [Fix(**found["fix"]) for found in report["findings"] if found["fix"]]
    if chosen := [fix for fix in fixes if f"{fix.line}:{fix.column}" == sent.fix]:
        return _checked(
            sent.changed(apply_fixes(sent.submission.name, sent.submission.content, chosen).content), outputs[1:]
        )
    return sent, answer, report


def _annotated_lines(text: str, findings: list[dict[str, Any]]) -> list[tuple[int, str, list[int], str]]:
    """The lines of a text: number, text, numbers of the findings about it, the worst of their severities."""
    by_line: dict[int, list[int]] = {}
    for number, found in enumerate(findings, start=1):
        by_line.setdefault(found["line"], []).append(number)
    lines = []
    for number, line in enumerate(text.split("\n")[:_MAX_LINES], start=1):
        about = by_line.get(number, [])
        severities = {findings[index - 1]["severity"] for index in about}
        shown = line if len(line) <= _MAX_LINE_CHARS else f"{line[:_MAX_LINE_CHARS]}…"
        lines.append((number, shown, about, next((name for name in _SEVERITY_ORDER if name in severities), "")))
    return lines


def _download(sent: SentRecord, name: str) -> Response:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", sent.submission.name.rpartition(".")[0]).strip("-") or "record"
    if name == "source":
        return _file(sent.submission.content, f"{stem}{sent.kind.suffix}")
    found = next(((output, suffix) for own, output, suffix in DOWNLOADS if own == name), None)
    if found is None:
        raise BadRequest(f"There is no download {name!r}")
    output, suffix = found
    _, answer, report = _checked(sent, (output,))
    if not answer.records:
        return _unreadable(report)
    return _file(answer.parts[output], f"{stem}.{suffix}")


def _file(content: bytes, name: str) -> Response:
    """To be kept and never shown: it is what a stranger has written."""
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
