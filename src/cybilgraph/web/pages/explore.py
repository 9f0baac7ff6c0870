"""Charts of the whole graph: each drawn from a named query as SVG, with its data as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import FileDamaged, QueryError
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer, sorting_key
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.search import SearchQuery, Summary
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import (
    csv_response,
    page_in_url,
    period_in_url,
    pin_release_in_url,
    query_rows,
    search_index,
    serving,
    table_response,
)
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages import chart_layout, entity_queries
from cybilgraph.web.pages.citations import cite_page
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import page_path, project_title, shorten_title
from cybilgraph.web.server.open_release import chart_query

blueprint = Blueprint("explore", __name__)
blueprint.before_request(pin_release_in_url)

_COUNTRY = thing_iri("country", "")
#: The places that the map offers to zoom to; its parameter accepts any region or group.
_PRESETS = (
    *(("region", code) for code in ("002", "029", "013", "005", "150", "145", "143", "034", "035")),
    ("group", "pacific"),
)
#: The groups to which the coverage matrix can be limited, besides a region or any other group.
_AMONG = {
    "oda-recipients": "ODA recipients (DAC list)",
    "dac": "Donors (OECD DAC members)",
    "ldc": "Least developed countries",
    "sids": "Small island developing states",
}
#: The most projects on a page of the timeline, listed projects without a date, and named nodes per column of flows.
_MAX_SPANS, _MAX_UNDATED, _MAX_NODES = 100, 200, 8
#: The most organisations that the network suggests as a start.
_MAX_ORGANISATIONS = 300
#: The titles of the lists of links on narrow screens, and the most links of the network in each.
_FLOW_TITLES = ("From funders to implementers", "From implementers to countries")
#: The titles of the lists of links, by the roles of their ends.
_LINK_TITLES = {
    ("funder", "implementer"): _FLOW_TITLES[0],
    ("implementer", "country"): _FLOW_TITLES[1],
    ("funder", "country"): "From funders to countries",
}
_MAX_LINKS = 60
#: The ends of flows, and their columns: of the IRIs in page-flows, and of the names.
_FLOW_ROLES = ("funder", "implementer", "country")
_FLOW_NAMES = {"funders": "funderNames", "implementers": "implementerNames", "countries": "countryNames"}
#: The most years of the overview of starts above the timeline.
_MAX_OVERVIEW_YEARS = 40
Rows = Sequence[Mapping[str, str]]


class ChartDefinition(NamedTuple):
    """A chart: the query that returns its rows, and the function that draws them.

    Each column of its table is a heading, the query's column with the text, and the one with the IRI or "". The
    functions are: ``filters``, the values of the query's parameters for what the URL asks for; ``complete``, which adds
    to the rows what the query cannot; and ``controls``, what the template needs besides, such as the choices of a form.
    """

    name: str
    title: str
    about: str
    query: str
    draw: Callable[[Rows], chart_layout.Chart]
    columns: tuple[tuple[str, str, str], ...]
    filters: Callable[[], dict[str, list[str]]] = dict
    complete: Callable[[Rows], Rows] = lambda rows: rows
    controls: Callable[[chart_layout.Chart, Rows], dict[str, Any]] = lambda *_: {}


def _world(rows: Rows) -> chart_layout.Chart:
    """Draw the world map, or the region in the URL, from the rows of example-projects-per-country."""
    names = {entry.key: entry.name for entry in load_gazetteer().entries["country"].values()}
    counts = {row["country"].removeprefix(_COUNTRY): int(row["projects"]) for row in rows}
    place = _place()
    return chart_layout.world_map(counts, names, load_gazetteer().countries_in(place) if place else ())


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


def _timeline(rows: Rows) -> chart_layout.Chart:
    """Draw one page of the projects with a start date, from the rows of page-timeline."""
    fields = ("project", "start", "end", "status")
    spans = [
        chart_layout.TimeSpan(project_title(row["title"]), *(row[name] for name in fields))
        for row in rows
        if row["start"]
    ][(page_in_url() - 1) * _MAX_SPANS :][:_MAX_SPANS]
    return chart_layout.timeline(spans, datetime.now(UTC).date(), _period())


def _period() -> tuple[int, int] | None:
    """Return the period in the URL, by default from the first start to this year. Raises QueryError."""
    this_year = datetime.now(UTC).year
    years = (int(one.value) for one in summarise_release().facets.get("year", ()))
    return period_in_url(min(years, default=this_year), this_year)


def _years_with_projects() -> dict[str, list[str]]:
    """Return the first and the last year in which a project is active."""
    years = [int(one.value) for one in summarise_release().facets.get("year", ())]
    return {"from": [str(min(years))], "to": [str(max(years))]} if years else {}


def _years_in_period() -> dict[str, list[str]]:
    return {name: [f"{year:04}"] for name, year in zip(("since", "until"), _period() or (), strict=False)}


def _matrix(rows: Rows) -> chart_layout.Chart:
    """Draw countries and themes from the rows of page-coverage."""
    themes = [(thing_iri("theme", one.key), one.name) for one in entity_queries.themes()]
    if any(not row["theme"] and row["projects"] != "0" for row in rows):
        themes.append(("", "No theme given"))
    return chart_layout.matrix(rows, themes, request.args.get("sort", ""))


def _covered() -> dict[str, list[str]]:
    """Return the countries of the region and the group in the URL; nothing if it names neither. Raises QueryError."""
    names = load_gazetteer()
    if not (groups := [place for place in (_place(), names.get("group", _among())) if place]):
        return {}
    codes = frozenset(names.entries["country"]).intersection(*map(names.countries_in, groups))
    return {"country": [f"{_COUNTRY}{code}" for code in sorted(codes)]}


def _with_gaps(rows: Rows) -> Rows:
    """Sort the rows of page-coverage by name, and add the countries without projects if the URL asks for them."""
    names = {f"{_COUNTRY}{code}": entry.name for code, entry in load_gazetteer().entries["country"].items()}
    wanted = _covered().get("country", names) if request.args.get("all") else []
    gaps = set(wanted) - {row["country"] for row in rows}
    empty = {"themeName": "", "projects": "0", "theme": ""}
    added = [{**empty, "country": iri, "countryName": names[iri]} for iri in gaps]
    return sorted([*rows, *added], key=lambda row: (sorting_key(row["countryName"]), row["country"]))


def _among() -> str:
    """Return the group in the URL to which the matrix is limited, or ""."""
    return among if (among := request.args.get("among", "")) in _AMONG else ""


def _flow_names() -> dict[str, str]:
    """Return the names of the search facets for the ends of flows, by IRI."""
    facets = summarise_release().facets
    return {one.value: one.label for kind in _FLOW_ROLES for one in facets.get(kind, ())}


def _combinations(rows: Rows) -> Rows:
    """Return the combinations of funders, implementers and countries in the rows of page-flows, with their numbers of
    projects: the keys, and the names.
    """
    names = _flow_names()
    projects = Counter(tuple(tuple(sorted(row[column].split())) for column in _FLOW_NAMES) for row in rows)
    found: list[dict[str, str]] = []
    for combination, number in projects.items():
        by_column = dict(zip(_FLOW_NAMES, combination, strict=True))
        keys = {column: " ".join(map(_key, iris)) for column, iris in by_column.items()}
        named = {
            _FLOW_NAMES[column]: "; ".join(names.get(iri, _key(iri)) for iri in iris)
            for column, iris in by_column.items()
        }
        found.append({**keys, "projects": str(number), **named})
    return sorted(found, key=lambda row: (-int(row["projects"]), *(row[column] for column in _FLOW_NAMES)))


def _pairs(rows: Rows) -> Rows:
    """Return the pairs of ends of flows in the rows of page-flows, with the number of projects that they share.

    Each leads towards the country. They are sorted by the role of their first end and the number of projects.
    """
    names, projects = _flow_names(), Counter[tuple[tuple[str, str], str, str]]()
    for row in rows:
        ends = ((role, row[column].split()) for role, column in zip(_FLOW_ROLES, _FLOW_NAMES, strict=True))
        for (first, starts), (second, others) in combinations(ends, 2):
            projects.update(((first, second), start, end) for start in starts for end in others)
    found = [
        (from_role, -number, names.get(start) or _key(start), names.get(end) or _key(end), to_role, start, end)
        for ((from_role, to_role), start, end), number in projects.items()
    ]
    return [
        {
            "fromRole": from_role, "fromName": from_name, "toRole": to_role, "toName": to_name,
            "projects": str(-number), "from": start, "to": end,
        }
        for from_role, number, from_name, to_name, to_role, start, end in sorted(found)
    ]  # fmt: skip


def _key(iri: str) -> str:
    return iri.rpartition("/")[2]


def _flows(rows: Rows) -> chart_layout.Chart:
    """Draw the flows from funders to countries from the combinations in page-flows."""
    names = _flow_names()
    chosen = request.args.get("other", "")
    drawn = chart_layout.sankey(rows, names, _MAX_NODES, others=chosen != "0")
    others = sum(int(str(mark["count"])) for mark in drawn.marks if mark["label"] == chart_layout.OTHER)
    shown = sum(int(str(mark["count"])) for mark in drawn.marks) - others
    # more than twice as many others would leave no room for the names
    return drawn if chosen or others <= 2 * shown else chart_layout.sankey(rows, names, _MAX_NODES, others=False)


def _network(rows: Rows) -> chart_layout.Chart:
    """Draw the network of the organisations and countries with the most projects, as the search counts them."""
    facets = summarise_release().facets
    totals = {(role, one.value): (one.label, one.results) for role in _FLOW_ROLES for one in facets.get(role, ())}
    return chart_layout.network(rows, totals=totals)


def _years(rows: Rows) -> chart_layout.Chart:
    """Draw the active projects per year."""
    bars = [chart_layout.Bar(row["year"], row["year"], int(row["active"])) for row in rows]
    return chart_layout.columns(bars, present=datetime.now(UTC).year)


def _map_controls(_: chart_layout.Chart, __: Rows) -> dict[str, Any]:
    return {"presets": [load_gazetteer().entries[kind][key] for kind, key in _PRESETS], "place": _place()}


def _matrix_controls(_: chart_layout.Chart, __: Rows) -> dict[str, Any]:
    names = load_gazetteer()
    groups = (entry for entry in names.entries["group"].values() if names.countries_in(entry))
    places = [sorted(each, key=lambda entry: entry.name) for each in (names.entries["region"].values(), groups)]
    donors = names.countries_in(names.entries["group"]["dac"])
    remarks = {
        thing_iri("country", code): words
        for words, codes in (
            ("donor", donors),
            ("territory", (code for code, entry in names.entries["country"].items() if entry.row.get("territory_of"))),
        )
        for code in codes
    }
    place = _place()
    chosen = place and ((place.kind, (thing_iri(place.kind, place.key),)),)
    return {
        "places": places, "place": place, "all_among": _AMONG, "among": _among(), "remarks": remarks,
        "place_projects": summarise_release(chosen).projects if chosen else 0,
    }  # fmt: skip


def _timeline_controls(_: chart_layout.Chart, rows: Rows) -> dict[str, Any]:
    everything = query_rows(chart_query(queries.load_query("page-timeline"), serving().release))
    found, starts = (
        sum(bool(row["start"]) for row in rows),
        Counter(int(row["start"][:4]) for row in everything if row["start"]),
    )
    first = max(min(starts, default=0), max(starts, default=0) - _MAX_OVERVIEW_YEARS)
    years = range(first, max(starts, default=-1) + 1)
    return {
        "period": _period(),
        "all_rows": everything,
        "found": found,
        "pages": -(-found // _MAX_SPANS),
        "page": page_in_url(),
        "page_url": lambda number: _url_with(page=number),
        "undated": [row for row in everything if not row["start"]],
        "max_undated": _MAX_UNDATED,
        "overview": chart_layout.columns([chart_layout.Bar(str(year), "", starts[year]) for year in years], height=64),
    }


def _flow_controls(chart: chart_layout.Chart, _: Rows) -> dict[str, Any]:
    """Return the flows between each two columns as lists, for narrow screens."""
    flows = [
        [
            chart_layout.Bar(str(one["title"]), "", int(str(one["count"])))
            for one in chart.lines
            if one["column"] == place
        ]
        for place in (0, 1)
    ]
    lists = [
        (title, sorted(each, key=lambda bar: (chart_layout.OTHER in bar.label.split(" → "), -bar.value)))
        for title, each in zip(_FLOW_TITLES, flows, strict=True)
    ]
    return {"lists": lists, "others": any(mark["label"] == chart_layout.OTHER for mark in chart.marks)}


def _network_controls(chart: chart_layout.Chart, rows: Rows) -> dict[str, Any]:
    """Return the names to start from, and for narrow screens the links of the chart with the most projects as lists."""
    shown = {(mark["role"], mark["iri"]) for mark in chart.marks}
    lists = []
    for roles, title in _LINK_TITLES.items():
        bars = [
            chart_layout.Bar(f"{row['fromName']} → {row['toName']}", row["from"], int(row["projects"]))
            for row in rows
            if (row["fromRole"], row["toRole"]) == roles
            and shown >= {(row["fromRole"], row["from"]), (row["toRole"], row["to"])}
        ]
        lists.append((title, bars[:_MAX_LINKS]))
    return {"organisations": organisation_names(), "lists": lists, "explorer_path": _explorer_path}


def _explorer_path(iri: str) -> str:
    """Return the URL of the network around an organisation or a country."""
    kind, key = iri.split("/")[-2:]
    return url_for("network.page", name="network", start=unquote(key) if kind == "actor" else f"{kind}/{key}")


def organisation_names() -> list[str]:
    """Return the names of the organisations with the most projects."""
    return [shorten_title(value.label) for value in summarise_release().facets.get("actor", ())[:_MAX_ORGANISATIONS]]


def summarise_release(chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Summary:
    """Return the counts of the search facets for the projects with one of the chosen values of each facet.

    They are empty if the search index is damaged, so that pages do without.
    """
    try:
        return search_index().summarise(SearchQuery(chosen=chosen, level=evidence_level()))
    except FileDamaged:
        return Summary(0, {}, {})


def _chosen(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the facet values that the filters of a chart choose."""
    if name == "coverage":
        return tuple((kind, tuple(values)) for kind, values in _covered().items())
    if name == "timeline" and (period := _period()):
        return (("year", tuple(map(str, range(period[0], period[1] + 1)))),)
    return ()


