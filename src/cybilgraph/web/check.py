"""The form, and what programs call: a record goes in, its findings come out; nothing is kept."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import BadRequest, NotAcceptable

from cybilgraph.checker import DERIVED, FORM, RDF, REPORT, Answer, Checker, Submission
from cybilgraph.findings import SEVERITIES, Fix
from cybilgraph.fixes import apply
from cybilgraph.formats import BY_NAME as RDF_FORMATS
from cybilgraph.readers.kinds import KINDS
from cybilgraph.rules import LANGUAGES
from cybilgraph.templates import WRITERS
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.vocab import RULES
from cybilgraph.web.clients import Clients
from cybilgraph.web.making import waiting
from cybilgraph.web.problems import problem
from cybilgraph.web.sparql import caller
from cybilgraph.web.submissions import Sent, from_api, from_page

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
    *((name, f"{FORM}{name}", name) for name in WRITERS if name != "schema"),
    *((name, f"{RDF}{name}", RDF_FORMATS[name].suffix) for name in ("turtle", "jsonld")),
)
#: Severities, the worst first.
_ORDER = [severity.value for severity in SEVERITIES]
#: What the page shows of a graph, and of a text.
_MOST_TURTLE, _MOST_LINES, _MOST_OF_LINE = 200_000, 3_000, 2_000
#: A report in HTML has its style in itself, and words of the record.
_POLICIES = {"html": {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}}
#: A page that is filled in live, and what it needs for that.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def told_by_checker(submission: Submission, wishes: tuple[str, ...]) -> Answer:
    """What the checker of the running application makes of what was sent."""
    checker: Checker = current_app.extensions["cybilgraph"]["checker"]
    with waiting():
        return checker.check(submission, wishes, caller())


def checking() -> Clients:
    """How much each client may have checked."""
    found: Clients = current_app.extensions["cybilgraph"]["checking"]
    return found


@blueprint.post("/api/check")
def api() -> Response:
    """Check a record, for a program; see the OpenAPI document."""
    output = _output()
    with checking().admit(request.remote_addr or ""):
        sent = from_api()
        extras = [DERIVED if name == DERIVED else f"{RDF}{name}" for name in sent.extras]
        after, answer, report = _checked(sent, (f"{REPORT}{output}", *extras))
    if not answer.records:
        return _unreadable(report)
    if output != "json" or not (sent.extras or sent.fix):
        return Response(answer.parts[f"{REPORT}{output}"], content_type=_OUTPUTS[output], headers=_POLICIES.get(output))
    if sent.fix:
        report["text"] = after.text
    if DERIVED in sent.extras:
        report["derived"] = json.loads(answer.parts[DERIVED])
    if "turtle" in sent.extras:
        report["turtle"] = answer.parts[f"{RDF}turtle"].decode()
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
        return show(None, {})
    with checking().admit(request.remote_addr or ""):
        return given_back(from_page(), {})


def given_back(sent: Sent, more: dict[str, Any]) -> Response:
    """What a button of the form asks for: a file, or the page with what was found."""
    if name := request.form.get("download"):
        return _download(sent, name)
    return show(sent, more)


def show(sent: Sent | None, more: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page with what was found in a record, or without any."""
    context: dict[str, Any] = {"kinds": KINDS, "languages": LANGUAGES, "downloads": [name for name, _, _ in DOWNLOADS]}
    if sent is not None:
        sent, answer, report = _checked(sent, (f"{RDF}turtle", DERIVED))
        report["findings"].sort(key=lambda found: _ORDER.index(found["severity"]))  # each kind by line, as they come
        turtle = answer.parts[f"{RDF}turtle"].decode()
        context |= {
            "sent": sent,
            "report": report,
            "lines": _marked(sent.text or "", report["findings"]),
            "derived": json.loads(answer.parts[DERIVED] or b"[]"),
            "turtle": turtle if len(turtle) <= _MOST_TURTLE else turtle[:_MOST_TURTLE].rpartition("\n")[0] + "\n# …",
        }
        if not answer.records:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    response = make_response(render_template("check.html", rules=RULES, **context, **more), status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _checked(sent: Sent, wishes: tuple[str, ...]) -> tuple[Sent, Answer, dict[str, Any]]:
    """The record, with the mend that was asked for where there is one at its place; what was wished
    of it, and its report.
    """
    wishes = (f"{REPORT}json", *wishes)
    answer = told_by_checker(sent.submission, wishes)
    report = json.loads(answer.parts[f"{REPORT}json"])
    fixes = [Fix(**found["fix"]) for found in report["findings"] if found["fix"]]
    if chosen := [fix for fix in fixes if f"{fix.line}:{fix.column}" == sent.fix]:
        return _checked(sent.changed(apply(sent.submission.name, sent.submission.content, chosen).content), wishes[1:])
    return sent, answer, report


def _marked(text: str, findings: list[dict[str, Any]]) -> list[tuple[int, str, list[int], str]]:
    """The lines of a text: number, text, numbers of the findings about it, the worst of their severities."""
    by_line: dict[int, list[int]] = {}
    for number, found in enumerate(findings, start=1):
        by_line.setdefault(found["line"], []).append(number)
    lines = []
    for number, line in enumerate(text.split("\n")[:_MOST_LINES], start=1):
        about = by_line.get(number, [])
        severities = {findings[index - 1]["severity"] for index in about}
        shown = line if len(line) <= _MOST_OF_LINE else f"{line[:_MOST_OF_LINE]}…"
        lines.append((number, shown, about, next((name for name in _ORDER if name in severities), "")))
    return lines


def _download(sent: Sent, name: str) -> Response:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", sent.submission.name.rpartition(".")[0]).strip("-") or "record"
    if name == "source":
        return _file(sent.submission.content, f"{stem}{sent.kind.suffix}")
    found = next(((wish, suffix) for own, wish, suffix in DOWNLOADS if own == name), None)
    if found is None:
        raise BadRequest(f"There is no download {name!r}")
    wish, suffix = found
    _, answer, report = _checked(sent, (wish,))
    if not answer.records:
        return _unreadable(report)
    return _file(answer.parts[wish], f"{stem}.{suffix}")


def _file(content: bytes, name: str) -> Response:
    """To be kept and never shown: it is what a stranger has written."""
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
