"""The home page, and charts of the whole graph: each drawn from a named query as SVG, with its data as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import FileDamaged, QueryError
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
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
#: The places that the map offers to zoom to; its parameter accepts any region or group.
_PRESETS = (
    *(("region", code) for code in ("002", "029", "013", "005", "150", "145", "143", "034", "035")),
    ("group", "pacific"),
)
#: The most projects on a page of the timeline, listed projects without a date, and named nodes per column of flows.
_MAX_SPANS, _MAX_UNDATED, _MAX_NODES = 100, 200, 8
#: The most years of the overview of starts above the timeline.
_MAX_OVERVIEW_YEARS = 40
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
    """Draw the world map, or the region in the URL, from the rows of example-projects-per-country."""
    names = {entry.key: entry.name for entry in load_gazetteer().entries["country"].values()}
    counts = {row["country"].removeprefix(_COUNTRY): int(row["projects"]) for row in rows}
    place = _place()
    return charts.world_map(counts, names, load_gazetteer().countries_in(place) if place else ())


def _place() -> GazetteerEntry | None:
    """Return the region or group in the URL that a chart is limited to. Raises QueryError."""
    names = load_gazetteer()
    if not (name := request.args.get("region", "").strip()):
        return None
    for kind in ("region", "group"):
        if found := names.find_by_name_or_code(kind, name):
            return found
    raise QueryError(
        f"region: no region or group is called {name[:100]!r}", queries.did_you_mean("region", name, names)
    )


def _timeline(rows: Rows) -> charts.Chart:
    """Draw one page of the projects in the period in the URL, from the rows of page-timeline."""
    fields = ("project", "start", "end", "status")
    period = _period()
    found = _within(rows, period)[(_page_number() - 1) * _MAX_SPANS :][:_MAX_SPANS]
    spans = [[shorten_title(row["title"] or row["project"]), *(row[name] for name in fields)] for row in found]
    return charts.timeline([charts.TimeSpan(*span) for span in spans], datetime.now(UTC).date(), period)


def _period() -> tuple[int, int] | None:
    """Return the first and the last year in the URL; without a last one, up to this year. Raises QueryError."""
    given = [request.args.get(name, "").strip() for name in ("from", "to")]
    if not any(given):
        return None
    if not all(not one or (one.isascii() and one.isdigit() and len(one) == 4) for one in given):
        raise QueryError("from and to must be years", "Write four digits: from=2015.")
    last = int(given[1] or datetime.now(UTC).year)
    first = int(given[0] or last - 10)
    if first > last:
        raise QueryError(f"There is no year from {first} to {last}", "from must not be later than to.")
    return first, last


def _within(rows: Rows, period: tuple[int, int] | None) -> Rows:
    """Return the rows with a start date whose projects were active in a period."""
    dated = [row for row in rows if row["start"]]
    if not period:
        return dated
    first, last = map(str, period)

    def is_active(row: Mapping[str, str]) -> bool:
        end = row["end"] or ("9999" if row["status"] == "Ongoing" else row["start"])
        return row["start"][:4] <= last and end[:4] >= first

    return [row for row in dated if is_active(row)]


def _page_number() -> int:
    return max(request.args.get("page", 1, type=int), 1)


def _matrix(rows: Rows) -> charts.Chart:
    """Draw the countries of the region in the URL, or all, from the rows of page-coverage."""
    countries, place = load_gazetteer().entries["country"], _place()
    wanted = {f"{_COUNTRY}{code}" for code in (load_gazetteer().countries_in(place) if place else countries)}
    shown = [dict(row) for row in rows if row["country"] in wanted]
    if request.args.get("all"):
        gaps = wanted - {row["country"] for row in rows}
        named = {iri: countries[iri.removeprefix(_COUNTRY)].name for iri in gaps}
        shown += [{"country": iri, "countryName": named[iri], "theme": "", "projects": "0"} for iri in gaps]
        shown.sort(key=lambda row: (row["countryName"], row["country"]))
    themes = ((thing_iri("theme", one.key), one.name) for one in entity_queries.themes())
    return charts.matrix(shown, [*themes, ("", "No theme given")], request.args.get("sort", ""))


def _flows(rows: Rows) -> charts.Chart:
    """Draw the flows from funders to countries from the rows of page-flows, with the names of the search facets."""
    facets = _summary().facets
    names = {one.value: one.label for kind in ("funder", "implementer", "country") for one in facets.get(kind, ())}
    return charts.sankey(rows, names, _MAX_NODES, others=request.args.get("other") != "0")


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
            "The number of projects per country and theme. A hatched cell marks a gap: no known projects. Projects on "
            "a topic count for its theme; the last column counts projects with no theme.",
            "page-coverage",
            _matrix,
            (("Country", "countryName", "country"), ("Theme", "themeName", "theme"), ("Projects", "projects", "")),
        ),
        ChartDefinition(
            "timeline",
            "Project timeline",
            "All projects with a start date, the latest first. The bars of ongoing projects with no end date extend to "
            "the right edge; short, pale bars have no known end date. The red line is today.",
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
            "flows",
            "From funders to countries",
            "Which funders work through which implementers, and where: the eight with the most projects in "
            "each column, and all others together. A ribbon is as thick as the number of projects that its ends "
            "share. A project counts in each of its ribbons, so they can add up to more than the number at a name.",
            "page-flows",
            _flows,
            (
                *(("Funders", "funders", ""), ("Implementers", "implementers", "")),
                *(("Countries", "countries", ""), ("Projects", "projects", "")),
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
        ChartDefinition(
            "money",
            "Money per year",
            "The sums of money that records state, by currency and kind. A sum counts in the first year of its period "
            "or, if it has none, in the year in which its project starts. No sum is converted or divided, and sums of "
            "different kinds overlap, so heights can be compared only within a row.",
            "page-money",
            charts.money,
            (
                *(("Currency", "currency", ""), ("Kind", "kind", ""), ("Year", "year", "")),
                *(("Amount", "amount", ""), ("Sums", "sums", ""), ("Projects", "projects", "")),
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
    evidence = evidence_switch(all_links(), "link")
    has_contacts = serving().release.profile.contacts
    return render_template("about.html", numbers=numbers, evidence=evidence, has_contacts=has_contacts)


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
        "chart.svg", definition=definition, chart=drawn, host=host,
        path=lambda iri: (page := page_path(iri)) and host + page,
    )  # fmt: skip
    return Response(text, content_type="image/svg+xml; charset=utf-8")


@blueprint.get("/pictures/<name>")
def chart(name: str) -> Response | str:
    """Show one chart as a page; the suffix .svg returns the image and .csv its data."""
    stem, _, suffix = name.partition(".")
    definition = CHARTS.get(stem)
    if definition is None or suffix not in ("", "svg", "csv"):
        raise NotFound(f"There is no chart {name!r}")
    summary = _summary()
    text = chart_query(queries.load_query(definition.query), serving().release, evidence_level())
    if suffix == "csv":
        return csv_response(text)
    rows = query_rows(text)
    drawn = definition.draw(rows)
    if suffix == "svg":
        return image(definition, drawn)
    return render_template(
        "chart.html", definition=definition, chart=drawn, query=text, rows=rows, summary=summary,
        query_url=url_for("sparql.sparql", query=text), evidence=evidence_switch(all_links(), "link"),
        url_with=_url_with, **_controls(drawn, rows),
    )  # fmt: skip


def _url_with(suffix: str = "", **changes: str | int) -> str:
    """Return the URL of this chart with some parameters changed, and others kept except for the page."""
    kept = {name: value for name, value in request.args.items() if name not in ("page", *changes)}
    chosen: dict[str, Any] = {name: value for name, value in (kept | changes).items() if value}
    return url_for("explore.chart", name=f"{(request.view_args or {})['name']}{suffix}", **chosen)


def _controls(chart: charts.Chart, rows: Rows) -> dict[str, Any]:
    """Return what the template needs for the controls of a kind of chart."""
    names, kind = load_gazetteer(), chart.kind
    if kind == "sankey":
        flows = [
            [charts.Bar(str(one["title"]), "", int(str(one["count"]))) for one in chart.lines if one["column"] == place]
            for place in (0, 1)
        ]
        titles = ("From funders to implementers", "From implementers to countries")
        return {
            "lists": [
                (title, sorted(each, key=lambda bar: (charts.OTHER in bar.label.split(" → "), -bar.value)))
                for title, each in zip(titles, flows, strict=True)
            ]
        }
    if kind == "map":
        return {"presets": [names.entries[kind][key] for kind, key in _PRESETS], "place": _place()}
    if kind == "matrix":
        groups = (entry for entry in names.entries["group"].values() if names.countries_in(entry))
        return {
            "places": [
                sorted(each, key=lambda entry: entry.name) for each in (names.entries["region"].values(), groups)
            ],
            "place": _place(),
        }
    if kind != "timeline":
        return {}
    period = _period()
    found = _within(rows, period)
    starts = Counter(int(row["start"][:4]) for row in rows if row["start"])
    first = max(min(starts, default=0), max(starts, default=0) - _MAX_OVERVIEW_YEARS)
    years = range(first, max(starts, default=-1) + 1)
    return {
        "period": period,
        "found": len(found),
        "pages": -(-len(found) // _MAX_SPANS),
        "page": _page_number(),
        "page_url": lambda number: _url_with(page=number),
        "undated": [row for row in rows if not row["start"]],
        "max_undated": _MAX_UNDATED,
        "overview": charts.columns([charts.Bar(str(year), "", starts[year]) for year in years], height=64),
    }
