"""The search: projects by words and by what they are linked to, as a page and as a table."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph import queries
from cybilgraph.search import FACETS, ORDERS, PAGE, Hit, Value, Wish
from cybilgraph.vocab import BASE
from cybilgraph.web.sparql import serving
from cybilgraph.web.view import path_of

blueprint = Blueprint("finding", __name__)

#: What facets are called on the page.
TITLES = {
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
#: The IRIs of a facet's values begin so; what stands in addresses is the rest.
_ROOTS = {kind: f"{BASE}id/{ {'funder': 'actor', 'implementer': 'actor'}.get(kind, kind) }/" for kind in FACETS}
_ROOTS["year"] = ""
_TEXT, _PAGES = 500, 500
#: So many values of a facet are on the page; so many projects are named in a query, which has to fit into an address.
_MOST, _NAMED = 100, 200


class Choice(NamedTuple):
    """A value of a facet as the page shows it, and the address that takes it or lets it go."""

    label: str
    results: int
    chosen: bool
    address: str


@blueprint.get("/search")
def search() -> str:
    """What was found, beside the facets."""
    wish = _wish()
    given = _arguments(wish)
    here = _address(given)
    found = serving().search.find(wish)
    facets = [
        (kind, TITLES[kind], [_choice(kind, value, given, here) for value in values[:_MOST]], len(values))
        for kind, values in found.facets.items()
        if values
    ]
    pages = min(-(-found.total // PAGE), _PAGES)
    return render_template(
        "search.html",
        wish=wish,
        found=found,
        facets=facets,
        orders=ORDERS,
        pages=pages,
        there=serving().search.there,
        before=_address([*given, ("page", str(wish.page - 1))]) if wish.page > 1 else "",
        after=_address([*given, ("page", str(wish.page + 1))]) if wish.page < pages else "",
        as_sparql=f"{url_for('finding.asked')}?{urlencode(given)}",
        named=_NAMED,
        table=f"{url_for('finding.table')}?{urlencode(given)}",
        hidden=[(key, value) for key, value in given if key not in ("q", "sort")],
        path=path_of,
    )


@blueprint.get("/search.csv")
def table() -> Response:
    """All that was found, as a table."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Hit._fields)
    writer.writerows([_harmless(cell) for cell in hit] for hit in serving().search.all(_wish()))
    return Response(text.getvalue(), content_type="text/csv; charset=utf-8")


@blueprint.get("/search/sparql")
def asked() -> BaseResponse:
    """The search as a query, run and ready to be changed. Words are matched by the index, which takes stems and
    forgives slips: the projects that it finds by them are named in the query, at most _NAMED of them.
    """
    wish = _wish()
    values = {"from" if kind == "year" else kind: list(given) for kind, given in wish.chosen}
    if wish.words:
        values["project"] = [hit.iri for hit in islice(serving().search.all(wish), _NAMED)]
    return redirect(url_for("sparql.sparql", query=queries.load("page-search").bind(values)), 303)


def _wish() -> Wish:
    """What is asked for; what nobody can have chosen is passed over."""
    given = request.args
    chosen = tuple(
        (kind, values)
        for kind in FACETS
        if (
            values := tuple(
                _ROOTS[kind] + value
                for value in dict.fromkeys(given.getlist(kind))
                if serving().search.has(kind, _ROOTS[kind] + value)
            )
        )
    )
    page = given.get("page", "")
    return Wish(
        given.get("q", "")[:_TEXT].strip(),
        chosen,
        order if (order := given.get("sort", "")) in ORDERS else ORDERS[0],
        min(int(page), _PAGES) if page.isascii() and page.isdigit() and len(page) < 6 and int(page) else 1,
    )


def _arguments(wish: Wish) -> list[tuple[str, str]]:
    """What stands in the address of a search, but for the page."""
    chosen = [(kind, value.removeprefix(_ROOTS[kind])) for kind, values in wish.chosen for value in values]
    text = [("q", wish.text)] if wish.text else []
    order = [("sort", wish.order)] if wish.order != ORDERS[0] else []
    return [*text, *chosen, *order]


def _choice(kind: str, value: Value, given: list[tuple[str, str]], here: str) -> Choice:
    """A value with the address of this search, which is ``here``, where it is taken, or let go."""
    pair = (kind, value.value.removeprefix(_ROOTS[kind]))
    if value.chosen:
        return Choice(value.label, value.results, True, _address([one for one in given if one != pair]))
    return Choice(value.label, value.results, False, f"{here}{'&' if given else '?'}{urlencode([pair])}")


def _address(arguments: list[tuple[str, str]]) -> str:
    return f"{url_for('finding.search')}{'?' if arguments else ''}{urlencode(arguments)}"


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