CHARTS = {
    one.name: one
    for one in (
        ChartDefinition(
            "map",
            "Projects by country",
            "Colours show the number of projects; hatched countries have none. A project for a region or a group of "
            "countries does not count for each of its countries.",
            "example-projects-per-country",
            _world,
            (("Country", "name", "country"), ("Projects", "projects", "")),
            controls=_map_controls,
        ),
        ChartDefinition(
            "coverage",
            "Countries and themes",
            "The number of projects per country and theme. A hatched cell marks a gap: no known projects. Projects on "
            "a topic count for its theme; if projects have no theme, the last column counts them, without shading.",
            "page-coverage",
            _matrix,
            (("Country", "countryName", "country"), ("Theme", "themeName", "theme"), ("Projects", "projects", "")),
            _covered,
            _with_gaps,
            _matrix_controls,
        ),
        ChartDefinition(
            "timeline",
            "Project timeline",
            "All projects with a start date, the latest first. The bars of ongoing projects with no end date extend to "
            "the right edge. The red line is today.",
            "page-timeline",
            _timeline,
            (("Project", "title", "project"), ("Status", "status", ""), ("Start", "start", ""), ("End", "end", "")),
            _years_in_period,
            controls=_timeline_controls,
        ),
        ChartDefinition(
            "network",
            "Funders, implementers and countries",
            "Who funds and implements projects, and where. Organisations include their constituent bodies. The CSV "
            "file has all links.",
            "page-flows",
            _network,
            (
                *(("From", "fromName", "from"), ("From role", "fromRole", "")),
                *(("To", "toName", "to"), ("To role", "toRole", ""), ("Projects", "projects", "")),
            ),
            complete=_pairs,
            controls=_network_controls,
        ),
        ChartDefinition(
            "flows",
            "From funders to countries",
            "Which funders work through which implementers, and where: the eight with the most projects of each kind, "
            "and all others together unless they would fill the chart.",
            "page-flows",
            _flows,
            (
                *(("Funders", "funderNames", ""), ("Implementers", "implementerNames", "")),
                *(("Countries", "countryNames", ""), ("Projects", "projects", "")),
            ),
            complete=_combinations,
            controls=_flow_controls,
        ),
        ChartDefinition(
            "years",
            "Active projects per year",
            "How many projects are active in each year, by their dates.",
            "example-active-projects-per-year",
            _years,
            (
                *(("Year", "year", ""), ("Active", "active", "")),
                *(("Starting", "starting", ""), ("Open-ended", "openEnded", "")),
            ),
            _years_with_projects,
        ),
        ChartDefinition(
            "money",
            "Money per year",
            "The sums of money that records state, by currency and kind. A sum counts in the first year of its period "
            "or, if it has none, in the year in which its project starts. No sum is converted or divided, and sums of "
            "different kinds overlap, so heights can be compared only within a row.",
            "page-money",
            chart_layout.money,
            (
                *(("Currency", "currency", ""), ("Kind", "kind", ""), ("Year", "year", "")),
                *(("Amount", "amount", ""), ("Sums", "sums", ""), ("Projects", "projects", "")),
            ),
        ),
    )
}


