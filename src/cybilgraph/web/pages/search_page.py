"""The search: projects by words and by what they are linked to, as a page and as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import QueryError
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE
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
)
from cybilgraph.sparql import queries
from cybilgraph.sparql.queries import did_you_mean
from cybilgraph.web.pages.query_page import search_index
from cybilgraph.web.pages.resource import page_path, table_response

blueprint = Blueprint("finding", __name__)

#: What facets are called on the page.
FACET_TITLES = {
    "country": "Country",
    "region": "Region, or a country in it",
    "group": "Group of countries",
    "theme": "Theme or topic",
    "status": "Status",
    "funder": "Funder",
    "implementer": "Implementer",
    "year": "Active in",
    "basis": "How a link is known",
}
#: The kinds of things that the values of facets are.
_KINDS = {kind: {"funder": "actor", "implementer": "actor"}.get(kind, kind) for kind in FACETS if kind != "year"}
#: The IRIs of a facet's values begin so; what stands in addresses is the rest.
_ROOTS = {kind: f"{BASE}id/{_KINDS[kind]}/" if kind in _KINDS else "" for kind in FACETS}
#: So much is taken of a text, shown of what is wrong in an address; so many pages are shown.
_MAX_TEXT_CHARS, _MAX_ECHO_CHARS, _MAX_PAGES = 500, 60, 500
_YEAR, _PAGE_NUMBER = re.compile(r"[0-9]{4}"), re.compile(r"[1-9][0-9]{0,4}")
#: So many values of a facet are on the page; so many projects are named in a query, which has to fit into an address.
_MAX_VALUES_SHOWN, _MAX_PROJECTS_IN_QUERY = 100, 200


class FacetChoice(NamedTuple):
    """A value of a facet as the page shows it, and the address that takes it or lets it go."""

    label: str
    results: int
    chosen: bool
    address: str


@blueprint.get("/search")
def search() -> str:
    """What was found, beside the facets."""
    query = _parse_arguments()
    given = _arguments(query)
    here = _address(given)
    within = search_index()
    found = within.find(query)
    facets = [
        (
            kind,
            FACET_TITLES[kind],
            [_choice(kind, value, given, here) for value in values[:_MAX_VALUES_SHOWN]],
            len(values),
        )
        for kind, values in found.facets.items()
        if values
    ]
    pages = max(min(-(-found.total // PAGE_SIZE), _MAX_PAGES), 1)
    return render_template(
        "search.html",
        query=query,
        found=found,
        facets=facets,
        orders=ORDERS,
        pages=pages,
        is_available=within.is_available,
        passed=[*_ignored_arguments(), *_unknown_values(query)],
        relaxations=[
            (_describe_part(one.part, found), one, _address(_arguments(one.query))) for one in found.relaxations
        ],
        last=_address([*given, ("page", str(pages))]) if query.page > pages else "",
        before=_address([*given, ("page", str(query.page - 1))]) if 1 < query.page <= pages else "",
        after=_address([*given, ("page", str(query.page + 1))]) if query.page < pages else "",
        as_sparql=f"{url_for('finding.asked')}?{urlencode(given)}",
        named=_MAX_PROJECTS_IN_QUERY,
        table=f"{url_for('finding.table')}?{urlencode(given)}",
        hidden=[(key, value) for key, value in given if key not in ("q", "sort")],
        path=page_path,
    )


@blueprint.get("/search.csv")
def table() -> Response:
    """All that was found, as a table. Raises QueryError."""
    query = _parse_strictly()
    return table_response([SearchHit._fields, *search_index().all(query)])


@blueprint.get("/search/sparql")
def asked() -> BaseResponse:
    """The search as a query, run and ready to be changed. Words are matched by the index, which takes stems and
    forgives slips: the projects that it finds by them are named in the query, at most _IN_QUERY of them.
    Raises QueryError.
    """
    query = _parse_strictly()
    values = {"from" if kind == "year" else kind: list(given) for kind, given in query.chosen}
    if query.words:
        values["project"] = [hit.iri for hit in islice(search_index().all(query), _MAX_PROJECTS_IN_QUERY)]
    return redirect(url_for("sparql.sparql", query=queries.load_query("page-search").bind(values)), 303)


def _parse_arguments() -> SearchQuery:
    """What is asked for. A value that no project has stays in it, and finds nothing."""
    given = request.args
    chosen = tuple(
        (kind, tuple(_ROOTS[kind] + value for value in dict.fromkeys(values)))
        for kind in FACETS
        if (
            values := [
                _facet_key(kind, value) or value[:_MAX_TEXT_CHARS]
                for value in given.getlist(kind)[:MAX_FACET_VALUES]
                if value
            ]
        )
    )
    order, page = given.get("sort", ""), given.get("page", "")
    return SearchQuery(
        given.get("q", "")[:_MAX_TEXT_CHARS].strip(),
        chosen,
        order if order in ORDERS else ORDERS[0],
        int(page) if _PAGE_NUMBER.fullmatch(page) else 1,
    )


def _parse_strictly() -> SearchQuery:
    """What is asked for, of programs. Raises QueryError for what the page tells to be passed over or not known."""
    query = _parse_arguments()
    for problem in (*_ignored_arguments(), *_unknown_values(query)):
        raise QueryError(*problem)
    return query


def _ignored_arguments() -> Iterator[tuple[str, str]]:
    """What is told of an order and a page that there are not: what is wrong, and what to do."""
    order, page = request.args.get("sort", ""), request.args.get("page", "")
    if order and order not in ORDERS:
        yield f"There is no order “{order[:_MAX_ECHO_CHARS]}”", f"There are: {', '.join(ORDERS)}."
    if page and not _PAGE_NUMBER.fullmatch(page):
        yield f"There is no page “{page[:_MAX_ECHO_CHARS]}”", "Pages have numbers from 1."


def _unknown_values(query: SearchQuery) -> Iterator[tuple[str, str]]:
    """The same of each value that is neither of a project nor of a thing that one could have."""
    for kind, values in query.chosen:
        for value in values:
            key = value.removeprefix(_ROOTS[kind])
            if _facet_key(kind, key) != key:
                hint = (
                    "Write four digits: 2018." if kind == "year" else did_you_mean(_KINDS[kind], key, load_gazetteer())
                )
                yield f"There is no {kind} “{key[:_MAX_ECHO_CHARS]}”", hint


def _facet_key(kind: str, value: str) -> str | None:
    """The key of the value of a facet that is called so; None where there is none."""
    if search_index().has_value(kind, _ROOTS[kind] + value) or (kind == "year" and _YEAR.fullmatch(value)):
        return value
    entry = load_gazetteer().find(_KINDS[kind], value) if kind != "year" else None
    return entry.key if entry else None


def _arguments(query: SearchQuery) -> list[tuple[str, str]]:
    """What stands in the address of a search, but for the page."""
    chosen = [(kind, value.removeprefix(_ROOTS[kind])) for kind, values in query.chosen for value in values]
    text = [("q", query.text)] if query.text else []
    order = [("sort", query.order)] if query.order != ORDERS[0] else []
    return [*text, *chosen, *order]


def _describe_part(part: QueryPart, found: SearchResult) -> str:
    """A part of a wish in words."""
    if isinstance(part, str):
        return f"“{part}”"
    kind, chosen = part
    labels = {value.value: value.label for value in found.facets[kind]}
    names = (f"“{labels.get(value, value.removeprefix(_ROOTS[kind]))[:_MAX_ECHO_CHARS]}”" for value in chosen)
    return f"{FACET_TITLES[kind]} {' or '.join(names)}"


def _choice(kind: str, value: FacetValue, given: list[tuple[str, str]], here: str) -> FacetChoice:
    """A value with the address of this search, which is ``here``, where it is taken, or let go."""
    pair = (kind, value.value.removeprefix(_ROOTS[kind]))
    if value.chosen:
        return FacetChoice(value.label, value.results, True, _address([one for one in given if one != pair]))
    return FacetChoice(value.label, value.results, False, f"{here}{'&' if given else '?'}{urlencode([pair])}")


def _address(arguments: list[tuple[str, str]]) -> str:
    return f"{url_for('finding.search')}{'?' if arguments else ''}{urlencode(arguments)}"
