"""The home page and the page about the data."""

from __future__ import annotations

from flask import Blueprint, render_template

from cybilgraph.sparql import queries
from cybilgraph.web.pages import entity_queries, explore
from cybilgraph.web.pages.query_page import named_query_rows
from cybilgraph.web.pages.resource_view import page_path

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def page() -> str:
    """Show key figures, a map and links to everything else."""
    [numbers] = named_query_rows("page-numbers")
    definition = explore.CHARTS["map"]
    return render_template(
        "home.html", numbers=numbers, definition=definition,
        chart=definition.draw(named_query_rows(definition.query)), lists=entity_queries.ENTITY_KINDS.values(),
        examples=queries.example_queries(), path=page_path,
    )  # fmt: skip


@blueprint.get("/about")
def about() -> str:
    """Explain where the data come from, how good they are and how they are licensed."""
    return render_template("about.html")
