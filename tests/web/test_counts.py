"""A number that the site shows in several places is the same in all of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from cybilgraph.model.vocabulary import BASE
from cybilgraph.web.pages.entity_queries import ENTITY_KINDS
from tests.support.http_client import BROWSER, http
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow


def table(server: str, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(http(f"{server}{path}").body.decode())))


def page(server: str, path: str) -> Element:
    return parse_page(http(f"{server}{path}", Accept=BROWSER).body.decode())


def facet_counts(server: str, kind: str) -> dict[str, int]:
    """Return the numbers of projects in the search facet of a kind, by key."""
    links = page(server, "/search").all("aside")[0].all("a")
    found = (re.search(rf"[?&]{kind}=([^&]+)$", link.own("href")) for link in links)
    return {
        match[1]: int(link.all("span")[-1].text.replace(",", ""))
        for match, link in zip(found, links, strict=True)
        if match
    }


def numbers(words: str) -> Iterator[int]:
    return (int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", words))


@pytest.mark.parametrize("kind", ENTITY_KINDS)
def test_list_page_search_and_tables_show_the_same_number(server: str, kind: str) -> None:
    known = table(server, f"/id/{kind}.csv")
    facet = facet_counts(server, kind)
    in_list = {
        row.all("a")[0].own("href"): row.all("td")[-3 if ENTITY_KINDS[kind].within else -1].text
        for row in page(server, f"/id/{kind}").all("tr")
        if row.all("td")
    }
    active = [row for row in known if row["projects"] != "0"]
    assert set(facet) <= {row["thing"].rpartition("/")[2] for row in active}
    assert len(active) > 3
    for row in active[:50]:
        path = "/" + row["thing"].removeprefix(BASE)
        key = row["thing"].rpartition("/")[2]
        linked = table(server, f"{path}.csv")
        itself = {one["project"] for one in linked if one["part"] == row["thing"]}
        total, direct = int(row["projects"]), int(row["itself"])
        assert (len({one["project"] for one in linked}), len(itself)) == (total, direct), path
        assert len(table(server, f"/search.csv?{urlencode({kind: key})}")) == total, path
        assert in_list[path] == str(total)
        assert facet.get(key, total) == total, path
        [lead] = page(server, path).all("p", "lead")
        split = [total, direct, total - direct] if direct < total else [total]
        assert list(numbers(lead.text))[: len(split)] == split, path


def test_a_project_in_a_country_counts_for_its_regions_and_groups(server: str) -> None:
    def count(path: str) -> int:
        return next(numbers(page(server, path).all("p", "lead")[0].text))

    belize = count("/id/country/BZ")
    assert belize > 0
    for path in ("region/029", "region/419", "region/019", "group/caricom", "group/sids"):
        assert count(f"/id/{path}") >= belize, path
    inactive = page(server, "/id/theme").all("ul", "columns")
    assert "Cybercrime" not in [item.text for part in inactive for item in part.all("li")]


def test_numbers_of_related_entities_are_those_of_the_search(server: str) -> None:
    for kind, key in (("country", "BZ"), ("region", "029"), ("theme", "cybercrime"), ("actor", "eu")):
        for bar in page(server, f"/id/{kind}/{key}").all("ul", "bars"):
            for item in bar.all("li"):
                other, _, name = item.all("a")[0].own("href").removeprefix("/id/").partition("/")
                if other in ("country", "theme") and other != kind:  # values of one facet are alternatives
                    found = table(server, f"/search.csv?{urlencode({kind: key, other: name})}")
                    assert int(item.all("span", "number")[0].text) == len(found), (kind, key, other, name)


def test_map_and_matrix_show_the_numbers_of_the_search(server: str) -> None:
    facet = facet_counts(server, "country")
    for path in ("/", "/pictures/map"):
        shown = {
            link.own("href").rpartition("/")[2]: next(numbers(link.own("aria-label").rpartition(": ")[2]))
            for link in page(server, path).all("a")
            if link.own("href").startswith("/id/country/") and link.own("aria-label")
        }
        assert {code: number for code, number in shown.items() if number and code in facet} == {
            code: facet[code] for code in facet if code in shown
        }
    cells = [link for link in page(server, "/pictures/coverage").all("a") if "country=" in link.own("href")]
    filled = [cell for cell in cells if not cell.own("aria-label").endswith(": 0")]
    assert len(filled) > 5
    for cell in filled[:20]:
        found = table(server, cell.own("href").replace("/search?", "/search.csv?"))
        assert len(found) == int(cell.own("aria-label").rpartition(": ")[2]), cell.own("href")


def test_coverage_statement_counts_what_the_table_has(server: str) -> None:
    rows = table(server, "/search.csv")
    [statement] = [one.text for one in page(server, "/").all("p") if "have a start date" in one.text]
    projects, funder, funder_share, implementer, _, dated, _, themed, _, paid, _, first, last, *_ = numbers(statement)
    assert (projects, funder, dated, themed) == (
        len(rows), *(sum(bool(row[name]) for row in rows) for name in ("funders", "start", "themes"))
    )  # fmt: skip
    kinds = ("budget", "commitment", "planned-disbursement", "disbursement")
    assert paid == len({row["iri"] for kind in kinds for row in table(server, f"/search.csv?money={kind}")})
    assert funder_share == 100 * funder // projects
    assert 0 < implementer <= projects
    assert first == min(int(row["start"][:4]) for row in rows if row["start"])
    assert last >= first
