"""The search: projects by words and by what they are linked to, as a page and as a table."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for

from cybilgraph import queries
from cybilgraph.search import FACETS, ORDERS, PAGE, Hit, Wish
from cybilgraph.vocab import BASE
from cybilgraph.web.sparql import serving
from cybilgraph.web.view import path_of

blueprint = Blueprint("finding", __name__)

#: What facets are called on the page.
TITLES = {
    "country": "Country",
    "region": "Region, or a country in it",
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


class Choice(NamedTuple):
    """A value of a facet as the page shows it, and the address that takes it or lets it go."""

    label: str
    key: str
    results: int
    chosen: bool
    address: str


@blueprint.get("/search")
def search() -> str:
    """What was found, beside the facets."""
    wish = _wish()
    found = serving().search.find(wish)
    facets = [
        (
            kind,
            TITLES[kind],
            [
                Choice(
                    value.label,
                    value.value.removeprefix(_ROOTS[kind]),
                    value.results,
                    value.chosen,
                    _address(kind, value.value.removeprefix(_ROOTS[kind])),
                )
                for value in values
            ],
        )
        for kind, values in found.facets.items()
        if values
    ]
    pages = -(-found.total // PAGE)
    return render_template(
        "search.html",
        wish=wish,
        found=found,
        facets=facets,
        orders=ORDERS,
        pages=min(pages, _PAGES),
        there=serving().search.there,
        address=_address,
        as_sparql=as_sparql(wish),
        table=f"{url_for('finding.table')}?{urlencode(_arguments())}",
        hidden=[(key, value) for key, value in _arguments() if key not in ("q", "sort")],
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


def as_sparql(wish: Wish) -> str:
    """The search as a query that can be run and changed: words that only nearly fit are not found by it."""
    values = {"from" if kind == "year" else kind: list(given) for kind, given in wish.chosen}
    if wish.words:
        values["word"] = wish.words
    return queries.load("page-search").bind(values)


def _wish() -> Wish:
    """What is asked for; what nobody can have chosen is passed over."""
    given = request.args
    chosen = tuple(
        (kind, values)
        for kind in FACETS
        if (
            values := tuple(_ROOTS[kind] + value for value in dict.fromkeys(given.getlist(kind)) if _known(kind, value))
        )
    )
    page = given.get("page", "")
    return Wish(
        given.get("q", "")[:_TEXT].strip(),
        chosen,
        order if (order := given.get("sort", "")) in ORDERS else ORDERS[0],
        min(int(page), _PAGES) if page.isascii() and page.isdigit() and len(page) < 6 and int(page) else 1,
    )


def _known(kind: str, value: str) -> bool:
    if kind == "year":
        return len(value) == 4 and value.isascii() and value.isdigit()
    root = _ROOTS[kind]
    return serving().search.has(kind, root + value)


def _arguments() -> list[tuple[str, str]]:
    wish = _wish()
    chosen = [(kind, value.removeprefix(_ROOTS[kind])) for kind, values in wish.chosen for value in values]
    text = [("q", wish.text)] if wish.text else []
    order = [("sort", wish.order)] if wish.order != ORDERS[0] else []
    return [*text, *chosen, *order]


def _address(kind: str = "", value: str = "", page: int = 1) -> str:
    """The address of this search with one value taken, or let go where it was chosen; or of another page of it."""
    arguments = _arguments()
    if kind:
        pair = (kind, value)
        arguments = [one for one in arguments if one != pair] if pair in arguments else [*arguments, pair]
    if page > 1:
        arguments.append(("page", str(page)))
    return f"{url_for('finding.search')}{'?' if arguments else ''}{urlencode(arguments)}"


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
