"""The start page, and the page about the data."""

from __future__ import annotations

from flask import Blueprint, render_template

from cybilgraph.sparql import queries
from cybilgraph.web.pages import entity_lists, explore
from cybilgraph.web.pages.query_page import run
from cybilgraph.web.pages.resource import path_of

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def home() -> str:
    """What this is, in numbers and as a map; where to begin."""
    [numbers] = run("page-numbers")
    seen = explore.SEEN["map"]
    return render_template(
        "home.html", numbers=numbers, seen=seen, picture=seen.draw(run(seen.query)), lists=entity_lists.KINDS.values(),
        examples=queries.examples(), path=path_of,
    )  # fmt: skip


@blueprint.get("/about")
def about() -> str:
    """Where the data come from, what may be done with them, and how they are made."""
    return render_template("about.html")
