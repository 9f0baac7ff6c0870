"""The pages that explain the site: where the data come from, and how to contribute to them."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from cybilgraph.web.api.current_request import query_rows, serving, site
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.server.open_release import key_figures_query

blueprint = Blueprint("about", __name__)


@blueprint.get("/about")
def page() -> str:
    """Explain where the data come from, how good they are and how they are licensed."""
    [numbers] = query_rows(key_figures_query(evidence_level()))
    return render_template(
        "about.html", numbers=numbers, evidence=evidence_switch(all_links(), "link"),
        has_contacts=serving().release.profile.contacts, curators=site("access"),
    )  # fmt: skip


@blueprint.get("/favicon.ico")
def icon() -> Response:
    """Redirect to the icon, for browsers that show data instead of a page that links to it."""
    return redirect(url_for("static", filename="icon.svg"), 301)


@blueprint.get("/contribute")
def contribute() -> str:
    """List the ways to correct and to add data."""
    return render_template("contribute.html", suggestions=site("suggestions"), curators=site("access"))
