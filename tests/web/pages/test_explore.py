"""Every chart is a page, an image and a table."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.web.pages.explore import CHARTS
from tests.conftest import running_server
from tests.support.http_client import BROWSER, http, send
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow


def test_list_links_to_every_chart(server: str) -> None:
    page = http(f"{server}/pictures", Accept=BROWSER).body.decode()
    assert all(f'href="/pictures/{name}"' in page for name in CHARTS)


def test_descriptions_hold_in_both_colour_schemes() -> None:
    """With a dark background, more projects have a lighter shade."""
    assert not [one.name for one in CHARTS.values() if re.search("(?i)dark|light|pale", one.about)]


def test_list_links_to_comparisons(server: str) -> None:
    cards = (
        parse_page(http(f"{server}/pictures", Accept=BROWSER).body.decode()).all("ul", "cards previews")[0].all("li")
    )
    assert cards[-1].all("a")[0].own("href") == "/compare"


def test_label_of_the_navigation_is_an_address(server: str) -> None:
    reply = send(server, "GET", "/explore")
    assert (reply.status, reply.headers["location"]) == (301, "/pictures")


def test_links_of_charts_keep_any_argument_without_interpreting_it(server: str) -> None:
    page = http(f"{server}/pictures/timeline?name=a&_scheme=javascript&_external=1&from=2019", Accept=BROWSER)
    assert page.status == 200
    links = [one.own("href") for one in parse_page(page.body.decode()).all("a")]
    assert "/pictures/timeline.svg?name=a&_scheme=javascript&_external=1&from=2019" in links
    assert not [link for link in links if link.startswith("javascript")]


@pytest.mark.parametrize("name", CHARTS)
def test_chart_is_available_as_page_image_and_table(server: str, name: str) -> None:
    page = http(f"{server}/pictures/{name}", Accept=BROWSER)
    assert page.status == 200
    assert CHARTS[name].title in page.body.decode()
    image = http(f"{server}/pictures/{name}.svg")
    assert image.content_type == "image/svg+xml; charset=utf-8"
    root = etree.fromstring(image.body)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    links = [link.get("href") for link in root.iter("{http://www.w3.org/2000/svg}a")]
    assert all(link.startswith(f"{server}/") for link in links), "links of a downloaded image are absolute"
    rows = list(csv.DictReader(io.StringIO(http(f"{server}/pictures/{name}.csv").body.decode())))
    columns = {column for _, text, iri in CHARTS[name].columns for column in (text, iri) if column}
    assert bool(rows) == (name != "money"), "the records of the sample state no sum that is certain"
    assert all(columns <= row.keys() for row in rows)


@pytest.mark.parametrize("name", ["nowhere", "map.png", "map.csv.csv"])
def test_unknown_chart_or_suffix_gets_404(server: str, name: str) -> None:
    assert http(f"{server}/pictures/{name}").status == 404


def page(server: str, path: str) -> Element:
    return parse_page(http(f"{server}/pictures/{path}", Accept=BROWSER).body.decode())


def test_map_zooms_to_a_region_without_scripts(server: str) -> None:
    def view(path: str) -> tuple[float, set[str]]:
        [picture] = [one for one in page(server, path).all("svg") if one.own("class") == "picture map"]
        links = [one for one in picture.all("a") if one.own("tabindex") != "-1"]
        return float(picture.own("viewbox").split()[2]), {one.own("href") for one in links}

    world, everywhere = view("map")
    caribbean, near = view("map?region=029")
    assert view("map?region=Caribbean") == (caribbean, near)
    assert caribbean < world / 5
    assert near < everywhere
    image = http(f"{server}/pictures/map.svg?region=029").body.decode()
    assert f" {caribbean:.0f} " in image
    presets = next(one for one in page(server, "map?region=029").all("nav") if one.own("class") == "presets").all("a")
    assert [one.text for one in presets if one.own("aria-current")] == ["Caribbean"]
    assert {"World", "Africa", "Pacific"} <= {one.text for one in presets}
    assert http(f"{server}/pictures/map?region=nowhere").status == 400


def test_matrix_shows_gaps_and_is_sorted_by_links(server: str) -> None:
    def countries(path: str) -> list[str]:
        return [row.all("th")[0].text for row in page(server, path).all("table")[0].all("tr")[1:]]

    everywhere = countries("coverage")
    assert everywhere == sorted(everywhere)
    assert len(countries("coverage?all=1")) == len(load_gazetteer().entries["country"])
    assert set(countries("coverage?region=019")) < set(everywhere)
    region = countries("coverage?region=029&all=1")
    assert "Haiti" in region
    assert "Haiti" not in everywhere
    assert "Belize" not in region
    assert "Belize" in countries("coverage?region=caricom")
    heading = next(one for one in page(server, "coverage").all("th") if "Strategy" in one.text)
    address = heading.all("a")[0].own("href").removeprefix("/pictures/")
    rows = page(server, address).all("table")[0].all("tr")
    place = [cell.text for cell in rows[0].all("th")].index(heading.text)
    numbers = [int(row.all("td")[place - 1].text.replace("–", "0")) for row in rows[1:]]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 0


def test_short_matrix_has_its_full_height(server: str) -> None:
    """A box that ends at a row line would hide that there are more rows."""
    for path, name in (("coverage?region=029", "scroll"), ("coverage?all=1", "scroll sticky")):
        [box] = [one for one in page(server, path).all("div") if one.all("table", "matrix") and one.own("role")]
        assert box.own("class") == name


def test_matrix_is_limited_to_recipients_and_marks_donors_and_territories(server: str) -> None:
    def rows(path: str) -> dict[str, str]:
        [table] = page(server, f"coverage?all=1&{path}").all("table", "matrix")
        heads = [row.all("th")[0] for row in table.all("tr")[1:]]
        return {head.all("a")[0].text: head.text for head in heads}

    assert rows("")["Puerto Rico"] == "Puerto Rico territory"
    assert rows("")["Japan"] == "Japan donor"
    recipients, donors = rows("among=oda-recipients"), rows("among=dac")
    assert (len(recipients), len(donors)) == (141, 32)
    assert not {*recipients} & {*donors}
    assert set(rows("region=029&among=sids")) == set(rows("region=029")) & set(rows("among=sids"))
    assert rows("among=nothing") == rows("")


def test_matrix_has_a_column_without_theme_only_if_needed(tmp_path: Path) -> None:
    projects = [
        {"title": "One", "countries": ["Kenya"], "themes": ["Cybercrime"]},
        {"title": "Two", "countries": ["Fiji"]},
    ]
    (tmp_path / "records.json").write_text(json.dumps({"projects": projects}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        for region, is_needed in (("002", False), ("009", True)):
            headings = [one.text for one in page(url, f"coverage?region={region}&all=1").all("th")]
            assert ("No theme given" in headings) == is_needed
        table = page(url, "coverage").all("table", "matrix")[0]
        classes = [[cell.own("class") for cell in row.all("td")] for row in table.all("tr")[1:]]
        assert all(all(shaded) and not plain for *shaded, plain in classes), "its cells have no shade and no hatching"
        assert http(f"{url}/pictures/coverage.svg").body.decode().count('fill="#f5f7f9"') == len(classes)


def test_flows_leave_out_other_if_it_would_fill_the_chart(tmp_path: Path) -> None:
    places = list(load_gazetteer().entries["country"])[:40]
    rows = [f"G{number},Funder {number},Implementer {number},{place}" for number, place in enumerate(places, 100)]
    (tmp_path / "table.csv").write_text("\n".join(["code,funders,implementers,countries", *rows]), encoding="utf-8")
    pipeline.build([tmp_path / "table.csv"], tmp_path / "into", dumps=False)

    def chosen(path: str) -> list[str]:
        return [
            link.text
            for link in page(url, path).all("a")
            if link.own("aria-current") == "true" and "Other" in link.text
        ]

    with running_server(tmp_path / "into") as url:
        assert chosen("flows") == ["Without Other"]
        assert chosen("flows?other=1") == ["With Other"]


def test_network_lists_its_links_for_narrow_screens(server: str) -> None:
    shown = page(server, "network?evidence=possible")
    [narrow] = shown.all("div", "narrow")
    assert [heading.text for heading in narrow.all("h2")] == [
        "From funders to implementers", "From implementers to countries", "From funders to countries",
    ]  # fmt: skip
    listed = [re.split("(?: → )|(?= [0-9]+$)", item.text) for item in narrow.all("li")]
    [picture] = [one for one in shown.all("svg") if "network" in one.own("class")]
    drawn = [re.split(" – |: ", one.text) for one in picture.all("title") if " – " in one.text]
    assert sorted([first, second, number.strip()] for first, second, number in listed) == sorted(drawn) != []
    for bars in narrow.all("ul", "bars"):
        numbers = [int(number.text) for number in bars.all("span", "number")]
        assert numbers == sorted(numbers, reverse=True)
    assert all("/pictures/network?start=" in link.own("href") for link in narrow.all("a"))


def test_names_of_the_network_lead_to_the_explorer(server: str) -> None:
    [picture] = [one for one in page(server, "network?evidence=possible").all("svg") if "network" in one.own("class")]
    links = [one.own("href") for one in picture.all("a")]
    assert any("start=country/" in unquote(link) for link in links)
    for link in (links[0], links[-1]):
        assert "evidence=possible" in link
        assert "<h1>Network: " in http(f"{server}{link}", Accept=BROWSER).body.decode(), link
    assert "/id/actor/" in http(f"{server}/pictures/network.svg").body.decode(), "a file has permanent addresses"


def test_chart_without_data_says_so(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("code,title\nG0001,Only a title\n", encoding="utf-8")
    pipeline.build([tmp_path / "table.csv"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        for name in ("timeline", "network", "flows", "money"):
            for suffix in ("", ".svg"):
                text = http(f"{url}/pictures/{name}{suffix}", Accept=BROWSER).body.decode()
                assert "This release has nothing to show here." in text, name


def test_active_projects_are_shown_for_all_years_and_later_ones_are_pale(server: str) -> None:
    rows = list(csv.DictReader(io.StringIO(http(f"{server}/pictures/years.csv").body.decode())))
    assert "0" not in (rows[0]["active"], rows[-1]["active"])
    bars = page(server, "years").all("rect", "bar")
    this_year = datetime.now(UTC).year
    assert [bool(bar.own("fill-opacity")) for bar in bars] == [int(row["year"]) > this_year for row in rows]


def test_timeline_is_limited_to_years_and_lists_the_undated(server: str) -> None:
    def titles(path: str) -> list[str]:
        [picture] = [one for one in page(server, path).all("svg") if one.own("class") == "picture timeline"]
        return [one.all("text")[0].text for one in picture.all("a")]

    rows = list(csv.DictReader(io.StringIO(http(f"{server}/pictures/timeline.csv").body.decode())))
    dated = [row for row in rows if row["start"]]
    assert 0 < len(dated) < len(rows) == 14
    assert len(titles("timeline")) == len(dated)
    assert 0 < len(titles("timeline?from=2014&to=2014")) < len(dated)
    assert titles("timeline?to=1990") == []
    shown = page(server, "timeline")
    [tally] = [one.text for one in shown.all("p", "tally")]
    assert f"{len(dated)} of 14 projects have a start date" in tally
    [undated] = [one for one in shown.all("details") if "without a start date" in one.all("summary")[0].text]
    assert len(undated.all("li")) == 14 - len(dated)
    for wrong in ("from=20&to=2019", "from=2020&to=2019"):
        assert http(f"{server}/pictures/timeline?{wrong}").status == 400


def test_numbers_of_flows_are_those_of_the_search(server: str) -> None:
    shown = page(server, "flows?evidence=possible")
    [picture] = [one for one in shown.all("svg") if one.own("class") == "picture sankey"]
    nodes = [(one.own("href"), one.all("title")[0].text) for one in picture.all("a")]
    assert len(nodes) > 5
    for number, (href, title) in enumerate(nodes):
        kind, _, key = href.partition("?")[0].removeprefix("/id/").partition("/")
        roles = ("country",) if kind == "country" else ("funder", "implementer")
        found = [http(f"{server}/search.csv?{role}={key}&evidence=possible").body.count(b"\r\n") - 1 for role in roles]
        assert int(title.rpartition(": ")[2].split()[0]) in found, (number, title)
    assert len(shown.all("ul", "bars")) == 2


def test_table_of_flows_has_the_names_of_its_keys(server: str) -> None:
    rows = list(csv.DictReader(io.StringIO(http(f"{server}/pictures/flows.csv").body.decode())))
    assert list(rows[0])[:4] == ["funders", "implementers", "countries", "projects"]
    named = {row["funders"]: row["funderNames"] for row in rows}
    assert named["eu"] == "European Union"
    assert (
        named["fcdo uk-government"] == "Foreign, Commonwealth and Development Office; Government of the United Kingdom"
    )
    table = page(server, "flows").all("details")[-1].text
    assert "European Union" in table
    assert "uk-government" not in table


def test_pages_of_charts_have_a_script_that_the_policy_allows(server: str) -> None:
    reply = http(f"{server}/pictures/map", Accept=BROWSER)
    policy = reply.headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "nonce" not in policy
    assert 'src="/static/built/explore.js"' in reply.body.decode()
    assert "script-src" not in http(f"{server}/pictures", Accept=BROWSER).headers["content-security-policy"]


def test_money_page_says_how_many_projects_state_an_amount(tmp_path: Path) -> None:
    records = [{"title": "Paid", "budget": "EUR 1,200,000", "start": "2019"}, {"title": "Unknown"}]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        shown = page(url, "money")
    [tally] = [one.text for one in shown.all("p", "tally")]
    assert tally.startswith("1 of 2 projects states an amount.")
    [title] = [one.text for one in shown.all("title") if "EUR" in one.text]
    assert title == "EUR 1,200,000 (Budget, 2019): 1 project"


@pytest.mark.parametrize(
    "path",
    ["coverage?region=019", "coverage?region=Caribbean&among=sids", "timeline?from=2014&to=2014", "timeline?to=2015"],
)
def test_filters_of_a_chart_reach_its_table_csv_file_query_and_coverage_statement(server: str, path: str) -> None:
    def rows(address: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(http(f"{server}{address}", Accept="text/csv").body.decode())))

    shown = page(server, path)
    [address] = [one.own("href") for one in shown.all("a") if one.text == "Download CSV"]
    [query] = [one.own("href") for one in shown.all("a") if one.text == "Open as SPARQL query"]
    assert 0 < len(rows(address)) < len(rows(address.partition("?")[0]))
    assert sorted(map(str, rows(query))) == sorted(map(str, rows(address)))
    [table] = [one for one in shown.all("details") if one.own("id") == "table"]
    assert len(table.all("tr")) == len(rows(address)) + 1
    [statement] = [
        one.text for one in shown.all("p") if "have a start date" in one.text or "has a start date" in one.text
    ][-1:]
    assert "Of 14 projects" not in statement
    if path.startswith("timeline"):
        assert statement.startswith(f"Of {len(rows(address))} project")


def test_table_of_the_matrix_has_the_gaps_and_sorts_names_whatever_their_accents(server: str) -> None:
    reply = http(f"{server}/pictures/coverage.csv?all=1&among=sids").body.decode()
    countries = list(dict.fromkeys(row["countryName"] for row in csv.DictReader(io.StringIO(reply))))
    assert len(countries) == len(load_gazetteer().countries_in(load_gazetteer().entries["group"]["sids"]))
    assert countries.index("São Tomé and Príncipe") < countries.index("Seychelles")


@pytest.mark.parametrize(("name", "counts"), [("flows", True), ("network", True), ("coverage", False)])
def test_chart_says_that_it_counts_the_rows_of_its_query(name: str, counts: bool, server: str) -> None:
    page = http(f"{server}/pictures/{name}", Accept=BROWSER).body.decode()
    assert ("It returns a row for each project" in page) is counts
