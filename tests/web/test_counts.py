"""A number that the site shows in several places is the same in all of them, at each level of evidence."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cybilgraph import pipeline
from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.model.vocabulary import BASE
from cybilgraph.web.pages.entity_queries import ENTITY_KINDS
from tests.conftest import running_server
from tests.support.http_client import BROWSER, http
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow
at_each_level = pytest.mark.parametrize("level", EvidenceLevel)


def at(level: EvidenceLevel, path: str) -> str:
    """Return a path with the parameter that chooses a level of evidence; the default level has none."""
    if level == DEFAULT_LEVEL:
        return path
    return f"{path}{'&' if '?' in path else '?'}evidence={level}"


@pytest.fixture(scope="module")
def server(demo_server: str) -> str:
    """Return the URL of a site with hundreds of real projects, or the running site in COUNTED_SITE."""
    return os.environ.get("COUNTED_SITE") or demo_server


def table(server: str, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(http(f"{server}{path}", Accept="text/csv").body.decode())))


def page(server: str, path: str) -> Element:
    return parse_page(http(f"{server}{path}", Accept=BROWSER).body.decode())


def facet_counts(server: str, kind: str, level: EvidenceLevel = DEFAULT_LEVEL) -> dict[str, int]:
    """Return the numbers of projects in the search facet of a kind, by key."""
    links = page(server, at(level, "/search")).all("aside")[0].all("a")
    found = (re.search(rf"[?&]{kind}=([^&]+)$", link.own("href")) for link in links)
    return {
        match[1]: int(link.all("span")[-1].text.replace(",", ""))
        for match, link in zip(found, links, strict=True)
        if match
    }


def numbers(words: str) -> Iterator[int]:
    return (int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", words))


@at_each_level
@pytest.mark.parametrize("kind", ENTITY_KINDS)
def test_list_page_search_and_tables_show_the_same_number(server: str, kind: str, level: EvidenceLevel) -> None:
    known = table(server, at(level, f"/id/{kind}.csv"))
    facet = facet_counts(server, kind, level)
    in_list = {
        row.all("a")[0].own("href"): row.all("td")[-3 if ENTITY_KINDS[kind].within else -1].text
        for number in range(1, 2 + len(known) // 50)
        for row in page(server, at(level, f"/id/{kind}?page={number}")).all("tr")
        if row.all("td")
    }
    active = [row for row in known if row["projects"] != "0"]
    assert set(facet) <= {row["thing"].rpartition("/")[2] for row in active}
    assert len(active) > 3 or level is EvidenceLevel.STATED
    for row in active[:50] if kind == "actor" else active:
        path = "/" + row["thing"].removeprefix(BASE)
        key = row["thing"].rpartition("/")[2]
        linked = table(server, at(level, f"{path}.csv"))
        itself = {one["project"] for one in linked if one["part"] == row["thing"]}
        total, direct = int(row["projects"]), int(row["itself"])
        assert (len({one["project"] for one in linked}), len(itself)) == (total, direct), path
        assert len(table(server, at(level, f"/search.csv?{urlencode({kind: key})}"))) == total, path
        assert in_list[at(level, path)] == f"{total:,}", path
        assert facet.get(key, total) == total, path
        [lead] = page(server, at(level, path)).all("p", "lead")
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


@at_each_level
def test_numbers_of_related_entities_are_those_of_the_search(server: str, level: EvidenceLevel) -> None:
    for kind, key in (("country", "BZ"), ("region", "029"), ("theme", "cybercrime"), ("actor", "eu")):
        for bar in page(server, at(level, f"/id/{kind}/{key}")).all("ul", "bars"):
            for item in bar.all("li"):
                path = item.all("a")[0].own("href").partition("?")[0]
                other, _, name = path.removeprefix("/id/").partition("/")
                if other in ("country", "theme") and other != kind:  # values of one facet are alternatives
                    found = table(server, at(level, f"/search.csv?{urlencode({kind: key, other: name})}"))
                    assert int(item.all("span", "number")[0].text) == len(found), (kind, key, other, name)


@at_each_level
def test_map_and_matrix_show_the_numbers_of_the_search(server: str, level: EvidenceLevel) -> None:
    facet = facet_counts(server, "country", level)
    for path in ("/", "/pictures/map"):
        shown = {
            link.own("href").partition("?")[0].rpartition("/")[2]: next(
                numbers(link.own("aria-label").rpartition(": ")[2])
            )
            for link in page(server, at(level, path)).all("a")
            if link.own("href").startswith("/id/country/") and link.own("aria-label")
        }
        assert {code: number for code, number in shown.items() if number and code in facet} == {
            code: facet[code] for code in facet if code in shown
        }
    coverage = page(server, at(level, "/pictures/coverage"))
    cells = [link for link in coverage.all("a") if "country=" in link.own("href")]
    filled = [cell for cell in cells if not cell.own("aria-label").endswith(": 0")]
    assert len(filled) > 5 or level is EvidenceLevel.STATED
    for cell in filled[:20]:
        found = table(server, cell.own("href").replace("/search?", "/search.csv?"))
        assert len(found) == int(cell.own("aria-label").rpartition(": ")[2]), cell.own("href")


@at_each_level
def test_queries_of_the_api_return_the_numbers_of_the_site(server: str, level: EvidenceLevel) -> None:
    def rows(name: str, **values: str) -> list[dict[str, str]]:
        return table(server, f"/api/queries/example-{name}.csv?{urlencode({**values, 'evidence': level})}")

    def key(iri: str) -> str:
        return iri.rpartition("/")[2]

    facet = facet_counts(server, "country", level)
    by_country = {key(row["country"]): int(row["projects"]) for row in rows("projects-per-country")}
    assert {code: by_country[code] for code in facet} == facet
    assert len(rows("projects-in-country", country="BZ")) == by_country.get("BZ", 0)
    named = [row["project"] for row in rows("may-reach", country="BZ") if row["how"] == "names the country"]
    assert sorted(named) == sorted(row["project"] for row in rows("projects-in-country", country="BZ"))
    [*itself, members] = rows("group-scope-projects", group="commonwealth")
    found = table(server, at(level, "/search.csv?group=commonwealth"))
    assert len(itself) + int(members["projects"]) == len(found)
    for role in ("funder", "implementer"):
        for row in rows("funding-in-region", region="029"):
            query = urlencode({"region": "029", role: key(row[role])})
            found = table(server, at(level, f"/search.csv?{query}")) if row[role] else [row]
            assert row["title"] in [project["title"] for project in found], query
    for row in table(server, at(level, "/id/actor.csv?sort=projects"))[:10]:
        portfolio = {project["project"] for project in rows("actor-portfolio", actor=row["thing"])}
        assert len(portfolio) == int(row["projects"]), row
    for row in rows("actors-by-type")[:10]:
        itself = {one["itself"] for one in table(server, at(level, "/id/actor.csv")) if one["thing"] == row["actor"]}
        assert itself == {row["projects"]}
    listed = {row["thing"]: (row["projects"], row["itself"]) for row in table(server, at(level, "/id/region.csv"))}
    by_region = {row["region"]: (row["projects"], row["forTheRegion"]) for row in rows("regional-coverage")}
    assert {region: by_region[region] for region in listed} == listed
    cells = rows("themes-by-country-matrix")
    for row in cells[:10]:
        query = urlencode({"country": key(row["country"]), "theme": key(row["theme"])})
        found = table(server, at(level, f"/search.csv?{query}"))
        assert int(row["projects"]) == len(found), query
        assert len(table(server, at(level, f"/search/sparql?{query}"))) == len(found), query


@at_each_level
def test_pairs_of_organisations_and_countries_include_constituent_bodies(server: str, level: EvidenceLevel) -> None:
    overview = [
        {row["fromRole"]: row["from"], row["toRole"]: row["to"], "projects": row["projects"]}
        for row in table(server, at(level, "/pictures/network.csv"))
    ]
    for name, roles in (("who-funds-whom", ("funder", "implementer")), ("funder-country-pairs", ("funder", "country"))):
        rows = table(server, f"/api/queries/example-{name}.csv?evidence={level}")
        shown = [row for row in overview if set(roles) <= set(row)]
        assert rows or level is EvidenceLevel.STATED
        first, second = (
            sorted([*(row[role] for role in roles), row["projects"]] for row in each) for each in (rows, shown)
        )
        assert first == second
    for row in [*overview[:40], *overview[-40:]]:
        ends = {role: row[role].rpartition("/")[2] for role in ("funder", "implementer", "country") if role in row}
        assert len(table(server, at(level, f"/search.csv?{urlencode(ends)}"))) == int(row["projects"]), ends


def test_all_roles_include_constituent_bodies_and_dates_alone_decide_about_years(tmp_path: Path) -> None:
    (tmp_path / "projects.csv").write_text(
        "code,title,countries,status,start,end,partners,beneficiaries,accountable,extending\n"
        "G0901,One,Fiji,Cancelled,2019,2020,European Commission,European Commission,European Commission,ITU\n"
        "G0902,Two,Fiji,Planned,2020,2033,European Union,ITU,ITU,European Commission\n"
        "G0903,Three,Tonga,Ongoing,2021,,European Commission,,,\n"
        "G0904,Four,Tonga,Finished,2019,2021,,,,\n"
    )
    pipeline.build([tmp_path / "projects.csv"], tmp_path / "releases")
    with running_server(tmp_path / "releases") as server:
        boxes = {
            section.all("h2")[0].text: {item.all("a")[0].text: item.all("span")[-1].text for item in section.all("li")}
            for section in page(server, "/id/country/FJ").all("section")
            if section.all("h2") and section.all("ul", "bars")
        }
        assert boxes["Partners"] == {"European Commission": "1", "European Union": "2"}
        assert boxes["Beneficiaries"]["European Union"] == boxes["Accountable organisations"]["European Union"] == "1"
        own = page(server, "/id/actor/eu")
        assert "3 as partner" in own.text
        [partners] = [one for one in own.all("section") if one.all("h2") and "artners" in one.all("h2")[0].text]
        assert [item.all("a")[0].text for item in partners.all("li")] == ["European Commission"]

        active = {row["year"]: int(row["active"]) for row in table(server, "/pictures/years.csv")}
        assert active == facet_counts(server, "year")
        assert (active["2019"], active["2020"], active["2021"], active["2033"]) == (2, 3, 3, 2)
        assert not [one for one in page(server, "/pictures/years").all("figcaption") if "SPARQL" in one.text]


def test_layout_counts_the_links_of_the_graph(server: str) -> None:
    [row] = table(
        server,
        "/sparql?"
        + urlencode(
            {
                "query": "SELECT "
                "(SUM(IF(?basis = basis:derived, 1, 0)) AS ?sure) (SUM(IF(?basis = basis:possible, 1, 0)) AS ?possible) "
                "{ ?project cyb:scope|cyb:participation ?claim . ?claim cyb:basis ?basis }"
            }
        ),
    )
    sure, possible = int(row["sure"]), int(row["possible"])
    assert min(sure, possible) > 0

    def effect(path: str) -> list[int]:
        [switch] = page(server, path).all("nav", "levels")
        return list(numbers(switch.text))

    for path in ("/", "/search", "/id/country", "/pictures/network", "/about"):
        assert effect(path) == [possible], path
        assert effect(f"{path}?evidence=stated") == [sure, possible], path
        assert effect(f"{path}?evidence=possible") == [possible], path
    assert http(f"{server}/?evidence=sure").body == http(f"{server}/").body
    assert http(f"{server}/search?evidence=certain").status == 400


def test_links_and_forms_carry_the_level_on(server: str) -> None:
    paths = ["/", "/search?country=BZ", "/id/country", "/id/country/BZ", "/id/project/G0020", "/pictures", "/compare"]
    names = ("map", "coverage", "timeline", "network", "network?start=eu", "flows", "years", "money")
    for path in (*paths, *(f"/pictures/{name}" for name in names)):
        shown = page(server, at(EvidenceLevel.STATED, path))
        [current] = [one for one in shown.all("nav", "levels")[0].all("a") if one.own("aria-current")]
        assert current.text == "stated and confirmed"
        to_pages = [
            link.own("href")
            for link in shown.all("a")
            if re.match(r"/(id/|search|pictures|compare|\?|$)", link.own("href"))
        ]
        assert len(to_pages) > 5
        assert sum("evidence=stated" not in link for link in to_pages) == 2, "only the switch leads to other levels"
        for form in shown.all("form"):
            if form.own("action").startswith(("/search", "/compare")):
                assert "evidence" in [field.own("name") for field in form.all("input")], path
        usual = [link.own("href") for link in page(server, path).all("a") if "evidence=" in link.own("href")]
        assert len(usual) == 2, path


@at_each_level
def test_coverage_statement_counts_what_the_table_has(server: str, level: EvidenceLevel) -> None:
    rows = table(server, at(level, "/search.csv"))
    [statement] = [one.text for one in page(server, at(level, "/")).all("p") if "have a start date" in one.text]
    projects, funder, funder_share, implementer, _, dated, _, themed, _, paid, _, first, last, *_ = numbers(statement)
    assert (projects, funder, dated, themed) == (
        len(rows), *(sum(bool(row[name]) for row in rows) for name in ("funders", "start", "themes"))
    )  # fmt: skip
    kinds = ("budget", "commitment", "planned-disbursement", "disbursement")
    assert paid == len({row["iri"] for kind in kinds for row in table(server, at(level, f"/search.csv?money={kind}"))})
    assert funder_share == round(100 * funder / projects)
    assert 0 < implementer <= projects
    assert first == min(int(row["start"][:4]) for row in rows if row["start"])
    assert last >= first


def test_unrecognised_names_and_other_spellings_are_not_counted_anywhere(tmp_path: Path) -> None:
    spellings = ["Digital Security Authority (Cyprus)", "Digital Security Authority (Cyprus) (ZICTA)"]
    records = [
        {
            "title": f"Project {number}",
            "countries": ["Belize", "Judges and prosecutors"],
            "themes": ["Cybercrime", "Cybercrime skills of judges"],
            "implementers": [spelling],
        }
        for number, spelling in enumerate(spellings)
    ]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        assert facet_counts(url, "country") == {"BZ": 2}
        [figures] = table(url, "/api/queries/page-numbers.csv")
        for kind in ("country", "theme", "actor"):
            active = [
                row["thing"].rpartition("/")[2] for row in table(url, f"/id/{kind}.csv") if row["projects"] != "0"
            ]
            assert sorted(active) == sorted(facet_counts(url, kind))
            if kind != "theme":
                assert len(active) == int(figures["countries" if kind == "country" else "actors"])
        unrecognised = page(url, "/search?country=judges-and-prosecutors")
        assert "2 projects" in unrecognised.text
