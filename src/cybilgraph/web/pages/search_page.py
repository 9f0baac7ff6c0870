"""The project search by keyword and facet, as a page with four views, and as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import QueryError
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match, load_gazetteer
from cybilgraph.model.record import DEFAULT_LEVEL
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.search import (
    FACETS,
    MAX_FACET_VALUES,
    ORDERS,
    PAGE_SIZE,
    FacetValue,
    QueryPart,
    SearchHit,
    SearchQuery,
    SearchResult,
    Summary,
)
from cybilgraph.sparql import queries
from cybilgraph.sparql.queries import did_you_mean
from cybilgraph.web.api.current_request import pin_release_in_url, search_index, table_response
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages import chart_layout
from cybilgraph.web.pages.citations import cite_page
from cybilgraph.web.pages.compare import years_in_url
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import project_title

blueprint = Blueprint("search", __name__)
blueprint.before_request(pin_release_in_url)

#: The titles of the facets on the page.
FACET_TITLES = {
    "country": "Country",
    "region": "Region",
    "group": "Group of countries",
    "theme": "Theme or topic",
    "status": "Status",
    "funder": "Funder",
    "implementer": "Implementer",
    "actor": "Organisation in any role",
    "money": "Kind of sum",
    "year": "Active in",
    "basis": "Kind of evidence",
}
#: The views of the results, as tabs.
VIEWS = {"": "List", "table": "Table", "map": "Map", "timeline": "Timeline"}
#: The kind of entity of each facet's values.
_NAMES_OF_KINDS = {"funder": "actor", "implementer": "actor", "money": "funding-kind"}
_KINDS = {kind: _NAMES_OF_KINDS.get(kind, kind) for kind in FACETS if kind != "year"}
#: The longest search text, the longest excerpt of a wrong value in a message, and the most pages of results.
_MAX_TEXT_CHARS, _MAX_ECHO_CHARS, _MAX_PAGES = 500, 60, 500
_YEAR, _PAGE_NUMBER = re.compile(r"[0-9]{4}"), re.compile(r"[1-9][0-9]{0,4}")
#: The most values shown per facet, and the most projects listed in a SPARQL query, which has to fit into a URL.
_MAX_VALUES_SHOWN, _MAX_PROJECTS_IN_QUERY = 100, 200


#: The parameters of the search.
_PARAMETERS = ("q", *FACETS, "from", "to", "sort", "page", "view", "evidence", "release")


def _root(facet: str) -> str:
    """Return the IRI prefix of a facet's values; URLs contain the rest."""
    return thing_iri(_KINDS[facet], "") if facet in _KINDS else ""


