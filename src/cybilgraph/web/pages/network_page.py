"""The network explorer: what an organisation or a country is linked to by projects, with the numbers of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.search import SearchQuery
from cybilgraph.web.api.current_request import pin_release_in_url, search_index, table_response
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages import chart_layout, explore
from cybilgraph.web.pages.check_form import SCRIPT_POLICY
from cybilgraph.web.pages.citations import cite_page
from cybilgraph.web.pages.compare import find_entity, years_in_url
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import shorten_title

blueprint = Blueprint("network", __name__)
blueprint.before_request(pin_release_in_url)

_MAX_NODES, _MAX_NEIGHBOURS, _MAX_EXPANDED = 150, 30, 10
#: The roles of neighbours with the titles of their filter, in the order of the columns of the chart.
_ROLES = {"funder": "Funders", "implementer": "Implementers", "country": "Countries"}
#: The columns of the network chart.
_COLUMNS = ("fromRole", "fromName", "toRole", "toName", "projects", "from", "to")
#: How a neighbour is linked, by the role of the thing itself and that of the neighbour.
_LINKS = {
    ("funder", "implementer"): "implements projects that it funds",
    ("funder", "country"): "country of projects that it funds",
    ("implementer", "funder"): "funds projects that it implements",
    ("implementer", "country"): "country of projects that it implements",
    ("country", "funder"): "funds projects there",
    ("country", "implementer"): "implements projects there",
}


class Node(NamedTuple):
    """An organisation or a country."""

    kind: str
    key: str
    name: str

    @property
    def path(self) -> str:
        """Its path below /id/."""
        return f"{self.kind}/{self.key}"

    @property
    def iri(self) -> str:
        """Its IRI."""
        return thing_iri(self.kind, self.key)


class Neighbour(NamedTuple):
    """What a node is linked to: the role of the node and that of the neighbour, and the projects that link them."""

    own: str
    role: str
    node: Node
    projects: int

    def row(self, of: Node) -> dict[str, str]:
        """Return the link in the columns of the network chart: from the funder, to the country."""
        ends = sorted(((self.own, of), (self.role, self.node)), key=lambda end: list(_ROLES).index(end[0]))
        return {
            column: value
            for side, (role, node) in zip(("from", "to"), ends, strict=True)
            for column, value in ((f"{side}Role", role), (f"{side}Name", node.name), (side, node.iri))
        } | {"projects": str(self.projects)}


class Network:
    """The nodes in the URL of this request, the first of which is the start, and their neighbours."""

    def __init__(self) -> None:
        """Read the URL. Raises QueryError, NotFound."""
        self._years = years_in_url()
        self.roles = [role for role in _ROLES if role in request.args.getlist("role")] or list(_ROLES)
        names = [request.args["start"].strip(), *request.args.getlist("expand")][:_MAX_EXPANDED]
        self.nodes = list(dict.fromkeys(map(_find, names)))
        self.neighbours = [sorted(self._neighbours(node), key=_rank) for node in self.nodes]
        #: The most neighbours to show for each node.
        self.limit = min(_MAX_NEIGHBOURS, _MAX_NODES // len(self.nodes) - 1)

    def rows(self, limit: int | None = None) -> list[dict[str, str]]:
        """Return each link once, in the columns of the network chart; at most ``limit`` for each node."""
        links = {}
        for node, neighbours in zip(self.nodes, self.neighbours, strict=True):
            for row in (one.row(node) for one in neighbours[:limit]):
                links[row["fromRole"], row["from"], row["toRole"], row["to"]] = row
        return list(links.values())

    def sections(self) -> list[dict[str, Any]]:
        """Return what the page shows of each node: its neighbours with their URLs, and how to hide them."""
        return [
            {
                "node": node,
                "total": len(neighbours),
                "collapse": self._url([one for one in self.nodes if one != node]) if node != self.nodes[0] else "",
                "neighbours": [
                    {
                        "node": one.node,
                        "own": one.own,
                        "role": one.role,
                        "link": _LINKS[one.own, one.role],
                        "projects": one.projects,
                        "search": self._search_url(node, one),
                        "expand": self._url([*self.nodes, one.node]) if self._can_expand(one.node) else "",
                    }
                    for one in neighbours[: self.limit]
                ],
            }
            for node, neighbours in zip(self.nodes, self.neighbours, strict=True)
        ]

    def _neighbours(self, node: Node) -> list[Neighbour]:
        by_year = [("year", tuple(self._years))] if self._years else []
        found = []
        for own in ("country",) if node.kind == "country" else ("funder", "implementer"):
            query = SearchQuery(chosen=((own, (node.iri,)), *by_year), level=evidence_level())
            facets = search_index().summarise(query).facets
            found += [
                Neighbour(own, role, _node(value.value, value.label), value.results)
                for role in self.roles
                if role != own
                for value in facets.get(role, ())
                if value.value != node.iri and value.results
            ]
        return found

    def _can_expand(self, node: Node) -> bool:
        return len(self.nodes) < _MAX_EXPANDED and node.iri not in {one.iri for one in self.nodes}

    def _url(self, nodes: Sequence[Node]) -> str:
        start, *expanded = nodes
        arguments: dict[str, Any] = {name: request.args.get(name) or None for name in ("from", "to")}
        if len(self.roles) < len(_ROLES):
            arguments["role"] = self.roles
        return url_for(
            "network.page",
            name="network",
            start=start.key if start.kind == "actor" else start.path,
            expand=[one.path for one in expanded],
            **arguments,
        )

    def _search_url(self, node: Node, neighbour: Neighbour) -> str:
        """Return the search for the projects of a link."""
        ends: dict[str, Any] = {
            role: one.iri.rpartition("/")[2] for role, one in ((neighbour.own, node), (neighbour.role, neighbour.node))
        }
        return url_for("search.page", **ends, year=self._years)


@blueprint.get("/pictures/network", defaults={"name": "network"})
@blueprint.get("/pictures/network.csv", defaults={"name": "network.csv"})
@blueprint.get("/pictures/network.svg", defaults={"name": "network.svg"})
def page(name: str) -> Response | str:
    """Show the network around the start in the URL, or else that of all projects. Raises QueryError, NotFound.

    The script of the page draws what its lists contain.
    """
    if not request.args.get("start", "").strip():
        return explore.chart(name)
    network = Network()
    definition = explore.CHARTS["network"]._replace(title=f"Network: {network.nodes[0].name}")
    if name.endswith(".csv"):
        return table_response([_COLUMNS, *([row[column] for column in _COLUMNS] for row in network.rows())])
    drawn = chart_layout.network(network.rows(network.limit), network.limit)
    if name.endswith(".svg"):
        return explore.image(definition, drawn)
    text = render_template(
        "network.html", definition=definition, network=network, chart=drawn, roles=_ROLES,
        arguments=request.query_string.decode(), organisations=explore.organisation_names(),
        evidence=evidence_switch(all_links(), "link"), citation=cite_page(definition.title),
    )  # fmt: skip
    return Response(text, headers={"Content-Security-Policy": SCRIPT_POLICY})


def _find(name: str) -> Node:
    node = Node(*find_entity(name))
    if node.kind not in ("actor", "country"):
        raise NotFound(f"{node.name} is a {node.kind}. A network starts from an organisation or a country")
    return node


def _node(iri: str, label: str) -> Node:
    kind, key = iri.split("/")[-2:]
    return Node(kind, unquote(key), shorten_title(label))


def _rank(one: Neighbour) -> tuple[int, str, str]:
    return (-one.projects, one.node.name.casefold(), one.role)
