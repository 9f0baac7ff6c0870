"""The check page and the check API, which store nothing, and the form for suggesting an edit to a project's record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotAcceptable, NotFound

from cybilgraph.errors import SuggestionError
from cybilgraph.model.fields import Field, FieldKind
from cybilgraph.model.findings import SEVERITIES
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import RULES, thing_iri
from cybilgraph.rdf.forms import COLUMNS
from cybilgraph.readers.cells import column_letters, find_field
from cybilgraph.readers.input_formats import INPUT_FORMATS
from cybilgraph.release.sources import SOURCES
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import (
    NTRIPLES,
    answer_query,
    caller,
    named_query_rows,
    release_with_intact,
    site,
)
from cybilgraph.web.api.problems import PROBLEM_TYPE, problem, status_of
from cybilgraph.web.checker import CheckAnswer, Checker
from cybilgraph.web.checker.submissions import DOWNLOADS, Output, Submission, Upload, record_from_bytes
from cybilgraph.web.pages.resource_view import page_path
from cybilgraph.web.server.quotas import client_network
from cybilgraph.web.server.render_queue import yield_turn
from cybilgraph.web.suggestions import EditBase, Suggestion, SuggestionQueue

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
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: Severities, most severe first.
_SEVERITY_ORDER = [severity.value for severity in SEVERITIES]
#: The limits of the annotated text on the page.
_MAX_LINES, _MAX_LINE_CHARS = 3_000, 2_000
#: The outputs needed to respond to a form.
_FORM_OUTPUTS = (Output.PAGE, Output.TEXT, Output.FILE, Output.CELLS)
#: The formats of project pages, which are edited as text; all others are edited in a form with a field for each value.
_PAGE_FORMATS = ("text", "html")
#: A report in HTML has inline styles and contains untrusted text from the record.
_POLICIES = {
    "html": {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
    }
}
#: The policy of pages with a script of their own that calls the site.
SCRIPT_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Pending suggestions are counted per IPv6 site (RFC 6177), because one customer may have 65,536 networks, and per
#: IPv4 network of 256 addresses.
_QUOTA_BITS = {"ipv6_bits": 48, "ipv4_bits": 24}


def run_checker(submission: Submission | Upload, outputs: tuple[str, ...]) -> CheckAnswer:
    """Check a submission with the checker of the running application."""
    checker: Checker = site("checker")
    with yield_turn():
        return checker.check(submission, outputs, caller())


def _upload(*, is_form: bool, base: str = "", name: str = "") -> Upload:
    """Return the undecoded body of this request; only workers decode it."""
    body, arguments = request.get_data(cache=False), request.query_string.decode("latin-1")
    return Upload(body, request.content_type or "", arguments, is_form=is_form, base=base, name=name)


@blueprint.post("/api/check")
def api() -> Response:
    """Check a record for an API client; see the OpenAPI document."""
    name = _output()
    output = f"{Output.API}{name}"
    with site("checking").admit(request.remote_addr or ""):
        answer = run_checker(_upload(is_form=False), (output,))
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
        site("checker").start()  # it loads while the visitor fills in the form
        return _render_form(None, {})
    with site("checking").admit(request.remote_addr or ""):
        return _respond_to_form(run_checker(_upload(is_form=True), _FORM_OUTPUTS), {})


def _respond_to_form(answer: CheckAnswer, more: dict[str, Any]) -> Response:
    """Respond to a button of the form: return a download, or the page with the findings."""
    name, content = answer.about["file"], answer.parts[Output.FILE]
    if not name:
        return _render_form(answer, more)
    if not answer.about["is_readable"]:
        return _unreadable(answer, content)
    # Untrusted content: browsers must download it, never display it.
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _render_form(answer: CheckAnswer | None, more: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Render the page, with the findings of a record if one was sent."""
    template = "check.html"
    context = more | {"kinds": INPUT_FORMATS, "languages": LANGUAGES, "downloads": list(DOWNLOADS)}
    if answer is not None:
        text, found = answer.parts[Output.TEXT].decode(), json.loads(answer.parts[Output.PAGE])
        context |= {
            "sent": answer.about | {"text": text},
            "report": found,
            "lines": _annotated_lines(text, found["findings"]),
            "cells": _marked_cells(found["findings"]),
            "letters": [
                column_letters(number)
                for number in range(1, 1 + max((len(row["cells"]) for row in found["table"]), default=0))
            ],
            "derived": found["derived"],
            "turtle": found["turtle"],
        }
        if not answer.records:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    if answer is not None and more.get("suggest", {}).get("as_form"):
        template, fields = "suggest-form.html", _form_fields(json.loads(answer.parts[Output.CELLS]), found["findings"])
        context |= {"fields": fields, "others": _other_findings(found["findings"])}
    response = make_response(render_template(template, rules=RULES, **context), status)
    response.headers["Content-Security-Policy"] = SCRIPT_POLICY
    return response


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of the edit form: its row of the field table, its text, the values it may have, and its findings."""

    row: Field
    text: str
    choices: list[str]
    findings: list[dict[str, Any]]

    @property
    def is_open(self) -> bool:
        """Whether it is shown at once."""
        return bool(self.text or self.findings)


def _form_fields(cells: dict[str, str], findings: list[dict[str, Any]]) -> list[FormField]:
    """Return the fields of the edit form, each with its own findings."""
    return [
        FormField(
            row,
            cells.get(row.column, ""),
            [entry.name for entry in load_gazetteer().entries[row.name].values()]
            if row.kind is FieldKind.CHOICE
            else [],
            [found for found in findings if _field_of(found) == row],
        )
        for row in COLUMNS
        if row.name != "retrieved"  # a fact about the source
    ]


def _other_findings(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for found in findings if _field_of(found) is None]


def _field_of(found: dict[str, Any]) -> Field | None:
    return find_field(found["label"]) if found["label"] else None


def _marked_cells(findings: list[dict[str, Any]]) -> dict[str, tuple[str, list[int]]]:
    """Return the highest severity and the numbers of the findings of each cell, and of each row without a cell."""
    cells: dict[str, tuple[str, list[int]]] = {}
    for number, found in enumerate(findings, start=1):  # most severe first
        if place := found["cell_name"] or (str(found["line"]) if found["line"] else ""):
            cells.setdefault(place, (found["severity"], []))[1].append(number)
    return cells


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


@blueprint.route("/suggest/<path:key>", methods=["GET", "POST"])
def suggest(key: str) -> Response:
    """Show the form with a project's record, or respond to one of its buttons (POST)."""
    project_page = page_path(thing_iri("project", key))
    suggestions: SuggestionQueue | None = site("suggestions")
    if suggestions is None:
        return suggestion_outcome(None, project_page, HTTPStatus.NOT_FOUND)
    if request.method == "POST":
        ensure_same_origin()
    as_source = "source" in request.args
    with site("checking").admit(request.remote_addr or ""):
        title, base, name = edit_base(key, as_source)
        context: dict[str, Any] = {
            "title": title,
            "page": project_page,
            "action": url_for("check.suggest", key=key, source="yes" if as_source else None),
            "as_source": base.is_source,
            "as_form": not (as_source or base.is_source),
            "source": url_for("check.suggest", key=key, source="yes"),
            "form": url_for("check.suggest", key=key),
            "base": hashlib.sha256(base.text.encode()).hexdigest(),
        }
        if request.method != "POST":
            submission = Submission(name, base.text.encode(errors="replace"))
            return _render_form(run_checker(submission, _FORM_OUTPUTS), {"suggest": context})
        answer = run_checker(_upload(is_form=True, base=base.text, name=name), (*_FORM_OUTPUTS, Output.EDIT))
        if answer.about["file"] or "send" not in answer.about["fields"]:
            return _respond_to_form(answer, {"suggest": context})
        try:
            sent = _send(answer, Suggestion(project=key, title=title, name=name, base=base, text=""))
        except SuggestionError as error:
            context["problem"] = f"{error.what}. {error.hint}"
            return _render_form(answer, {"suggest": context}, status_of(error))
        return suggestion_outcome(sent, project_page, HTTPStatus.ACCEPTED)


