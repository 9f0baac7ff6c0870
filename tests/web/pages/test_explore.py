"""Every chart is a page, an image and a table."""

from __future__ import annotations

import csv
import io

import pytest
from lxml import etree

from cybilgraph.web.pages.explore import CHARTS
from tests.support.http_client import BROWSER, http, send

pytestmark = pytest.mark.slow


def test_list_links_to_every_chart(server: str) -> None:
    page = http(f"{server}/pictures", Accept=BROWSER).body.decode()
    assert all(f'href="/pictures/{name}"' in page for name in CHARTS)


def test_label_of_the_navigation_is_an_address(server: str) -> None:
    reply = send(server, "GET", "/explore")
    assert (reply.status, reply.headers["location"]) == (301, "/pictures")


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
    assert rows
    assert columns <= rows[0].keys()


@pytest.mark.parametrize("name", ["nowhere", "map.png", "map.csv.csv"])
def test_unknown_chart_or_suffix_gets_404(server: str, name: str) -> None:
    assert http(f"{server}/pictures/{name}").status == 404
