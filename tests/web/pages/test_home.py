"""The home page shows the counts of the release, highlights and names to search for."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.release import Release
from cybilgraph.sparql import queries
from tests.conftest import running_server
from tests.support.http_client import BROWSER, get, http
from tests.support.markup import parse_page

pytestmark = pytest.mark.slow


def test_home_page_shows_counts(server: str) -> None:
    page = http(f"{server}/", Accept=BROWSER).body.decode()
    assert "<strong>14</strong> projects" in page
    assert 'aria-label="Belize: 2"' in page


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_home_and_about_say_what_the_sample_is_and_lacks(demo_server: str, server: str) -> None:
    home, about = (http(f"{demo_server}{path}", Accept=BROWSER).body.decode() for path in ("/", "/about"))
    assert "566 of these projects are a sample, compiled from public sources. It is not a complete list." in home
    assert 'href="/about#sample"' in home
    sample = about.partition('<h2 id="sample">')[2].partition("<h2>")[0]
    assert "566 real projects" in sample
    assert all(
        words in sample for words in ("twice", "not a complete list", "how much a project costs", "Themes", "countries")
    )
    for path in ("/", "/about"):
        assert "sample" not in http(f"{server}{path}", Accept=BROWSER).body.decode(), "a site without the table"


def test_counts_match_the_endpoint_and_the_manifest(server: str, release: Release) -> None:
    page = parse_page(http(f"{server}/", Accept=BROWSER).body.decode())
    table = get(server, queries.load_query("page-numbers").text, "text/csv").body.decode()
    [expected] = csv.DictReader(io.StringIO(table))
    expected["organisations"] = expected.pop("actors")
    assert expected.pop("projectsFromFile") == "0"
    quads = release.manifest["counts"]["quads"]
    shown = dict(
        re.match(r"([0-9,]+) (\w+)", item.text).groups()[::-1]  # type: ignore[union-attr]
        for part in page.all("ul", "numbers")
        for item in part.all("li")
    )
    assert shown == {name: f"{int(count):,}" for name, count in (expected | {"statements": quads}).items()}
    footer = " ".join(part.text for part in page.all("footer"))
    assert f"Release 1 ({release.manifest['created'][:10]}) · {quads:,} statements" in footer


def test_names_that_are_no_countries_do_not_count(tmp_path: Path) -> None:
    record = {"title": "One", "funders": ["European Union"], "countries": ["Kenya", "Judges and prosecutors"]}
    (tmp_path / "records.json").write_text(json.dumps({"projects": [record]}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        page = http(f"{url}/", Accept=BROWSER).body.decode()
        assert "<strong>1</strong> countries" in page
        assert "249 of 250 countries and territories</strong> are not named" in page
        assert "1 with projects in this release" in http(f"{url}/id/country", Accept=BROWSER).body.decode()
        for name in ("map", "coverage"):
            table = http(f"{url}/pictures/{name}.csv").body.decode()
            assert "Kenya" in table
            assert "prosecutors" not in table


def test_home_page_has_a_few_example_questions_and_a_link_to_all(server: str) -> None:
    page = parse_page(http(f"{server}/", Accept=BROWSER).body.decode())
    links = [link.own("href") for link in page.all("main")[0].all("a") if link.own("href").startswith("/queries")]
    assert len([address for address in links if address.startswith("/queries/")]) == 6
    assert "/queries" in links


def test_home_page_states_highlights_and_suggests_names(server: str) -> None:
    page = parse_page(http(f"{server}/", Accept=BROWSER).body.decode())
    names = [option.own("value") for option in page.all("datalist")[0].all("option")]
    assert {"Belize", "Caribbean", "Cybercrime", "European Union"} <= set(names)
    funder, theme, gap = [item for item in page.all("li") if item.all("strong") and item.all("p")]
    for highlight in (funder, theme):
        found = http(f"{server}{highlight.all('a')[-1].own('href')}", Accept=BROWSER).body.decode()
        number = re.search(r"(?:funds|theme of) (\d+) of the (\d+)", highlight.text)
        assert number
        assert f"<strong>{number[1]} project" in found
        assert int(number[2]) <= 14
    assert re.match(r"\d+ of 250 countries and territories are not named", gap.text)
