"""Suggest an edit: the form, filled with the record of a project; what is sent waits for a curator."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound

from cybilgraph.errors import SuggestionError
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.sources import SOURCES
from cybilgraph.sparql import queries
from cybilgraph.web.api.problems import STATUSES
from cybilgraph.web.checker import EDIT, FORM_OUTPUT, TEXT_OUTPUT, CheckAnswer, Submission
from cybilgraph.web.checker.submissions import record_from_bytes
from cybilgraph.web.pages.check_form import (
    FORM_OUTPUTS,
    check_quota,
    render_form,
    respond_to_form,
    run_checker,
    upload,
)
from cybilgraph.web.pages.query_page import NTRIPLES, answer_query, named_query_rows, release_with_intact
from cybilgraph.web.pages.resource import page_path
from cybilgraph.web.server.quotas import ClientQuotas, client_network
from cybilgraph.web.suggestions import EditBase, Suggestion, SuggestionQueue

blueprint = Blueprint("suggest", __name__)

#: What waits is counted by whole sites of IPv6 (RFC 6177): whoever rents one has 65,536 networks.
_QUOTA_BITS = 48


def queue() -> SuggestionQueue | None:
    """Where the running application keeps suggestions; None where it takes none."""
    found: SuggestionQueue | None = current_app.extensions["cybilgraph"]["suggestions"]
    return found


@blueprint.route("/suggest/<path:key>", methods=["GET", "POST"])
def page(key: str) -> Response:
    """The form with the record of a project; by POST, what a button asks for."""
    suggestions = queue()
    if suggestions is None:
        return make_response(render_template("suggested.html", sent=None, page=_page(key)), HTTPStatus.NOT_FOUND)
    if request.method == "POST":
        _ensure_same_origin()
    with check_quota().admit(request.remote_addr or ""):
        title, base, name = _base(key)
        about: dict[str, Any] = {
            "title": title,
            "page": _page(key),
            "action": url_for("suggest.page", key=key),
            "as_source": base.is_source,
            "base": hashlib.sha256(base.text.encode()).hexdigest(),
        }
        if request.method != "POST":
            submission = Submission(name, base.text.encode(errors="replace"))
            return render_form(run_checker(submission, FORM_OUTPUTS), {"suggest": about})
        answer = run_checker(upload(is_form=True, base=base.text, name=name), (*FORM_OUTPUTS, EDIT))
        if "send" not in answer.about["fields"]:
            return respond_to_form(answer, {"suggest": about})
        try:
            return _send(
                suggestions, answer, Suggestion(project=key, title=title, name=name, base=base, text=""), about
            )
        except SuggestionError as error:
            status = next(status for kind, status in STATUSES if isinstance(error, kind))
            return render_form(answer, {"suggest": about | {"problem": f"{error.what}. {error.hint}"}}, status)


def _ensure_same_origin() -> None:
    """Refuse a form that a page of another site sent through a visitor's browser. Raises Forbidden.

    Browsers send Sec-Fetch-Site (Fetch Metadata, section 2.4) or, at an address without TLS, Origin (RFC 6454,
    section 7). A request with neither comes from a program, which no other site steers: it may pass.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or origin.partition("://")[2].casefold() == request.host.casefold()
    if not is_ours:
        raise Forbidden(f"This form was sent from another site. Open it here, and send it from here: {request.url}")


def _send(suggestions: SuggestionQueue, answer: CheckAnswer, edit: Suggestion, about: dict[str, Any]) -> Response:
    """Queue an edit that the checker has found to be one. Raises SuggestionError, TooManyRequests."""
    if problem := answer.parts[EDIT]:
        raise SuggestionError(*json.loads(problem))
    sender = {name: answer.about["fields"].get(name, "") for name in ("comment", "sender", "email")}
    given = replace(edit, text=answer.parts[TEXT_OUTPUT].decode(), **sender)
    with _send_quota().admit(request.remote_addr or ""):
        taken = suggestions.send(given, client_network(request.remote_addr or "", _QUOTA_BITS))
    return make_response(render_template("suggested.html", sent=taken, page=about["page"]), HTTPStatus.ACCEPTED)


def _send_quota() -> ClientQuotas:
    found: ClientQuotas = current_app.extensions["cybilgraph"]["sending"]
    return found


def _page(key: str) -> str:
    return page_path(thing_iri("project", key))


def _base(key: str) -> tuple[str, EditBase, str]:
    """The title of a project, what an edit of its record begins with, and the name it is read under.

    That is the file that the record was read from, where the release has kept it and it is a
    text; else a form that is filled with what the graph says. Raises NotFound.
    """
    iri = thing_iri("project", key)
    rows = named_query_rows("page-source", project=iri)
    if not rows:
        raise NotFound(f"There is no record of {iri} in this release")
    [row] = rows
    title, file, sha256 = row["title"] or key, row["file"], row["sha256"]
    content = release_with_intact(SOURCES).source(sha256)
    if content is not None and (sent := record_from_bytes(content, file)).text is not None:
        return title, EditBase(file, sha256, sent.text, is_source=True), sent.submission.name
    text = queries.load_query("page-resource").bind({"resource": [iri]})
    graph = answer_query(text, NTRIPLES).content
    answer = run_checker(Submission("record.nt", graph), (f"{FORM_OUTPUT}yaml",))
    form = answer.parts[f"{FORM_OUTPUT}yaml"].decode()
    if not answer.records:
        raise NotFound(f"The record of {iri} cannot be written as a form")
    return title, EditBase(file, sha256, form, is_source=False), "record.yaml"
