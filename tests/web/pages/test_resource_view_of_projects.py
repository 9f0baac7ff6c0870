"""The page of a project shows its facts with their evidence, as the endpoint has them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from tests.conftest import running_server
from tests.support.http_client import BROWSER, get, http
from tests.support.markup import parse_page
from tests.support.project_pages import ProjectPage, values_query

pytestmark = pytest.mark.slow


def test_project_page_shows_facts_and_evidence(server: str) -> None:
    reply = http(f"{server}/id/project/G0020", Accept=BROWSER)
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    page = reply.body.decode()
    for words in (
        "<h1><bdi>Support to Belize National Cyber Security Strategy</bdi></h1>",
        "Apr 2018 – Mar 2020",
        'aria-label="in the text">❝</a>',
        "<q><bdi>Support to Belize National Cyber Security Strategy",
        "funder, country",
        "Daniela Schnidrig",
        "continuously updated",
        'href="/id/country/BZ"',
    ):
        assert words in page, words
    assert page.index("continuously updated") > page.index("Source and data")


def test_notes_name_the_record_that_they_are_about(server: str) -> None:
    """The older record of G0020 names an implementer, and the newest does not."""
    page = http(f"{server}/id/project/G0020", Accept=BROWSER).body.decode()
    notes = page.partition("<h2>Data-quality notes</h2>")[2]
    assert "No implementer given" in notes
    assert "<code>belize-G0020.txt</code>" in notes.partition("<ul")[0]
    other = http(f"{server}/id/project/cmm-review-samoa", Accept=BROWSER).body.decode()
    assert "newest record" not in other


def test_possible_links_are_collapsed_and_apart_from_the_facts(server: str) -> None:
    page = http(f"{server}/id/project/G0020", Accept=BROWSER).body.decode()
    facts, possible = page.split('<details id="possible">')
    assert "Possible links (6), not counted" in possible
    for words in (
        ">Global Partners Digital</a>",
        ">Inter-American Committee against Terrorism</a>",
        "<q><bdi>OAS/CICTE provided the Government",
    ):
        assert words in possible
    assert ">Inter-American Committee against Terrorism</a>" not in facts


def test_pages_and_their_json_ld_match_the_endpoint(server: str) -> None:
    answer = get(server, "SELECT ?project { ?project a cyb:Project }", "text/csv")
    projects = answer.body.decode().split()[1:]
    assert len(projects) == 14
    for project in projects:
        page = ProjectPage(http(f"{server}/{project.removeprefix(BASE)}", Accept=BROWSER).body.decode())
        table = get(server, values_query(project), "text/csv").body.decode()
        rows = list(csv.DictReader(io.StringIO(table, newline="")))
        assert list(page.differences(project, rows)) == [], project


def test_differences_of_a_page_are_found(server: str) -> None:
    """The comparison above would notice what it claims to compare."""
    project = f"{BASE}id/project/G0020"
    html = http(f"{server}/id/project/G0020", Accept=BROWSER).body.decode()
    table = get(server, values_query(project), "text/csv").body.decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    for old, new, difference in (
        ("<h1><bdi>Support to", "<h1><bdi>Support of", "the title is 'Support of Belize"),
        (">Finished<", ">Ongoing<", "the status is 'Ongoing'"),
        ("<dd>Apr 2018", "<dd>May 2018", "the period is 'May 2018"),
        ('"2018-04"', '"2018-05"', "foundingDate in its JSON-LD is '2018-05'"),
        ('<a href="/id/country/BZ">', "<a>", f"links: 1 missing ({BASE}id/country/BZ as Country)"),
        ("<dt>Theme<", "<dt>Group<", f"links: 1 missing ({BASE}id/theme/national-strategies as Theme)"),
        ("<q><bdi>Support to", "<q><bdi>Support of", "evidence in the text: "),
        ("<h2>Context</h2>", "<h2>Why</h2>", "the context: 1 missing"),
        ("<h2>Contact</h2><ul>", "<h2>Contact</h2><ul><li><bdi>Jane Doe</bdi></li>", "contacts: 1 not in the endpoint"),
        ('"knowsAbout": [', '"keywords": [', "knowsAbout in its JSON-LD: 1 missing"),
    ):
        found = list(ProjectPage(html.replace(old, new)).differences(project, rows))
        assert any(text.startswith(difference) for text in found), (difference, found)


def test_evidence_after_eight_rows_is_folded(tmp_path: Path) -> None:
    countries = [
        "Fiji",
        "Tonga",
        "Samoa",
        "Kenya",
        "Ghana",
        "Nepal",
        "Benin",
        "Belize",
        "Togo",
        "Peru",
        "Chile",
        "Niger",
    ]
    records = [
        {"title": f"Training {many}", "summary": " ".join(f"It trains officials in {one}." for one in countries[:many])}
        for many in (7, 12)
    ]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    with running_server(tmp_path / "into") as url:
        for many in (7, 12):
            rows = many + 1  # and the theme
            text = http(f"{url}/id/project/training-{many}?evidence=possible", Accept=BROWSER).body.decode()
            [found] = [part for part in parse_page(text).all("section") if part.own("id") == "found"]
            folded = found.all("details")
            assert len(found.all("q")) == rows
            assert [part.all("summary")[0].text for part in folded] == ["Show all 13"] * (rows > 8)
            assert sum(len(part.all("q")) for part in folded) == rows - 8


def test_project_without_title_is_shown_by_its_summary_and_sorted_last(tmp_path: Path) -> None:
    records = [
        {"summary": "It helps Fiji to write laws.", "countries": ["Fiji"], "start": "2019"},
        {"title": "Zebra", "countries": ["Fiji"], "start": "2019"},
        {"code": "G0777", "countries": ["Fiji"], "start": "2019"},
    ]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    shown = {"Untitled project: It helps Fiji to write laws.", "Untitled project"}
    with running_server(tmp_path / "into") as url:
        for order in ("relevance", "newest", "oldest"):
            for view in ("", "table"):
                text = http(f"{url}/search?sort={order}&view={view}", Accept=BROWSER).body.decode()
                hits = [link for link in parse_page(text).all("a") if "/id/project/" in link.own("href")]
                assert hits[0].text == "Zebra"
                assert {hit.text for hit in hits[1:]} == shown
        pages = [parse_page(http(f"{url}{hit.own('href')}", Accept=BROWSER).body.decode()) for hit in hits[1:]]
        assert {page.all("h1")[0].text for page in pages} == shown
        assert "Untitled project" in http(f"{url}/id/country/FJ", Accept=BROWSER).body.decode()
