"""The start page, and the page about the data."""

from __future__ import annotations

from flask import Blueprint, render_template

from cybilgraph.sparql import queries
from cybilgraph.web.pages import entity_queries, explore
from cybilgraph.web.pages.query_page import named_query_rows
from cybilgraph.web.pages.resource import page_path

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def home() -> str:
    """What this is, in numbers and as a map; where to begin."""
    [numbers] = named_query_rows("page-numbers")
    definition = explore.CHARTS["map"]
    return render_template(
        "home.html", numbers=numbers, definition=definition,
        picture=definition.draw(named_query_rows(definition.query)), lists=entity_queries.KINDS.values(),
        examples=queries.example_queries(), path=page_path,
    )  # fmt: skip


@blueprint.get("/about")
def about() -> str:
    """Where the data come from, what may be done with them, and how they are made."""
    return render_template("about.html")
