"""The search: misspellings, facets with counts, shareable URLs, and the equivalent SPARQL query."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from tests.conftest import running_server
from tests.support.http_client import BROWSER, get, http
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow

TITLE = "Support to Belize National Cyber Security Strategy"


def found(server: str, **wish: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(http(f"{server}/search.csv?{urlencode(wish)}").body.decode())))


def page(server: str, **wish: str) -> str:
    reply = http(f"{server}/search?{urlencode(wish)}", Accept=BROWSER)
    assert reply.status == 200
    return reply.body.decode()


@pytest.mark.parametrize(
    "words", ["belize", "BELIZE strategy", "Belise", "stratgey belize", "beliz", "G0020", "“Belize”?"]
)
def test_misspellings_prefixes_and_codes_match(server: str, words: str) -> None:
    assert TITLE in [row["title"] for row in found(server, q=words)]


def test_aliases_and_names_in_other_languages_match(server: str) -> None:
    assert TITLE in [row["title"] for row in found(server, q="Belice")]
    assert TITLE in [row["title"] for row in found(server, q="GPD")]


def test_facet_counts_equal_the_filtered_results(server: str) -> None:
    everything, chosen = found(server), found(server, funder="eu")
    assert len(everything) == 14
    assert 0 < len(chosen) < 14
    text = page(server, funder="eu")
    assert re.search(rf"<strong>{len(chosen)} projects?</strong>", text)
    [(address, count)] = re.findall(r'<a href="([^"]*country=BJ[^"]*)"[^>]*><bdi>Benin</bdi> <span>(\d+)</span>', text)
    narrower = http(f"{server}{unescape(address)}", Accept=BROWSER).body.decode()
    assert f"<strong>{count} project" in narrower
    assert "funder=eu" in address


def test_values_of_a_facet_are_alternatives(server: str) -> None:
    both = http(f"{server}/search.csv?country=WS&country=BZ").body.decode()
    assert TITLE in both
    assert "CMM Review - Samoa" in both


def test_results_are_sorted_and_paged(server: str) -> None:
    starts = [row["start"] for row in found(server, sort="newest") if row["start"]]
    assert starts == sorted(starts, reverse=True)
    titles = [row["title"].lower() for row in found(server, sort="title")]
    assert titles == sorted(titles)
    assert page(server, page="2").count("<li><h2>") == 0


@pytest.mark.parametrize(
    "wish",
    [
        {"theme": "cybercrime"},
        {"country": "BZ", "q": "strategy"},
        {"region": "019"},
        {"status": "finished"},
        {"year": "2019"},
        {"implementer": "coe"},
        {"funder": "eu", "basis": "derived"},
        {"basis": "possible"},
        {"group": "asean"},
        {"q": "Samoa"},
        {"q": "strategies belise"},
        {"q": "train", "theme": "cybercrime"},
    ],
)
def test_sparql_query_finds_the_same_projects(server: str, wish: dict[str, str]) -> None:
    """Also for stems and misspellings."""
    [address] = re.findall(r'href="(/search/sparql[^"]*)"', page(server, **wish))
    reply = http(f"{server}{unescape(address)}", Accept=BROWSER)  # urllib follows redirects
    [query] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", reply.body.decode(), re.DOTALL)
    rows = csv.DictReader(io.StringIO(get(server, unescape(query), "text/csv").body.decode()))
    assert {row["title"] for row in rows} == {row["title"] for row in found(server, **wish)} != set()


def test_sparql_query_lists_no_more_projects_than_fit_into_a_url(tmp_path: Path) -> None:
    """If there are too many, it lists the first ones, and the page says so."""
    records = [
        {"title": f"Strategy {'of a long name ' * 12}{number}", "summary": "It helps Fiji."} for number in range(230)
    ]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        text = page(url, q="strategies")
        assert "lists the first 200 matching projects" in text
        [address] = re.findall(r'href="(/search/sparql[^"]*)"', text)
        assert "200 rows" in http(f"{url}{unescape(address)}", Accept=BROWSER).body.decode()


#: Dates of three precisions. By first day and title, the order is: Delta, Alpha, Beta, Gamma.
DATED = [
    {"title": "Gamma", "start": "2019", "end": "2021"},
    {"title": "Alpha", "start": "2019-01", "end": "2020-01"},
    {"title": "Beta", "start": "2019-01-01", "status": "Ongoing"},
    {"title": "Delta", "start": "2018-12-31"},
]


def test_dates_of_different_precision_are_sorted_and_filtered_by_their_days(tmp_path: Path) -> None:
    records = [record | {"countries": ["Belize"]} for record in DATED]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:

        def titles(address: str) -> list[str]:
            return [row["title"] for row in csv.DictReader(io.StringIO(http(f"{url}{address}").body.decode()))]

        assert titles("/search.csv?sort=oldest") == ["Delta", "Alpha", "Beta", "Gamma"]
        assert titles("/search.csv?sort=newest") == titles("/id/country/BZ.csv") == ["Alpha", "Beta", "Gamma", "Delta"]
        assert titles("/api/queries/page-timeline.csv") == ["Alpha", "Beta", "Gamma", "Delta"]
        active = {"2018": "Delta", "2019": "Alpha Beta Gamma", "2020": "Alpha Beta Gamma", "2021": "Beta Gamma"}
        for year, names in active.items():
            assert sorted(titles(f"/search.csv?year={year}")) == names.split()
            [address] = re.findall(r'href="(/search/sparql[^"]*)"', page(url, year=year))
            text = http(f"{url}{unescape(address)}", Accept=BROWSER).body.decode()
            [query] = re.findall(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL)
            rows = csv.DictReader(io.StringIO(get(url, unescape(query), "text/csv").body.decode()))
            assert [row["title"] for row in rows] == names.split()
        chart = http(f"{url}/id/country/BZ", Accept=BROWSER).body.decode().partition("Active projects per year</h3>")[2]
        shown = dict(re.findall(r"<title>(\d{4}): (\d+)", chart))
        assert shown == {year: str(len(names.split())) for year, names in active.items()}


@pytest.mark.parametrize(
    "text",
    ['"', '" OR ""', "title:x NEAR(a b, 3) AND NOT c*", "* ^ - + ( ) { } : ;", "\x00\x01", "\u202e", "'; DROP TABLE project; --",
     "a" * 5_000, "é" * 600, "x " * 2_000, "日本", "%", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")],
)  # fmt: skip
def test_any_text_is_accepted(server: str, text: str) -> None:
    assert http(f"{server}/search?q={quote(text)}", Accept=BROWSER).status == 200
    assert http(f"{server}/search.csv?q={quote(text)}").status == 200
    assert http(f"{server}/search.csv?sort={quote(text)[:99]}&country={quote(text)[:99]}").status == 400


@pytest.mark.parametrize(
    ("slip", "meant"), [("stratgey", "strategy"), ("interpl", "interpol"), ("cybercrme", "cybercrime")]
)
def test_misspelling_finds_the_same_as_the_correct_word(server: str, slip: str, meant: str) -> None:
    assert found(server, q=slip) == found(server, q=meant) != found(server)
    assert f"Showing results for “{meant}” instead." in page(server, q=slip)


def test_empty_result_offers_broader_searches(server: str) -> None:
    text = page(server, q="cybercrime belize")
    relaxations = re.findall(r'<li>without <bdi>“(\w+)”</bdi>: <a href="([^"]*)"[^>]*>(\d+) projects</a>', text)
    assert [(word, int(many)) for word, _, many in relaxations] == [
        ("belize", len(found(server, q="cybercrime"))),
        ("cybercrime", len(found(server, q="belize"))),
    ]
    assert (
        f"<strong>{relaxations[0][2]} projects</strong>" in http(f"{server}{unescape(relaxations[0][1])}").body.decode()
    )
    assert "without <bdi>Country “Samoa”</bdi>: " in page(server, q="belize", country="WS")
    assert "only <bdi>“samoa”</bdi>: " in page(server, q="belize samoa qwvxzy", theme="cybercrime")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("country", "Atlantis", "Unknown country “Atlantis”</bdi>. Give its code or its name."),
        ("country", "Kenia", "Unknown country “Kenia”</bdi>. Did you mean Kenya (KE)?"),
        ("theme", "<b>", "Unknown theme “&lt;b&gt;”</bdi>. Give its code or its name."),
        ("year", "20x9", "Unknown year “20x9”</bdi>. Use four digits: 2018."),
        ("sort", "evil", "Unknown sort order “evil”</bdi>. Use one of: relevance, title, newest, oldest."),
        ("page", "-1", "Invalid page number “-1”</bdi>. Use a whole number, 1 or more."),
    ],
)
def test_unknown_values_are_reported(server: str, name: str, value: str, expected: str) -> None:
    text = page(server, **{name: value})
    assert expected in text
    assert f"<strong>{14 if name in ('sort', 'page') else 0} projects" in text
    reply = http(f"{server}/search.csv?{urlencode({name: value})}")
    assert reply.status == 400
    assert value in json.loads(reply.body)["detail"]


def test_facet_values_may_be_names_and_may_match_nothing(server: str) -> None:
    assert found(server, country="France", nothing="1") == []
    assert found(server, country="Belize") == found(server, country="BZ") != []
    assert "There is no page 999. The last page is" in page(server, page="999")


def test_views_show_the_same_results(server: str) -> None:
    def view(name: str) -> Element:
        return parse_page(page(server, region="029", view=name))

    projects = {row["iri"] for row in found(server, region="029")}
    tabs = {link.text: link.own("href") for link in view("map").all("nav", "tabs")[0].all("a")}
    assert list(tabs) == ["List", "Table", "Map", "Timeline"]
    assert all("region=029" in address for address in tabs.values())
    for name in ("", "table"):
        links = {link.own("href") for link in view(name).all("main")[0].all("a")}
        assert {iri.removeprefix(BASE[:-1]) for iri in projects} <= links, name
    shown = {
        link.own("href"): int(link.own("aria-label").rpartition(": ")[2])
        for link in view("map").all("a")
        if link.own("aria-label").rpartition(": ")[2].isdigit()
    }
    counts = {address: number for address, number in shown.items() if number}
    assert counts
    for address, number in counts.items():
        assert len(found(server, region="029", country=address.rpartition("=")[2])) == number, address
    rows = found(server, region="029")
    timeline = view("timeline")
    bars = {link.own("href") for picture in timeline.all("svg", "picture timeline") for link in picture.all("a")}
    assert bars == {row["iri"].removeprefix(BASE[:-1]) for row in rows if row["start"]}
    assert f"{len(bars)} of {len(rows)} projects" in timeline.text
    assert "Unknown view “grid”" in page(server, view="grid")


def test_timeline_says_how_many_projects_of_its_page_it_shows(tmp_path: Path) -> None:
    records = [{"title": f"Dated {number}", "start": "2019", "end": "2020"} for number in range(21)]
    others = [{"title": "Without end", "start": "2018"}, {"title": "Undated"}]
    (tmp_path / "records.json").write_text(json.dumps({"projects": [*records, *others]}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        first, last = (parse_page(page(url, view="timeline", page=number)) for number in ("1", "2"))
        chart = parse_page(http(f"{url}/pictures/timeline", Accept=BROWSER).body.decode())
        project = parse_page(http(f"{url}/id/project/without-end", Accept=BROWSER).body.decode())
    [note] = [one.text for one in last.all("figcaption")]
    faint = "Faint bars show only the start; the end is unknown."
    counted = "Of the 3 projects on this page, 2 have a start date. Of all 23 projects, 22 have one."
    assert note == f"{counted} {faint}"
    assert faint not in first.text
    assert faint in chart.text
    assert faint in project.text


def test_unknown_parameters_are_reported(server: str) -> None:
    assert "Unknown parameter “regoin”</bdi>. Did you mean region?" in page(server, regoin="029")
    reply = http(f"{server}/search.csv?regoin=029")
    assert (reply.status, "“regoin”" in json.loads(reply.body)["detail"]) == (400, True)


def test_years_may_be_given_as_a_period_like_in_comparisons(server: str) -> None:
    def found(query: str) -> bytes:
        return http(f"{server}/search.csv?{query}").body

    assert found("from=2018&to=2019") == found("year=2018&year=2019") != found("")
    assert found("from=1981&to=1982").count(b"\r\n") == 1
    assert 'href="/search?year=2018&amp;year=2019&amp;view=table"' in page(server, **{"from": "2018", "to": "2019"})
    assert http(f"{server}/search.csv?from=soon").status == 400


def test_words_that_name_a_place_point_to_its_page(server: str) -> None:
    [region] = [one for one in parse_page(page(server, q="caribbean")).all("p", "notice") if "is a region" in one.text]
    assert region.all("a")[0].own("href") == "/id/region/029"
    number = http(f"{server}/search.csv?region=029").body.count(b"\r\n") - 1
    assert f"is a region with {number} project" in region.text
    assert "is a country" not in page(server, q="Belize strategy")


def test_map_of_results_is_zoomed_to_the_region_chosen(server: str) -> None:
    def width(**arguments: str) -> float:
        [picture] = [
            one for one in parse_page(page(server, view="map", **arguments)).all("svg") if "map" in one.own("class")
        ]
        return float(picture.own("viewbox").split()[2])

    assert width(region="029") < width() / 5
    assert width(group="caricom") < width() / 4
