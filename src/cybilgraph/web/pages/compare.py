"""Compare two organisations, countries, regions, groups or themes by the counts of the search, as a page and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from cybilgraph.errors import QueryError
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import EvidenceLevel
from cybilgraph.model.vocabulary import path_of, thing_iri
from cybilgraph.release.search import SearchQuery, Summary
from cybilgraph.sparql.queries import did_you_mean
from cybilgraph.web.api.current_request import period_in_url, pin_release_in_url, search_index, table_response
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages.citations import cite_page
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import shorten_title

blueprint = Blueprint("compare", __name__)
blueprint.before_request(pin_release_in_url)

#: The kinds of things that can be compared, as facets of the search, in the order in which a name is looked up.
_KINDS = ("actor", "country", "region", "group", "theme")
#: What is compared: facets and their titles.
_FACETS = {
    "role": "Roles",
    "year": "Active projects per year",
    "country": "Countries",
    "theme": "Themes",
    "funder": "Funders",
    "implementer": "Implementers",
    "status": "Status",
}
_ROLES = {"funder": "As funder", "implementer": "As implementer", "other": "In other or unspecified roles only"}
_MAX_ROWS, _MAX_NAME_CHARS = 10, 200
#: The years that a comparison may be limited to.
_FIRST_YEAR, _LAST_YEAR = 1980, 2099


class Side(NamedTuple):
    """One of the two things: its kind, key and name, and the search for its projects with their counts."""

    kind: str
    key: str
    name: str
    query: SearchQuery
    summary: Summary

    @property
    def iri(self) -> str:
        """The IRI of the thing."""
        return thing_iri(self.kind, self.key)

    @property
    def roles(self) -> dict[str, int]:
        """The projects of an organisation in each role that search can filter by, and in other roles only."""
        if self.kind != "actor":
            return {}
        roles = {role: self.having(role, self.iri) for role in ("funder", "implementer")}
        both = replace(self.query, chosen=(*self.query.chosen, *((role, (self.iri,)) for role in roles)))
        only = self.summary.projects - sum(roles.values()) + search_index().summarise(both).projects
        return {**roles, "other": only}

    def having(self, facet: str, value: str) -> int:
        """Return how many of its projects have a value of a facet."""
        return next((one.results for one in self.summary.facets.get(facet, ()) if one.value == value), 0)

    @property
    def dated(self) -> int:
        """The number of its projects with a start date, in the chosen years."""
        return self.summary.having.get("year", 0)

    @property
    def undated(self) -> int:
        """The number of its projects without a start date, which belong to no year."""
        everything = search_index().summarise(replace(self.query, chosen=self.query.chosen[:1]))
        return everything.projects - everything.having.get("year", 0)


class Row(NamedTuple):
    """A value of a facet: its IRI, year or role, its label and the projects of each thing.

    The value is empty if the search has no filter for it.
    """

    value: str
    label: str
    counts: tuple[int, int]


@blueprint.get("/compare")
def page() -> str:
    """Compare two things, or ask for them. Raises QueryError, NotFound."""
    names = [request.args.get(name, "").strip() for name in ("a", "b")]
    years = years_in_url()
    sides = [_side(name, years) for name in names] if all(names) else []
    if sides:
        names = [_readable_name(side, name) for side, name in zip(sides, names, strict=True)]

    def search_url(side: Side, facet: str, value: str) -> str:
        """Return the search for the projects that a number counts."""
        chosen: dict[str, Any] = {"year": years, side.kind: side.key}
        if facet == "role":
            chosen = {"year": years, value: side.key}
        elif facet:
            chosen[facet] = value.rpartition("/")[2]
        return url_for("search.page", **chosen)

    return render_template(
        "compare.html",
        sides=sides,
        names=names,
        facets=[(title, facet, list(_rows(facet, sides, years))) for facet, title in _FACETS.items()] if sides else [],
        max_rows=_MAX_ROWS,
        span=(request.args.get("from", ""), request.args.get("to", "")),
        search_url=search_url,
        table=f"{url_for('compare.table', evidence=None)}?{request.query_string.decode()}",
        citation=cite_page(f"{sides[0].name} and {sides[1].name}") if sides else None,
        evidence=evidence_switch(all_links(), "link"),
    )


@blueprint.get("/compare.csv")
def table() -> Response:
    """Return all counts of a comparison as CSV. Raises QueryError, NotFound."""
    years = years_in_url()
    sides = [_side(request.args.get(name, "").strip(), years) for name in ("a", "b")]
    rows = [("facet", "value", "label", *(side.name for side in sides))]
    totals = [("projects", "", "", *(str(side.summary.projects) for side in sides))]
    counts = [
        (facet, row.value, row.label, *map(str, row.counts)) for facet in _FACETS for row in _rows(facet, sides, years)
    ]
    return table_response([*rows, *totals, *counts])


def years_in_url() -> list[str]:
    """Return the years from ``from`` to ``to`` in the URL; empty if it has neither. Raises QueryError."""
    if not (period := period_in_url(_FIRST_YEAR, _LAST_YEAR)):
        return []
    first, last = period
    known = sorted(int(one.value) for one in search_index().summarise(SearchQuery()).facets.get("year", ()))
    years = [str(year) for year in known if first <= year <= last]
    return years or ["0000"]  # a year that no project has


def _side(name: str, years: list[str]) -> Side:
    """Return the thing with a name, a code, or a path such as actor/eu. Raises NotFound, QueryError."""
    if not name:
        raise QueryError("Give two names to compare", "Example: a=European Union&b=Council of Europe")
    kind, key, label = find_entity(name)
    by_year = [("year", tuple(years))] if years else []
    query = SearchQuery(chosen=((kind, (thing_iri(kind, key),)), *by_year), level=evidence_level())
    return Side(kind, key, label, query, search_index().summarise(query))


def _readable_name(side: Side, typed: str) -> str:
    """Return the name of a thing for the form; what was typed if the name leads to something else."""
    try:
        return side.name if find_entity(side.name)[:2] == (side.kind, side.key) else typed
    except NotFound:
        return typed


def find_entity(name: str) -> tuple[str, str, str]:
    """Return the kind, key and label of the thing with a name, a code, or a path such as actor/eu. Raises NotFound."""
    names = load_gazetteer()
    facets = search_index().summarise(SearchQuery(level=EvidenceLevel.POSSIBLE)).facets
    kind, slash, key = (path_of(unquote(name)) or unquote(name)).removeprefix("/").removeprefix("id/").partition("/")
    if slash and kind in _KINDS:
        iri = thing_iri(kind, key)
        if known := next((one for one in facets.get(kind, ()) if one.value == iri), None):
            return kind, key, shorten_title(known.label)
        if entry := names.entries[kind].get(key):
            return kind, key, entry.name
    for kind in _KINDS:
        if entry := names.find_by_name_or_code(kind, name):
            return kind, entry.key, entry.name
    for one in facets.get("actor", ()):  # also organisations that no reference list has
        key = unquote(one.value.rpartition("/")[2])
        if unquote(name).casefold() in (one.label.casefold(), key):
            return "actor", key, shorten_title(one.label)
    shown = name[:_MAX_NAME_CHARS]
    raise NotFound(
        f"There is no organisation, country, region, group or theme called {shown!r}. "
        f"{did_you_mean('actor', shown, names)}"
    )


def _rows(facet: str, sides: list[Side], years: list[str]) -> Iterator[Row]:
    """Yield the values that a facet has for either thing: years in order, others with the most projects first.

    Yields nothing for a facet of their own kind, since the search cannot combine two of its values.
    """
    if facet in [side.kind for side in sides]:
        return
    if facet == "role":
        ours, theirs = (side.roles for side in sides)
        for role, label in _ROLES.items() if ours and theirs else ():
            yield Row(role if role != "other" else "", label, (ours[role], theirs[role]))
        return
    labels = {one.value: one.label for side in sides for one in side.summary.facets.get(facet, ())}
    if facet == "year" and labels:
        first, last = min(map(int, labels)), max(map(int, labels))
        labels = {str(year): str(year) for year in range(first, last + 1) if not years or str(year) in years}
    rows = (
        Row(value, shorten_title(label), (sides[0].having(facet, value), sides[1].having(facet, value)))
        for value, label in labels.items()
    )
    if facet != "year":
        yield from sorted(rows, key=lambda row: (-sum(row.counts), row.label))
        return
    yield from rows
    if not years:
        yield Row("", "No start date", (sides[0].undated, sides[1].undated))
