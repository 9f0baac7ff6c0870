"""The home page, and charts of the whole graph: each drawn from a named query as SVG, with its data as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import FileDamaged
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE, thing_iri
from cybilgraph.release.search import SearchQuery, Summary
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import (
    csv_response,
    named_query_rows,
    query_rows,
    search_index,
    serving,
    site,
)
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages import charts, entity_queries
from cybilgraph.web.pages import home as home_page
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import page_path, shorten_title
from cybilgraph.web.server.open_release import chart_query, key_figures_query

blueprint = Blueprint("explore", __name__)

_COUNTRY = f"{BASE}id/country/"
Rows = Sequence[Mapping[str, str]]


class ChartDefinition(NamedTuple):
    """A chart: the query that returns its rows, and the function that draws them.

    Each column of its table is a heading, the query's column with the text, and the one with the IRI or "".
    """

    name: str
    title: str
    about: str
    query: str
    draw: Callable[[Rows], charts.Chart]
    columns: tuple[tuple[str, str, str], ...]


def _world(rows: Rows) -> charts.Chart:
    """Draw the world map from the rows of example-projects-per-country."""
    names = {entry.key: entry.name for entry in load_gazetteer().entries["country"].values()}
    counts = {row["country"].removeprefix(_COUNTRY): int(row["projects"]) for row in rows}
    return charts.world_map(counts, names)


def _timeline(rows: Rows) -> charts.Chart:
    fields = ("project", "start", "end", "status")
    spans = [[shorten_title(row["title"] or row["project"]), *(row[name] for name in fields)] for row in rows]
    return charts.timeline([charts.TimeSpan(*span) for span in spans], datetime.now(UTC).date())


def _matrix(rows: Rows) -> charts.Chart:
    themes = ((thing_iri("theme", one.key), one.name) for one in entity_queries.themes())
    return charts.matrix(rows, [*themes, ("", "No theme given")])


def _years(rows: Rows) -> charts.Chart:
    return charts.columns([charts.Bar(row["year"], row["year"], int(row["active"])) for row in rows])


CHARTS = {
    one.name: one
    for one in (
        ChartDefinition(
            "map",
            "Projects by country",
            "Darker shading means more projects. A project for a region or a group of countries does not count for "
            "each of its countries.",
            "example-projects-per-country",
            _world,
            (("Country", "name", "country"), ("Projects", "projects", "")),
        ),
        ChartDefinition(
            "coverage",
            "Countries and themes",
            "The number of projects per country and theme. A dash marks a gap: no known projects. Projects on a topic "
            "count for its theme; the last column counts projects with no theme.",
            "page-coverage",
            _matrix,
            (("Country", "countryName", "country"), ("Theme", "themeName", "theme"), ("Projects", "projects", "")),
        ),
        ChartDefinition(
            "timeline",
            "Project timeline",
            "The 150 most recently started projects with a start date. The bars of ongoing projects with no end date "
            "extend to the right edge; short, pale bars have no known end date. The red line is today.",
            "page-timeline",
            _timeline,
            (("Project", "title", "project"), ("Status", "status", ""), ("Start", "start", ""), ("End", "end", "")),
        ),
        ChartDefinition(
            "network",
            "Funders, implementers and countries",
            "Who funds and implements projects, and where. Line width shows the number of projects. The chart shows "
            "those with the most projects; the table lists them all.",
            "page-network",
            charts.network,
            (
                *(("From", "fromName", "from"), ("From role", "fromRole", "")),
                *(("To", "toName", "to"), ("To role", "toRole", ""), ("Projects", "projects", "")),
            ),
        ),
        ChartDefinition(
            "years",
            "Active projects per year",
            "A project counts from its start to its end date. With no end date, it counts up to the last year shown if "
            "it is ongoing, and otherwise only in the year of its start. Projects that are planned or cancelled, or "
            "have no start date, are left out.",
            "example-active-projects-per-year",
            _years,
            (
                *(("Year", "year", ""), ("Active", "active", "")),
                *(("Starting", "starting", ""), ("Open-ended", "openEnded", "")),
            ),
        ),
    )
}


@blueprint.get("/")
def home() -> str:
    """Show key figures, a map and links to everything else."""
    level = evidence_level()
    [numbers] = query_rows(key_figures_query(level))
    definition = CHARTS["map"]
    summary = _summary()
    return render_template(
        "home.html", numbers=numbers, definition=definition, examples=queries.example_queries(),
        chart=definition.draw(named_query_rows(definition.query, evidence=level)), summary=summary,
        names=home_page.suggested_names(summary), findings=list(home_page.findings(summary)),
        evidence=evidence_switch(all_links(), "link"),
    )  # fmt: skip


def _summary() -> Summary:
    try:
        return search_index().summarise(SearchQuery(level=evidence_level()))
    except FileDamaged:  # the rest of the page does not need the search index
        return Summary(0, {}, {})


@blueprint.get("/data")
def data() -> str:
    """List the ways to query, call and download the data."""
    return render_template("data.html")


@blueprint.get("/contribute")
def contribute() -> str:
    """List the ways to correct and to add data."""
    return render_template("contribute.html", suggestions=site("suggestions"), curators=site("access"))


@blueprint.get("/about")
def about() -> str:
    """Explain where the data come from, how good they are and how they are licensed."""
    level = evidence_level()
    [numbers] = query_rows(key_figures_query(level))
    return render_template("about.html", numbers=numbers, evidence=evidence_switch(all_links(), "link"))


@blueprint.get("/explore")
def by_its_label() -> BaseResponse:
    """Redirect from the address that the label of the navigation suggests."""
    return redirect(url_for("explore.page"), 301)


@blueprint.get("/pictures")
def page() -> str:
    """List all charts."""
    return render_template("explore.html", charts=CHARTS.values(), evidence=evidence_switch(all_links(), "link"))


def image(definition: ChartDefinition, drawn: charts.Chart) -> Response:
    """Return a chart as an SVG file with absolute links."""
    host = request.host_url.rstrip("/")
    text = render_template(
        "chart.svg", definition=definition, chart=drawn, host=host, path=lambda iri: host + page_path(iri)
    )
    return Response(text, content_type="image/svg+xml; charset=utf-8")


@blueprint.get("/pictures/<name>")
def chart(name: str) -> Response | str:
    """Show one chart as a page; the suffix .svg returns the image and .csv its data."""
    stem, _, suffix = name.partition(".")
    definition = CHARTS.get(stem)
    if definition is None or suffix not in ("", "svg", "csv"):
        raise NotFound(f"There is no chart {name!r}")
    text = chart_query(queries.load_query(definition.query), serving().release, evidence_level())
    if suffix == "csv":
        return csv_response(text)
    rows = query_rows(text)
    drawn = definition.draw(rows)
    if suffix == "svg":
        return image(definition, drawn)
    query_url = url_for("sparql.sparql", query=text)
    return render_template(
        "chart.html", definition=definition, chart=drawn, query=text, rows=rows, query_url=query_url,
        summary=_summary(), evidence=evidence_switch(all_links(), "link"),
    )  # fmt: skip