def suggestion_outcome(sent: Suggestion | None, page: str, status: HTTPStatus) -> Response:
    """Thank for a suggestion, or say that this server accepts none."""
    return make_response(render_template("suggestion-sent.html", sent=sent, page=page), status)


def ensure_same_origin() -> None:
    """Refuse a form that a page of another site sent through a visitor's browser. Raises Forbidden.

    Browsers send Sec-Fetch-Site (Fetch Metadata, section 2.4) or, at an address without TLS, Origin (RFC 6454,
    section 7). A request with neither does not come from a browser, so no other site can have triggered it.
    """
    sent_from, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if sent_from is not None:
        is_ours = sent_from in ("same-origin", "none")
    else:
        is_ours = origin is None or origin.partition("://")[2].casefold() == request.host.casefold()
    if not is_ours:
        raise Forbidden(f"This form was submitted from another site. Open and submit it on this site: {request.url}")


def _send(answer: CheckAnswer, edit: Suggestion) -> Suggestion:
    """Queue an edit that the checker has accepted. Raises SuggestionError, TooManyRequests."""
    if problem := answer.parts[Output.EDIT]:
        raise SuggestionError(*json.loads(problem))
    sender = {name: answer.about["fields"].get(name, "") for name in ("comment", "sender", "email")}
    return send_suggestion(replace(edit, text=answer.parts[Output.TEXT].decode(), **sender))


def send_suggestion(edit: Suggestion) -> Suggestion:
    """Queue a suggestion of this client. Raises SuggestionError, TooManyRequests."""
    suggestions: SuggestionQueue = site("suggestions")
    address = request.remote_addr or ""
    with site("sending").admit(address):
        return suggestions.send(edit, client_network(address, **_QUOTA_BITS))


def edit_base(key: str, as_source: bool = True) -> tuple[str, EditBase, str]:
    """Return the title of a project, the text to edit, and the file name that selects its format.

    The text is the source file of the record, if the release kept it, it is text, the site shows such texts and no
    curator rejected anything that it says, else a form filled in from the graph. If it is not wanted ``as_source``, it
    is a form also for files that are not project pages. Raises NotFound.
    """
    iri = thing_iri("project", key)
    rows = named_query_rows("page-source", project=iri)
    if not rows:
        raise NotFound(f"This release has no record of {iri}")
    [row] = rows
    title, file, sha256 = row["title"] or key, row["file"], row["sha256"]
    may_show = row["corrected"] == "false" and site("source_texts")
    content = release_with_intact(SOURCES).source(sha256) if may_show else None
    sent = record_from_bytes(content, file) if content is not None else None
    if sent and sent.text is not None and (as_source or sent.kind.name in _PAGE_FORMATS):
        return title, EditBase(file, sha256, sent.text, is_source=True), sent.name
    text = queries.load_query("page-resource").bind({"resource": [iri]})
    graph = answer_query(text, NTRIPLES).content
    answer = run_checker(Submission("record.nt", graph), (f"{Output.FORM}yaml",))
    form = answer.parts[f"{Output.FORM}yaml"].decode()
    if not answer.records:
        raise NotFound(f"The record of {iri} cannot be converted to a form")
    return title, EditBase(file, sha256, form, is_source=False), "record.yaml"
