"""Project and entity pages show the links of a level of evidence, each with a mark that the page explains once."""

from __future__ import annotations

import re

import pytest

from cybilgraph.sparql.queries import load_query
from tests.support.http_client import BROWSER, http
from tests.support.markup import Element, parse_page

pytestmark = pytest.mark.slow
MARKS = {"evidence confirmed", "evidence derived", "evidence possible"}


def page(server: str, path: str) -> Element:
    return parse_page(http(f"{server}{path}", Accept=BROWSER).body.decode())


def marks(part: Element) -> set[str]:
    return {one.own("class") for one in part.all("span")} & MARKS


def test_project_page_shows_the_links_of_each_level_and_explains_their_marks_once(server: str) -> None:
    expected: dict[str, set[str]] = {
        "stated": set(),
        "sure": {"evidence derived"},
        "possible": {"evidence derived", "evidence possible"},
    }
    for level, known in expected.items():
        shown = page(server, f"/id/project/G0020?evidence={level}")
        [facts] = shown.all("dl", "facts")
        assert marks(facts) == known, level
        legend = [one.own("class") for part in shown.all("p", "small legend") for one in part.all("span")]
        assert sorted(one for one in legend if one in MARKS) == sorted(known), level
        left_out = [part.all("summary")[0].text for part in shown.all("details") if part.own("id") == "possible"]
        assert bool(left_out) == (level != "possible")


def test_entity_page_marks_projects_that_are_linked_by_their_text_only(server: str) -> None:
    shown = page(server, "/id/country/BZ")
    [table] = [one for one in shown.all("table") if one.all("th")[0].text == "Title"]
    assert marks(table) == {"evidence derived"}
    assert len(shown.all("p", "small legend")) == 1
    assert "Evidence" not in [heading.text for heading in table.all("th")]
    stated = page(server, "/id/country/BZ?evidence=stated")
    assert not [mark for part in stated.all("table") for mark in marks(part)]


def test_links_to_named_queries_keep_the_level(server: str) -> None:
    """Except for queries without the parameter, which refuse it."""
    seen = set()
    for path in ("/", "/id/region/029", "/id/country/BZ", "/id/group/commonwealth", "/id/country/BM"):
        for link in page(server, f"{path}?evidence=possible").all("a"):
            found = re.match("/(?:api/)?queries/([a-z-]+)", link.own("href"))
            if found:
                has_level = "evidence" in [one.name for one in load_query(found[1]).parameters]
                assert ("evidence=possible" in link.own("href")) == has_level, (path, link.own("href"))
                seen.add(found[1])
    assert {"example-funding-in-region", "example-largest-projects-in-country", "example-may-reach"} <= seen