@blueprint.get("/explore")
def by_its_label() -> BaseResponse:
    """Redirect from the address that the label of the navigation suggests."""
    return redirect(url_for("explore.page"), 301)


@blueprint.get("/pictures")
def page() -> str:
    """List all charts."""
    return render_template("explore.html", charts=CHARTS.values(), evidence=evidence_switch(all_links(), "link"))


def image(definition: ChartDefinition, drawn: chart_layout.Chart) -> Response:
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
    query = queries.load_query(definition.query)
    text = chart_query(query, serving().release, evidence_level(), definition.filters())
    rows = definition.complete(query_rows(text))
    if suffix == "csv":
        return (
            table_response([rows[0], *([row[column] for column in rows[0]] for row in rows)])
            if rows
            else csv_response(text)
        )
    drawn = definition.draw(rows)
    if suffix == "svg":
        return image(definition, drawn)
    return render_template(
        "chart.html", definition=definition, chart=drawn, query=text, rows=rows,
        summary=summarise_release(_chosen(stem)), query_url=url_for("sparql.sparql", query=text),
        evidence=evidence_switch(all_links(), "link"), citation=cite_page(definition.title), url_with=_url_with,
        **definition.controls(drawn, rows),
    )  # fmt: skip


def _url_with(suffix: str = "", **changes: str | int) -> str:
    """Return the URL of this chart with some parameters changed, and others kept except for the page."""
    kept = {name: value for name, value in request.args.items() if name not in ("page", *changes)}
    # Not as arguments of url_for, which have special names such as "_scheme".
    query = urlencode({name: value for name, value in (kept | changes).items() if value})
    path = url_for("explore.chart", name=f"{(request.view_args or {})['name']}{suffix}", evidence=None)
    return f"{path}{'?' if query else ''}{query}"
