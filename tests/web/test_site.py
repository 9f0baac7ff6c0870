"""The site as a whole: every IRI resolves, no link is broken, and hostile text is escaped."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import rdflib

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Release
from tests.conftest import graph_of, running_server
from tests.support.http_client import BROWSER, http
from tests.support.site_pages import KINDS, Page

pytestmark = pytest.mark.slow

FORMS = {"ttl": "turtle", "nt": "nt", "jsonld": "json-ld", "rdf": "xml"}


def iris(release: Release) -> list[str]:
    """Return all IRIs of the graph that begin with the base, without fragments."""
    lines = graph_of(release.folder).decode()
    return sorted({found.partition("#")[0] for found in re.findall(f"<({re.escape(BASE)}[^>]*)>", lines)})


@pytest.fixture(scope="module")
def pages(server: str, release: Release) -> dict[str, Page]:
    """Return the page of every IRI, by path."""

    def page(path: str) -> tuple[str, Page]:
        reply = http(f"{server}{path}", Accept=BROWSER)
        assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8"), path
        return path, Page(reply.body.decode())

    with ThreadPoolExecutor(2) as threads:
        paths = ["/" + iri.removeprefix(BASE) for iri in iris(release)]
        return dict(threads.map(page, paths))


def test_every_iri_resolves_to_statements_about_it(server: str, release: Release) -> None:
    """Check every IRI in one format, and the first of each kind in all formats."""
    kinds: set[str] = set()

    def wrong(numbered: tuple[int, str]) -> str:
        number, iri = numbered
        path = "/" + iri.removeprefix(BASE)
        kind = "/".join(path.split("/")[:3:2])
        forms = FORMS if kind not in kinds else [list(FORMS)[number % len(FORMS)]]
        kinds.add(kind)
        for form in forms:
            reply = http(f"{server}{path}.{form}")
            graph = rdflib.Graph().parse(data=reply.body, format=FORMS[form]) if reply.status == 200 else ()
            node = rdflib.URIRef(iri)
            # an earlier version is a named graph with statements about its project
            about = any(node in (triple[0], triple[2]) for triple in graph) or path.startswith("/graph/")
            if path == "/ontology":
                about = len(graph) > 300
            if not (graph and about):
                return f"{path}.{form}: {reply.status}"
        return ""

    with ThreadPoolExecutor(2) as threads:
        found = [what for what in threads.map(wrong, enumerate(iris(release))) if what]
    assert not found


@pytest.mark.timeout(900)  # some thousand pages
def test_no_link_is_broken(server: str, pages: dict[str, Page]) -> None:
    known = dict(pages)
    for path in KINDS:
        known[path] = Page(http(f"{server}{path}", Accept=BROWSER).body.decode())
    targets: dict[str, str] = {}
    for path, page in known.items():
        for link in page.links:
            assert link.startswith(("/", "#", "https://", "http://", "mailto:", "?")), (path, link)
            if link.startswith("#"):
                assert link[1:] in page.names, (path, link)
            elif link.startswith("/"):
                targets.setdefault(link, path)
    left = [link for link in targets if link.partition("#")[0] not in known and "?" not in link]
    # a search links to many others; one of each kind is enough
    left += list({re.sub(r"=[^&]*", "", link): link for link in targets if "?" in link}.values())

    def dead(link: str) -> str:
        status = http(f"{server}{link.partition('#')[0]}", Accept=f"{BROWSER}").status
        return "" if status == 200 else f"{link} of {targets[link]}: {status}"

    with ThreadPoolExecutor(2) as threads:
        assert not [what for what in threads.map(dead, left) if what]
    for link, path in targets.items():
        target, _, name = link.partition("#")
        if name and target in known:
            assert name in known[target].names, (path, link)


def test_pages_have_no_inline_styles_or_scripts(server: str) -> None:
    for path in KINDS:
        reply = http(f"{server}{path}", Accept=BROWSER)
        policy = reply.headers["content-security-policy"]
        assert "unsafe" not in policy
        for tag, given in Page(reply.body.decode()).tags:
            assert tag != "style"
            assert "style" not in given, (path, tag)
            assert not any(name.startswith("on") for name in given), (path, tag)
            assert tag != "script" or given.get("src", "").startswith("/static/") or "json" in given["type"]


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HOSTILE = f'{SCRIPT} {{{{ 7*7 }}}} {{% raw %}} \u202e\u2067 " onclick="alert(1) ?x }} ; DROP </textarea></title></svg>'


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Release]]:
    """Start a server with hostile records."""
    csv.field_size_limit(10_000_000)  # one record has a title of 400,000 characters
    folder = tmp_path_factory.mktemp("hostile")
    project = {
        "title": HOSTILE,
        "code": "G0666",
        "start": "2019-02",
        "end": "2021-03",
        "funders": [HOSTILE, "=cmd|' /C calc'!A0"],
        "implementers": [f"</script>{SCRIPT}"],
        "countries": ["Belize", f"{SCRIPT}land"],
        "themes": ["Cybercrime"],
        "summary": f"{HOSTILE} </script><script>alert(2)</script>",
        "outcomes": [HOSTILE],
        "contacts": [{"name": HOSTILE, "email": 'x@y.z"onmouseover=alert(1)'}],
        "links": [{"text": HOSTILE, "url": "javascript:alert(1)"}],
    }
    long = {"title": f"{'A very long title & ' * 20_000}", "code": "G0667", "start": "2019", "countries": ["Belize"]}
    formula = {
        "title": "=HYPERLINK(1)",
        "code": "G0668",
        "start": "2020",
        "countries": ["Belize"],
        "outcomes": [" =HYPERLINK(2)"],
    }
    (folder / "records.json").write_text(
        json.dumps({"projects": [project, long, formula, {"title": "A", "code": "G0669"}]}), encoding="utf-8"
    )
    pipeline.build([folder], folder / "into")
    with running_server(folder / "into") as url:
        yield url, pipeline.Releases(folder / "into").current()


def test_hostile_text_is_escaped(hostile: tuple[str, Release]) -> None:
    """Check each kind of page, and every page that the hostile records create."""
    url, release = hostile
    paths = ["/" + iri.removeprefix(BASE) for iri in iris(release) if "666" in iri or "script" in iri or "alert" in iri]
    assert len(paths) > 12
    shown = 0
    for path in (
        *KINDS,
        *paths,
        "/id/project/G0666",
        *("/id/project/G0667", "/changes"),
        f"/search?q={quote(HOSTILE)}&sort={quote(SCRIPT)}&country={quote(HOSTILE)}&page=9999999",
        *(f"/{quote(HOSTILE)}", f"/id/project/{quote(HOSTILE, safe='')}", f"/pictures/{quote(SCRIPT, safe='')}"),
    ):
        reply = http(f"{url}{path}", Accept=BROWSER)
        assert reply.status in (200, 404), path
        assert len(reply.body) < 380_000, f"{path} has a whole title that is too long"
        text = reply.body.decode()
        shown += "&lt;script&gt;alert(1)" in text
        for tag, given in Page(text).tags:
            assert tag not in ("iframe", "object"), path
            assert tag != "img" or re.fullmatch(r"/pictures/\w+\.svg", given["src"]), path
            assert tag != "script" or "src" in given or given == {"type": "application/ld+json"}, path
            assert not any(name.startswith("on") for name in given), path
            assert not given.get("href", "").lower().startswith(("javascript", "data")), path
        assert "{{ 7*7 }}" in text or "7*7" not in text, path
        heading = text.partition("<h1")[2].partition("</h1>")[0]
        assert "49" not in heading
    assert shown > 12
    long = http(f"{url}/id/project/G0667", Accept=BROWSER).body.decode()
    assert re.search(
        r"<h1><bdi>A very long title &amp; [^<]{150,250}…</bdi></h1>\n<details[^>]*><summary>Full title", long
    )
    assert b"<dl" not in http(f"{url}/id/project/G0669", Accept=BROWSER).body, "an empty box"
    [data] = re.findall(r"ld\+json\">(.*?)</script>", http(f"{url}/id/project/G0666", Accept=BROWSER).body.decode())
    assert json.loads(data)["name"].startswith("<script>")
    for picture in ("map", "coverage", "timeline", "network", "flows", "years", "money"):
        svg = http(f"{url}/pictures/{picture}.svg").body.decode()
        assert "<script" not in svg
        assert "<img" not in svg


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        ("/search.csv", True),
        ("/outcomes.csv", True),
        ("/id/country/BZ.csv", True),
        ("/id/actor.csv", True),
        ("/pictures/timeline.csv", True),
        ("/api/queries/example-projects-in-country.csv", False),
        ("/sparql?format=csv&query=SELECT%20?t%20%7B%20?p%20dcterms:title%20?t%20%7D", False),
    ],
)
def test_spreadsheet_tables_neutralise_formulas_and_answers_are_exact(
    hostile: tuple[str, Release], path: str, guarded: bool
) -> None:
    cells = [cell for row in csv.reader(io.StringIO(http(f"{hostile[0]}{path}").body.decode())) for cell in row]
    formulas = [cell for cell in cells if "=HYPERLINK" in cell or "=cmd" in cell]
    assert formulas
    assert all(cell.startswith("'") == guarded for cell in formulas)


def test_moved_and_removed_projects_are_handled(tmp_path: Path) -> None:
    """An alias redirects to the present IRI, and a project of an earlier release gets 410."""
    source = tmp_path / "records.json"
    law = {"title": "A law", "summary": "It helps Fiji."}
    source.write_text(json.dumps({"projects": [law, {"title": "A road", "summary": "It helps Samoa."}]}))
    pipeline.build([source], tmp_path / "into")
    source.write_text(json.dumps({"projects": [law | {"code": "G0001", "slug": "a-law"}]}))
    pipeline.build([source], tmp_path / "into")
    with running_server(tmp_path / "into") as url:
        reply = http(f"{url}/id/project/a-law", Accept=BROWSER)  # urllib follows redirects
        assert reply.status == 200
        assert "G0001" in reply.body.decode()
        graph = rdflib.Graph().parse(data=http(f"{url}/id/project/a-law.nt").body, format="nt")
        assert any(str(node).endswith("/a-law") for node in graph.subjects())
        gone = http(f"{url}/id/project/a-road", Accept=BROWSER)
        assert gone.status == 410
        assert "release 1" in gone.body.decode()
        assert http(f"{url}/id/project/a-road.ttl").status == 410
        assert http(f"{url}/id/project/a-river", Accept=BROWSER).status == 404


def test_pages_run_at_most_three_queries(server: str) -> None:
    def asked() -> int:
        text = http(f"{server}/metrics").body.decode()
        return sum(
            int(float(line.split()[-1]))
            for line in text.splitlines()
            if re.match(r"cybilgraph_cache_(hits|misses)", line)
        )

    while http(f"{server}/readyz").body != b"ready\n":  # the queries of the warm-up are counted too
        time.sleep(0.1)
    before = asked()
    assert before >= 0
    for path in KINDS:
        http(f"{server}{path}", Accept=BROWSER)
        after = asked()
        assert after - before <= 3, path
        before = after


def test_table_cells_name_their_column(server: str) -> None:
    """Phones show it next to the cell."""
    tables = [
        table
        for path in (*KINDS, "/sparql?query=SELECT+%3Fs+%3Fp+%7B%3Fs+%3Fp+%3Fo%7D+LIMIT+3")
        for table in re.findall("<table>.*?</table>", http(f"{server}{path}", accept=BROWSER).body.decode(), re.DOTALL)
    ]
    assert len(tables) > 10
    for table in tables:
        heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", table)
        for row in re.findall("<tr>(.*?)</tr>", table.partition("</thead>")[2], re.DOTALL):
            labels = [re.match(r" data-label=\"([^\"]*)\"", cell) for cell in row.split("<td")[1:]]
            assert [label and label[1] for label in labels] == heads[len(heads) - len(labels) :], row


def test_browsers_that_show_data_find_the_icon(server: str) -> None:
    assert http(f"{server}/favicon.ico").content_type.startswith("image/svg+xml")
