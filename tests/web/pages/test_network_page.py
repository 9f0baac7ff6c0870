"""The network explorer shows the numbers of the search, around any organisation or country."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlencode

import pytest
from lxml import etree

from cybilgraph.model.record import EvidenceLevel
from cybilgraph.model.vocabulary import BASE
from tests.support.http_client import BROWSER, Response, http
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow


def send(server: str, suffix: str = "", **arguments: object) -> Response:
    return http(f"{server}/pictures/network{suffix}?{urlencode(arguments, doseq=True)}", Accept=BROWSER)


def sections(server: str, **arguments: object) -> dict[str, list[Element]]:
    """Return the rows of the list of each node, by the path of the node."""
    page = parse_page(send(server, **arguments).body.decode())
    return {
        part.own("data-node"): [row for row in part.all("tr") if row.own("data-node")]
        for part in page.all("details", "neighbours")
    }


def table(server: str, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(http(f"{server}{path}", Accept="text/csv").body.decode())))


@pytest.mark.parametrize("level", EvidenceLevel)
@pytest.mark.parametrize(
    "arguments", [{"start": "eu"}, {"start": "coe", "from": 2015, "to": 2020}, {"start": "country/BZ"}]
)
def test_numbers_are_those_of_the_search(server: str, arguments: dict[str, object], level: EvidenceLevel) -> None:
    [rows] = sections(server, **arguments, evidence=level).values()
    assert rows or level is EvidenceLevel.STATED
    for row in rows:
        [number] = [link for link in row.all("a") if "/search?" in link.own("href")]
        assert f"evidence={level}" in number.own("href") or level is EvidenceLevel.SURE
        found = table(server, number.own("href").replace("/search?", "/search.csv?"))
        assert len(found) == int(row.own("data-projects")) == int(number.text), number.own("href")


def test_any_neighbour_can_be_expanded_and_collapsed(server: str) -> None:
    shown = sections(server, start="eu")
    assert list(shown) == ["actor/eu"]
    [coe] = [
        row for row in shown["actor/eu"] if row.own("data-node") == "actor/coe" and row.own("data-role") != "funder"
    ]
    text = http(f"{server}{coe.own('data-url')}", Accept=BROWSER).body.decode()
    first, second = parse_page(text).all("details", "neighbours")
    assert (first.own("data-node"), second.own("data-node")) == ("actor/eu", "actor/coe")
    assert text.count(" open>") == 1, "only the last list is open"
    back = [row.own("data-projects") for row in second.all("tr") if row.own("data-node") == "actor/eu"]
    assert coe.own("data-projects") in back, "a link has the same number from either end"
    assert second.own("data-url") == "/pictures/network?start=eu"
    place = next(row for row in second.all("tr") if row.own("data-node").startswith("country/"))
    assert place.own("data-url").count("expand=") == 2


def test_roles_and_years_filter_the_links(server: str) -> None:
    everything, funders = sections(server, start="coe"), sections(server, start="coe", role="funder")
    assert {row.own("data-role") for row in everything["actor/coe"]} == {"funder", "country"}
    assert {row.own("data-role") for row in funders["actor/coe"]} == {"funder"}
    assert all("role=funder" in row.own("data-url") for row in funders["actor/coe"])
    assert sections(server, start="coe", **{"from": 1981, "to": 1982}) == {"actor/coe": []}


def test_nodes_are_limited_but_the_table_is_complete(demo_server: str) -> None:
    rows = sections(demo_server, start="eu")["actor/eu"]
    assert len(rows) == 30
    names = {row.own("data-node") for row in rows}
    shown = sections(demo_server, start="eu", expand=sorted(names))
    assert len(shown) == 10
    nodes = {*shown, *(row.own("data-node") for found in shown.values() for row in found)}
    assert 30 < len(nodes) <= 150
    every = table(demo_server, "/pictures/network.csv?start=eu")
    assert len(every) > 100
    overview = table(demo_server, "/pictures/network.csv")
    assert every[0].keys() == overview[0].keys()
    assert len(overview) > 1_000, "the overview has all pairs, too"
    assert all(f"{BASE}id/actor/eu" in (row["from"], row["to"]) for row in every)


def test_network_starts_from_any_organisation_by_key_and_by_name(server: str) -> None:
    known = [row for row in table(server, "/id/actor.csv") if row["projects"] != "0"]
    for row in known[:60]:
        key = row["thing"].rpartition("/")[2]
        link = f'href="/pictures/network?start={key}"'
        assert link in http(f"{server}/id/actor/{key}", Accept=BROWSER).body.decode(), key
        assert list(sections(server, start=key)) == [f"actor/{key}"]
        assert len(sections(server, start=row["label"])) == 1, row["label"]


@pytest.mark.parametrize(
    ("arguments", "status", "detail"),
    [
        ({"start": "Europan Unio"}, 404, "Did you mean European Union"),
        ({"start": "Africa"}, 404, "Africa is a region"),
        ({"start": "eu", "expand": "actor/no-such-actor"}, 404, "actor/no-such-actor"),
        ({"start": "eu", "from": "soon"}, 400, "Write four digits"),
    ],
)
def test_wrong_arguments_are_reported(server: str, arguments: dict[str, str], status: int, detail: str) -> None:
    reply = send(server, **arguments)
    assert (reply.status, detail in reply.body.decode()) == (status, True)


def test_chart_without_scripts_is_an_image_too(server: str) -> None:
    root = etree.fromstring(send(server, ".svg", start="coe").body)
    links = [link.get("href") for link in root.iter("{http://www.w3.org/2000/svg}a")]
    assert f"{server}/id/actor/coe" in links
    policy = send(server, start="coe").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
