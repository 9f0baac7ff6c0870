"""The form for suggesting an edit to a project's record. Suggestions wait for a curator."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound

from cybilgraph.errors import SuggestionError
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.sources import SOURCES
from cybilgraph.sparql import queries
from cybilgraph.web.api.problems import status_of
from cybilgraph.web.checker import CheckAnswer, Output, Submission
from cybilgraph.web.checker.submissions import record_from_bytes
from cybilgraph.web.pages.check_form import FORM_OUTPUTS, render_form, respond_to_form, run_checker, upload
from cybilgraph.web.pages.query_page import NTRIPLES, answer_query, named_query_rows, release_with_intact, site
from cybilgraph.web.pages.resource_view import page_path
from cybilgraph.web.server.quotas import client_network
from cybilgraph.web.suggestions import EditBase, Suggestion, SuggestionQueue

blueprint = Blueprint("suggestions", __name__)

#: Pending suggestions are counted per IPv6 site (RFC 6177), because one customer may have 65,536 networks, and per
#: IPv4 network of 256 addresses.
_QUOTA_BITS = {"ipv6_bits": 48, "ipv4_bits": 24}


@blueprint.route("/suggest/<path:key>", methods=["GET", "POST"])
def page(key: str) -> Response:
    """Show the form with a project's record, or respond to one of its buttons (POST)."""
    project_page = page_path(thing_iri("project", key))
    suggestions: SuggestionQueue | None = site("suggestions")
    if suggestions is None:
        return _outcome(None, project_page, HTTPStatus.NOT_FOUND)
    if request.method == "POST":
        _ensure_same_origin()
    with site("checking").admit(request.remote_addr or ""):
        title, base, name = _base(key)
        context: dict[str, Any] = {
            "title": title,
            "page": project_page,
            "action": url_for("suggestions.page", key=key),
            "as_source": base.is_source,
            "base": hashlib.sha256(base.text.encode()).hexdigest(),
        }
        if request.method != "POST":
            submission = Submission(name, base.text.encode(errors="replace"))
            return render_form(run_checker(submission, FORM_OUTPUTS), {"suggest": context})
        answer = run_checker(upload(is_form=True, base=base.text, name=name), (*FORM_OUTPUTS, Output.EDIT))
        if "send" not in answer.about["fields"]:
            return respond_to_form(answer, {"suggest": context})
        try:
            sent = _send(suggestions, answer, Suggestion(project=key, title=title, name=name, base=base, text=""))
        except SuggestionError as error:
            context["problem"] = f"{error.what}. {error.hint}"
            return render_form(answer, {"suggest": context}, status_of(error))
        return _outcome(sent, project_page, HTTPStatus.ACCEPTED)


def _outcome(sent: Suggestion | None, page: str, status: HTTPStatus) -> Response:
    return make_response(render_template("suggestion-sent.html", sent=sent, page=page), status)


def _ensure_same_origin() -> None:
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


def _send(suggestions: SuggestionQueue, answer: CheckAnswer, edit: Suggestion) -> Suggestion:
    """Queue an edit that the checker has accepted. Raises SuggestionError, TooManyRequests."""
    if problem := answer.parts[Output.EDIT]:
        raise SuggestionError(*json.loads(problem))
    sender = {name: answer.about["fields"].get(name, "") for name in ("comment", "sender", "email")}
    address = request.remote_addr or ""
    with site("sending").admit(address):
        edit = replace(edit, text=answer.parts[Output.TEXT].decode(), **sender)
        return suggestions.send(edit, client_network(address, **_QUOTA_BITS))


def _base(key: str) -> tuple[str, EditBase, str]:
    """Return the title of a project, the text to edit, and the file name that selects its format.

    The text is the source file of the record, if the release kept it and it is text, else a form filled in from the
    graph. Raises NotFound.
    """
    iri = thing_iri("project", key)
    rows = named_query_rows("page-source", project=iri)
    if not rows:
        raise NotFound(f"This release has no record of {iri}")
    [row] = rows
    title, file, sha256 = row["title"] or key, row["file"], row["sha256"]
    content = release_with_intact(SOURCES).source(sha256)
    if content is not None and (sent := record_from_bytes(content, file)).text is not None:
        return title, EditBase(file, sha256, sent.text, is_source=True), sent.submission.name
    text = queries.load_query("page-resource").bind({"resource": [iri]})
    graph = answer_query(text, NTRIPLES).content
    answer = run_checker(Submission("record.nt", graph), (f"{Output.FORM}yaml",))
    form = answer.parts[f"{Output.FORM}yaml"].decode()
    if not answer.records:
        raise NotFound(f"The record of {iri} cannot be converted to a form")
    return title, EditBase(file, sha256, form, is_source=False), "record.yaml"
