"""Pictures of the whole graph: each drawn from a named query, as SVG, with its rows as a table and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE, thing_iri
from cybilgraph.sparql import queries
from cybilgraph.web.pages import charts, entity_queries
from cybilgraph.web.pages.query_page import answer_query, csv_response, rows, serving
from cybilgraph.web.pages.resource import page_path, shorten_title
from cybilgraph.web.server.warmup import bind_recent_years

blueprint = Blueprint("seeing", __name__)

_CSV = BY_NAME["csv"]
_COUNTRY = f"{BASE}id/country/"
_NO_THEME = "No theme told"
Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ChartDefinition:
    """A picture: the query that its rows come from, and what draws them. The columns of its table are
    pairs of a heading, the column with the words, and the one with the IRI or none.
    """

    name: str
    title: str
    about: str
    query: str
    draw: Callable[[Rows], charts.Chart]
    columns: tuple[tuple[str, str, str], ...]


def world(csv_response: Rows) -> charts.Chart:
    """The map, of rows of example-projects-per-country."""
    names = {entry.key: entry.name for entry in load_gazetteer().entries["country"].values()}
    counts = {row["country"].removeprefix(_COUNTRY): int(row["projects"]) for row in csv_response}
    return charts.world_map(counts, names)


def _timeline(csv_response: Rows) -> charts.Chart:
    return charts.timeline([
        charts.TimeSpan(
            shorten_title(row["title"] or row["project"]), row["project"], row["start"], row["end"], row["status"]
        )
        for row in csv_response
    ])  # fmt: skip


def _matrix(csv_response: Rows) -> charts.Chart:
    themes = ((thing_iri("theme", one.key), one.name) for one in entity_queries.themes())
    return charts.matrix(csv_response, [*themes, ("", _NO_THEME)])


def _years(csv_response: Rows) -> charts.Chart:
    return charts.columns([charts.Bar(row["year"], row["year"], int(row["active"])) for row in csv_response])


CHARTS = {
    one.name: one
    for one in (
        ChartDefinition(
            "map",
            "Projects by country",
            "The stronger its colour, the more projects name a country. A project for a group or a region does not "
            "count for the countries in it.",
            "example-projects-per-country",
            world,
            (("Country", "name", "country"), ("Projects", "projects", "")),
        ),
        ChartDefinition(
            "coverage",
            "Countries and themes",
            "How many projects each country has in each theme. A cell with – is a gap: no project that is known here. "
            "A topic counts for its theme; the last column counts projects that tell no theme.",
            "page-coverage",
            _matrix,
            (("Country", "countryName", "country"), ("Theme", "themeName", "theme"), ("Projects", "projects", "")),
        ),
        ChartDefinition(
            "timeline",
            "Projects in time",
            "The projects that began last, 150 at most, of those that tell when. An open end reaches the right side; "
            "a short line has no known end.",
            "page-timeline",
            _timeline,
            (("Project", "title", "project"), ("Status", "status", ""), ("Start", "start", ""), ("End", "end", "")),
        ),
        ChartDefinition(
            "network",
            "Funders, implementers and countries",
            "Who funds what is delivered by whom, and where. Lines are as wide as there are projects. Shown are those "
            "with most projects, where lines join them; the table has all.",
            "page-network",
            charts.network,
            (
                ("From", "fromName", "from"),
                ("as", "fromRole", ""),
                ("To", "toName", "to"),
                ("as", "toRole", ""),
                ("Projects", "projects", ""),
            ),
        ),
        ChartDefinition(
            "years",
            "Projects active in each year",
            "A project is active from its start to its end; an ongoing one without an end up to the last year. Without "
            "a start it counts nowhere.",
            "example-active-projects-per-year",
            _years,
            (
                ("Year", "year", ""),
                ("Active", "active", ""),
                ("Starting", "starting", ""),
                ("With an open end", "openEnded", ""),
            ),
        ),
    )
}


@blueprint.get("/pictures")
def overview() -> str:
    """All pictures."""
    return render_template("pictures.html", definitions=CHARTS.values())


@blueprint.get("/pictures/<name>")
def picture(name: str) -> Response | str:
    """One picture: a page, by suffix .svg the picture alone, by .csv its table."""
    stem, _, suffix = name.partition(".")
    definition = CHARTS.get(stem)
    if definition is None or suffix not in ("", "svg", "csv"):
        raise NotFound(f"There is no picture {name!r}")
    text = bind_recent_years(queries.load_query(definition.query), serving().release)
    if suffix == "csv":
        return csv_response(text)
    found = rows(answer_query(text, _CSV))
    values = {"definition": definition, "picture": definition.draw(found), "path": page_path, "query": text}
    if suffix == "svg":
        host = request.host_url.rstrip("/")
        values |= {"path": lambda iri: host + page_path(iri), "host": host}
        return Response(render_template("picture.svg", **values), content_type="image/svg+xml; charset=utf-8")
    return render_template("picture.html", rows=found, asked=url_for("sparql.sparql", query=text), **values)
