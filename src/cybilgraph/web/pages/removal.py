"""A form with which visitors request the removal of personal data or of a project."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotFound

from cybilgraph.errors import SuggestionError
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.web.api.current_request import named_query_rows, short_form, site
from cybilgraph.web.api.problems import status_of
from cybilgraph.web.pages.check_form import ensure_same_origin, send_suggestion, suggestion_outcome
from cybilgraph.web.pages.resource_view import page_path
from cybilgraph.web.suggestions import MAX_COMMENT_CHARS, MAX_NAME_CHARS, REMOVAL, EditBase, Suggestion

blueprint = Blueprint("removal", __name__)


@blueprint.route("/removal", methods=["GET", "POST"], defaults={"key": ""})
@blueprint.route("/removal/<path:key>", methods=["GET", "POST"])
def form(key: str) -> Response:
    """Show the form, for a project or the whole site, or queue a request (POST). Raises NotFound, TooManyRequests."""
    page = page_path(thing_iri("project", key)) if key else "/"
    if site("suggestions") is None:
        return suggestion_outcome(None, page, HTTPStatus.NOT_FOUND)
    title = _title(key) if key else ""
    problem, status = "", HTTPStatus.OK
    if request.method == "POST":
        ensure_same_origin()
        try:
            return suggestion_outcome(send_suggestion(_request(key, title)), page, HTTPStatus.ACCEPTED)
        except SuggestionError as error:
            problem, status = f"{error.what}. {error.hint}", status_of(error)
    limits = {"comment_chars": MAX_COMMENT_CHARS, "name_chars": MAX_NAME_CHARS}
    values = {"title": title, "page": page, "problem": problem, "sent": short_form(), **limits}
    return make_response(render_template("removal.html", **values), status)


def _title(key: str) -> str:
    iri = thing_iri("project", key)
    for row in named_query_rows("page-source", project=iri):
        return row["title"] or key
    raise NotFound(f"This release has no record of {iri}")


def _request(key: str, title: str) -> Suggestion:
    """Return the request in the form."""
    given = {name: short_form().get(name, "").strip() for name in ("value", "comment", "email")}
    base = EditBase("", "", "", is_source=False)
    return Suggestion(project=key, title=title, name=REMOVAL, base=base, text="", field=REMOVAL, **given)
