"""The page /data, which lists the ways to query, call and download the data."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("data", __name__)


@blueprint.get("/data")
def page() -> str:
    """List the ways to query, call and download the data."""
    return render_template("data.html")
