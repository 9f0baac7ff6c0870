"""The start page, the help and what this is."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from cybilgraph import queries
from cybilgraph.web import hubs, seeing
from cybilgraph.web.sparql import run
from cybilgraph.web.view import path_of

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def home() -> str:
    """What this is, in numbers and as a map; where to begin."""
    [numbers] = run("page-numbers")
    seen = seeing.SEEN["map"]
    return render_template(
        "home.html", numbers=numbers, seen=seen, picture=seen.draw(run(seen.query)), lists=hubs.KINDS.values(),
        examples=queries.examples(), path=path_of,
    )  # fmt: skip


@blueprint.get("/help")
def tutorial() -> str:
    """From nothing to a small finding."""
    return render_template("help.html", host=request.host_url.rstrip("/"))


@blueprint.get("/help/cookbook")
def cookbook() -> str:
    """Recipes for programs."""
    return render_template("cookbook.html", host=request.host_url.rstrip("/"))


@blueprint.get("/about")
def about() -> str:
    """Where the data come from, what may be done with them, and how they are made."""
    return render_template("about.html")