@blueprint.get("/search")
def page() -> str:
    """Show the results and the facets."""
    query, view = _parse_arguments(), _view()
    arguments = _arguments(query)
    shown_as = [("view", view)] if view else []
    current_url = _search_url([*arguments, *shown_as])
    index = search_index()
    # the bars of projects of the same time are next to each other
    order = "newest" if (view, query.order, query.words) == ("timeline", ORDERS[0], []) else query.order
    found = index.find(replace(query, order=order))
    pages = max(min(-(-found.total // PAGE_SIZE), _MAX_PAGES), 1)
    summary = index.summarise(query) if found.total and view in ("map", "timeline") else None

    def toggled(kind: str, value: FacetValue) -> str:
        """Return the URL that selects or deselects a facet value in the current search."""
        pair = (kind, value.value.removeprefix(_root(kind)))
        if value.chosen:
            return _search_url([one for one in (*arguments, *shown_as) if one != pair])
        return f"{current_url}{'&' if arguments or shown_as else '?'}{urlencode([pair])}"

    def url_of_page(number: int) -> str:
        return _search_url([*arguments, *shown_as, ("page", str(number))])

    def country_url(iri: str) -> str:
        others = [pair for pair in arguments if pair[0] != "country"]
        return _search_url([*others, ("country", iri.removeprefix(_root("country")))])

    entities = [
        (entry, entry.kind.replace("actor", "organisation"), thing_iri(entry.kind, entry.key))
        for kind in ("country", "region", "group", "theme", "actor")
        if query.words and (entry := load_gazetteer().find(kind, query.text))
    ]
    return render_template(
        "search.html",
        entities=[
            (
                entry.name,
                words,
                iri,
                index.summarise(SearchQuery("", ((entry.kind, (iri,)),), level=query.level)).projects,
            )
            for entry, words, iri in entities
        ],
        query=query,
        found=found,
        order=order,
        view=view,
        country_url=country_url,
        views=[
            (name, words, _search_url([*arguments, *([("view", name)] if name else [])]))
            for name, words in VIEWS.items()
        ],
        chart=_chart(view, summary, found) if summary else None,
        summary=summary,
        facets={kind: values for kind, values in found.facets.items() if values},
        titles=FACET_TITLES,
        toggled=toggled,
        max_values=_MAX_VALUES_SHOWN,
        orders=ORDERS,
        pages=pages,
        url_of_page=url_of_page,
        is_available=index.is_available,
        warnings=_problems(query),
        relaxations=[
            (_describe_part(one.part, found), one, _search_url([*_arguments(one.query), *shown_as]))
            for one in found.relaxations
        ],
        as_sparql=f"{url_for('search.as_sparql', evidence=None)}?{urlencode(arguments)}",
        max_projects_in_query=_MAX_PROJECTS_IN_QUERY,
        citation=cite_page(f"Projects: {query.text}" if query.text else "Projects"),
        table=f"{url_for('search.table', evidence=None)}?{urlencode(arguments)}",
        hidden=[(key, value) for key, value in (*arguments, *shown_as) if key not in ("q", "sort")],
        evidence=evidence_switch(*((index.totals(query), "project") if query.chosen else (all_links(), "link"))),
    )


def _view() -> str:
    """Return the view in the URL; an unknown one is the list."""
    return view if (view := request.args.get("view", "")) in VIEWS else ""


def _chart(view: str, summary: Summary, found: SearchResult) -> chart_layout.Chart | None:
    """Draw all results on a map, or those of the page on a timeline."""
    if view == "map":
        places = summary.facets["country"]
        countries = load_gazetteer().entries["country"].values()
        names = {entry.key: entry.name for entry in countries}
        codes = {place.value.removeprefix(_root("country")): place.results for place in places}
        counts = {code: results for code, results in codes.items() if code in names}
        chosen = [
            load_gazetteer().entries[kind].get(one.value.removeprefix(_root(kind)))
            for kind in ("region", "group")
            for one in found.facets[kind]
            if one.chosen
        ]
        within = frozenset[str]().union(*(load_gazetteer().countries_in(place) for place in chosen if place))
        return chart_layout.world_map(counts, names, within)
    if view == "timeline":
        spans = [
            chart_layout.TimeSpan(project_title(hit.title, hit.summary), hit.iri, hit.start, hit.end, hit.status)
            for hit in found.hits
            if hit.start
        ]
        return chart_layout.timeline(spans, datetime.now(UTC).date())
    return None


@blueprint.get("/search.csv")
def table() -> Response:
    """Return all results as CSV. Raises QueryError."""
    query = _parse_strictly()
    return table_response([SearchHit._fields, *search_index().all(query)])


@blueprint.get("/search/sparql")
def as_sparql() -> BaseResponse:
    """Open the search as a SPARQL query. Raises QueryError.

    SPARQL cannot match word stems and approximate spellings as the index does, so the query lists the projects that
    match the search text, at most _MAX_PROJECTS_IN_QUERY of them.
    """
    query = _parse_strictly()
    values = {"from" if kind == "year" else kind: list(chosen) for kind, chosen in query.chosen}
    values["evidence"] = [query.level]
    if query.words:
        values["project"] = [hit.iri for hit in islice(search_index().all(query), _MAX_PROJECTS_IN_QUERY)]
    return redirect(url_for("sparql.sparql", query=queries.load_query("page-search").bind(values)), 303)


def _parse_arguments() -> SearchQuery:
    """Return the search in the URL. An unknown facet value stays in it and matches nothing. Raises QueryError."""
    chosen = []
    for kind in FACETS:
        values = [value for value in request.args.getlist(kind)[:MAX_FACET_VALUES] if value]
        values += years_in_url() if kind == "year" else []
        keys = dict.fromkeys(_facet_key(kind, value) or value[:_MAX_TEXT_CHARS] for value in values)
        if keys:
            chosen.append((kind, tuple(_root(kind) + key for key in keys)))
    order, page = request.args.get("sort", ""), request.args.get("page", "")
    return SearchQuery(
        request.args.get("q", "")[:_MAX_TEXT_CHARS].strip(),
        tuple(chosen),
        order if order in ORDERS else ORDERS[0],
        int(page) if _PAGE_NUMBER.fullmatch(page) else 1,
        evidence_level(),
    )


def _parse_strictly() -> SearchQuery:
    """Return the search in the URL. Raises QueryError where the page only shows a warning."""
    query = _parse_arguments()
    for problem in _problems(query):
        raise QueryError(*problem)
    return query


def _problems(query: SearchQuery) -> Iterator[tuple[str, str]]:
    """Yield a problem and a hint for each wrong argument, and for each facet value that nothing knows."""
    for name in request.args:
        if name not in _PARAMETERS:
            meant = closest_match(name[:_MAX_ECHO_CHARS], _PARAMETERS, MIN_SUGGESTION_SCORE)
            hint = f"Did you mean {meant}?" if meant else f"Use one of: {', '.join(_PARAMETERS)}."
            yield f"Unknown parameter “{name[:_MAX_ECHO_CHARS]}”", hint
    order, page = request.args.get("sort", ""), request.args.get("page", "")
    if (view := request.args.get("view", "")) not in VIEWS:
        yield f"Unknown view “{view[:_MAX_ECHO_CHARS]}”", f"Use one of: {', '.join(filter(None, VIEWS))}."
    if order and order not in ORDERS:
        yield f"Unknown sort order “{order[:_MAX_ECHO_CHARS]}”", f"Use one of: {', '.join(ORDERS)}."
    if page and not _PAGE_NUMBER.fullmatch(page):
        yield f"Invalid page number “{page[:_MAX_ECHO_CHARS]}”", "Use a whole number, 1 or more."
    for kind, values in query.chosen:
        for key in (value.removeprefix(_root(kind)) for value in values):
            if _facet_key(kind, key) != key:
                hint = "Use four digits: 2018." if kind == "year" else did_you_mean(_KINDS[kind], key, load_gazetteer())
                yield f"Unknown {kind} “{key[:_MAX_ECHO_CHARS]}”", hint


def _facet_key(kind: str, value: str) -> str | None:
    """Return the key of the facet value with this key or name; None if there is none."""
    if search_index().has_value(kind, _root(kind) + value) or (kind == "year" and _YEAR.fullmatch(value)):
        return value
    entry = load_gazetteer().find(_KINDS[kind], value) if kind != "year" else None
    return entry.key if entry else None


def _arguments(query: SearchQuery) -> list[tuple[str, str]]:
    chosen = [(kind, value.removeprefix(_root(kind))) for kind, values in query.chosen for value in values]
    text = [("q", query.text)] if query.text else []
    order = [("sort", query.order)] if query.order != ORDERS[0] else []
    level = [("evidence", query.level)] if query.level != DEFAULT_LEVEL else []
    return [*text, *chosen, *order, *level]


def _describe_part(part: QueryPart, found: SearchResult) -> str:
    if isinstance(part, str):
        return f"“{part}”"
    kind, chosen = part
    labels = {value.value: value.label for value in found.facets[kind]}
    names = (f"“{labels.get(value, value.removeprefix(_root(kind)))[:_MAX_ECHO_CHARS]}”" for value in chosen)
    return f"{FACET_TITLES[kind]} {' or '.join(names)}"


def _search_url(arguments: list[tuple[str, str]]) -> str:
    return f"{url_for('search.page', evidence=None)}{'?' if arguments else ''}{urlencode(arguments)}"
