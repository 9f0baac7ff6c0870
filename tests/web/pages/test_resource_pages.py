"""Entity pages: each resource at its own path, as a page and as data."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
import rdflib

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from tests.conftest import running_server
from tests.support.http_client import BROWSER, Reply, get, http, send
from tests.support.markup import parse_page
from tests.support.project_pages import json_ld_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "<strong>14</strong> projects"),
        ("/id/country/BZ", "Support to Belize"),
        ("/id/actor/gpd", "https://www.gp-digital.org"),
        ("/id/theme/cybercrime", "Cybercrime"),
        ("/id/theme/cybercrime", ">Legal and Regulatory Frameworks</a>"),
        ("/id/theme/cybercrime", "<dt>CMM dimension</dt>"),
        ("/id/theme/cybercrime", "<dt>Sustainable Development Goals</dt>"),
        ("/id/actor/coe", '<a href="https://ror.org/05n4e2707">ROR 05n4e2707</a>'),
        ("/id/actor/coe", ">Wikidata Q8908</a>"),
        ("/id/actor/coe", "XM-DAC-47138"),
        ("/id/cmm/d4-legal-and-regulatory", "A country’s laws on cybersecurity"),
        ("/id/group/ecowas", "Members as of 2025-01-29"),
        ("/id/group/asean", 'KH">Cambodia</a></bdi>, <bdi><a href="/id/country/ID">Indonesia'),
        ("/id/region/019", "Americas"),
        ("/id/region/019", "<dt>Closely matches</dt>"),
        ("/id/region/019", "(1 for the region itself, "),
        ("/id/theme/cybercrime", "<h2>Topics</h2>"),
        ("/id/role/implementer", "Implementer"),
        ("/id/project/cmm-review-samoa", "Samoa"),
        ("/id/project/G0020/outcome/1", "launched its first National Cybersecurity Strategy"),
        ("/record/G0020", "Support to Belize"),
    ],
)
def test_entity_pages_show_their_facts(server: str, path: str, words: str) -> None:
    reply = http(f"{server}{path}", Accept=BROWSER)
    assert reply.status == 200
    assert words in reply.body.decode()


def test_organisations_are_described_in_terms_of_schema_org(server: str) -> None:
    page = parse_page(http(f"{server}/id/actor/coe", Accept=BROWSER).body.decode())
    data = json_ld_of(page)
    assert (data["@type"], data["@id"], data["name"]) == ("Organization", f"{BASE}id/actor/coe", "Council of Europe")
    assert data["sameAs"] == ["https://ror.org/05n4e2707", "http://www.wikidata.org/entity/Q8908"]
    assert data["identifier"] == "XM-DAC-47138"
    assert json_ld_of(parse_page(http(f"{server}/id/country/BZ", Accept=BROWSER).body.decode())) == {}
    query = "SELECT ?project { ?project cyb:funder|cyb:implementer|cyb:partner actor:coe } ORDER BY ?project LIMIT 1"
    project = get(server, query, "text/csv").body.decode().split()[1].removeprefix(BASE)
    described = json_ld_of(parse_page(http(f"{server}/{project}", Accept=BROWSER).body.decode()))
    partners = [*described.get("funder", ()), *described.get("member", ())]
    assert [one["sameAs"] for one in partners if one["@id"] == data["@id"]] == [data["sameAs"]]


#: The organisations, places and themes of projects; unknown themes and regions have no pages.
ENTITIES = """
    SELECT DISTINCT ?thing {
      { ?project cyb:participation/cyb:actor ?thing }
      UNION { ?project cyb:scope/cyb:concept ?thing }
      UNION { ?project cyb:scope/cyb:concept/skos:broader ?thing }
      ?thing a ?kind VALUES ?kind { cyb:Actor cyb:Country cyb:Region cyb:Group cyb:Theme }
    }"""


def projects_of(thing: str) -> str:
    """Return the query for the projects of a resource, or of what is within it, and the roles in them."""
    within = {"actor": "org:subOrganizationOf*", "group": "(^skos:member)?"}.get(thing.split("/")[-2], "skos:broader*")
    return (
        f"SELECT DISTINCT ?project ?role {{ ?part {within} <{thing}> . {{ ?node cyb:actor ?part . "
        f"?project cyb:participation ?node OPTIONAL {{ ?node cyb:role ?role }} }} "
        f"UNION {{ ?node cyb:concept ?part . ?project cyb:scope ?node }} "
        f"?node cyb:basis ?basis FILTER(?basis != <{BASE}id/basis/possible>) }}"
    )


def test_entity_pages_list_the_projects_of_the_endpoint(server: str) -> None:
    things = get(server, ENTITIES, "text/csv").body.decode().split()[1:]
    assert len(things) > 50
    for thing in things:
        table = get(server, projects_of(thing), "text/csv").body.decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        page = parse_page(http(f"{server}/{thing.removeprefix(BASE)}", Accept=BROWSER).body.decode())
        lead = " ".join(part.text for part in page.all("p", "lead"))
        assert re.match(r"([0-9,]+) projects?\b", lead), (thing, lead)
        assert lead.split()[0] == str(len({row["project"] for row in rows})), thing
        shown = set()
        for line in page.all("tr"):
            cells = {cell.own("data-label"): cell for cell in line.all("td")}
            if title := cells.get("Title"):
                roles = cells["Role"].text.split(", ") if "Role" in cells else [""]
                shown |= {(BASE + title.href.removeprefix("/"), role) for role in roles}
        assert shown == {(row["project"], row["role"].rpartition("/")[2].capitalize()) for row in rows}, thing


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("region/029", "example-funding-in-region?region=029"),
        ("group/asean", "example-funding-in-region?region=asean"),
        ("country/BZ", "example-largest-projects-in-country?country=BZ"),
    ],
)
def test_page_of_a_place_links_to_its_sums_of_money(server: str, path: str, query: str) -> None:
    assert f'href="/api/queries/{query}"' in http(f"{server}/id/{path}", Accept=BROWSER).body.decode()
    assert http(f"{server}/api/queries/{query}", Accept=BROWSER).status == 200


def test_page_lists_the_latest_projects_and_links_to_all(tmp_path: Path) -> None:
    rows = [f"G{number},Project {number},Belize,{1950 + number}" for number in range(52)]
    (tmp_path / "table.csv").write_text("\n".join(["code,title,countries,start", *rows]), encoding="utf-8")
    pipeline.build([tmp_path / "table.csv"], tmp_path / "into")
    with running_server(tmp_path / "into") as url:
        page = parse_page(http(f"{url}/id/region/019", Accept=BROWSER).body.decode())
        titles = [cell.text for cell in page.all("td") if cell.own("data-label") == "Title"]
        assert titles == [f"Project {number}" for number in range(51, 41, -1)]
        [everything] = [link.own("href") for link in page.all("a") if link.text == "All 52"]
        assert everything == "/search?region=019"
        found = parse_page(http(f"{url}{everything}", Accept=BROWSER).body.decode())
        assert "52 projects" in found.all("p", "tally")[0].text
        table = http(f"{url}/id/region/019.csv").body.decode()
        assert len(list(csv.DictReader(io.StringIO(table)))) == 52


def test_lists_are_filtered_by_name_sorted_by_projects_and_paged(tmp_path: Path) -> None:
    rows = [f"G{number},Organisation {number % 70}" for number in range(100)]
    (tmp_path / "table.csv").write_text("\n".join(["code,funders", *rows]), encoding="utf-8")
    pipeline.build([tmp_path / "table.csv"], tmp_path / "into")

    def names(query: str) -> list[str]:
        page = parse_page(http(f"{url}/id/actor?{query}", Accept=BROWSER).body.decode())
        return [row.all("td")[0].text for row in page.all("tr") if row.all("td")]

    with running_server(tmp_path / "into") as url:
        first, second, after = (names(f"page={page}") for page in (1, 2, 99))
        assert (len(first), len(second), after) == (60, 10, second)
        assert not {*first} & {*second}
        by_projects = names("sort=projects")
        assert {int(name.split()[1]) for name in by_projects[:30]} == set(range(30)), "those with two projects"
        assert names("q=isation+6") == ["Organisation 6", *(f"Organisation {number}" for number in range(60, 70))]
        page = parse_page(http(f"{url}/id/actor?sort=projects&page=1", Accept=BROWSER).body.decode())
        [onwards] = [link.own("href") for link in page.all("a") if link.text == "Next"]
        assert "sort=projects" in onwards
        assert "0 with projects" in page_text(url, "/id/actor?q=%22nothing%22")


def page_text(url: str, path: str) -> str:
    return parse_page(http(f"{url}{path}", Accept=BROWSER).body.decode()).text


def test_topics_are_listed_below_their_themes(server: str) -> None:
    def rows(order: str) -> list[tuple[str, str]]:
        table = parse_page(http(f"{server}/id/theme{order}", Accept=BROWSER).body.decode()).all("table")[0]
        cells = [row.all("td") for row in table.all("tr")[1:]]
        return [(name.own("class") or "", parent.text or name.text) for name, parent, *_ in cells]

    nested = rows("")
    themes = [theme for _, theme in nested]
    assert themes == sorted(themes, key=str.casefold)
    assert all(kind == "part" for (kind, theme), (_, above) in zip(nested[1:], nested, strict=False) if theme == above)
    assert {kind for kind, _ in nested} == {"", "part"}
    assert {kind for kind, _ in rows("?sort=projects")} == {""}


def test_identifiers_of_an_entity_are_folded(server: str) -> None:
    page = parse_page(http(f"{server}/id/country/BZ", Accept=BROWSER).body.decode())
    [folded] = [one for one in page.all("details") if one.all("summary")[0].text == "Identifiers"]
    assert {"UN M49", "ISO 3166 alpha-3", "Code"} <= {term.text for term in folded.all("dt")}
    assert "Part of" not in folded.text
    assert page.all("svg", "picture small-map")


def test_outcomes_are_paged(tmp_path: Path) -> None:
    rows = [f"G{number},Outcome {number} was reached" for number in range(100, 165)]
    (tmp_path / "table.csv").write_text("\n".join(["code,outcomes", *rows]), encoding="utf-8")
    pipeline.build([tmp_path / "table.csv"], tmp_path / "into")
    with running_server(tmp_path / "into") as url:
        pages = [page_text(url, f"/outcomes?page={number}") for number in (1, 2, 3)]
    assert "65 outcomes, page 1 of 3" in pages[0]
    assert [text.count("was reached") for text in pages] == [30, 30, 5]


@pytest.mark.parametrize(
    ("path", "has_map", "has_timeline"),
    [("G0020", True, True), ("caribbean-electronic-evidence-training-and-embedding", True, False)],
)
def test_project_page_has_a_map_and_a_timeline(server: str, path: str, has_map: bool, has_timeline: bool) -> None:
    page = parse_page(http(f"{server}/id/project/{path}", Accept=BROWSER).body.decode())
    kinds = {picture.own("class") for picture in page.all("svg")}
    assert ("picture small-map" in kinds, "picture timeline" in kinds) == (has_map, has_timeline)


@pytest.mark.parametrize(
    ("path", "legend"),
    [
        ("id/project/G0020", []),
        ("id/project/caribbean-electronic-evidence-training-and-embedding", ["in its regions and groups"]),
        ("id/region/029", ["countries with projects", "countries without projects"]),
    ],
)
def test_legend_of_a_small_map_has_swatches_of_its_shades(server: str, path: str, legend: list[str]) -> None:
    """Words such as dark and pale would be wrong in one of the two colour schemes; zero is hatched, as elsewhere."""
    page = parse_page(http(f"{server}/{path}", Accept=BROWSER).body.decode())
    entries = [entry for key in page.all("ul", "key small") for entry in key.all("li")]
    assert [entry.text for entry in entries] == legend
    [small_map] = page.all("svg", "picture small-map")
    fills = {
        mark.own("class").split()[0]: mark.own("fill") for kind in ("path", "circle") for mark in small_map.all(kind)
    }
    assert fills.keys() <= {"s0", "s1", "s5", "around"}
    assert fills.get("around", "url(#hatch)") == "url(#hatch)"
    assert ("s1" in fills) == path.startswith("id/project/caribbean"), "hatched countries have no projects"
    swatches = {"s5": "s5", "s1": "s1", "around": "ground"}
    shown = [swatches[name] for name in swatches if name in fills]
    assert [entry.all("rect")[0].own("class") for entry in entries] == (shown if legend else [])


def test_numbers_of_related_entities_lead_to_their_projects(server: str) -> None:
    page = parse_page(http(f"{server}/id/region/029", Accept=BROWSER).body.decode())
    links = [link for bars in page.all("ul", "bars") for link in bars.all("a") if "/search?" in link.own("href")]
    assert {re.sub("=.*", "", link.own("href").partition("&")[2]) for link in links} >= {"funder", "theme", "country"}
    for link in links:
        rows = http(f"{server}{link.own('href').replace('/search?', '/search.csv?')}").body.decode().splitlines()
        assert len(rows) - 1 == int(link.text), link.own("href")


def test_theme_has_a_map_and_says_how_many_countries_it_lists(demo_server: str) -> None:
    page = parse_page(http(f"{demo_server}/id/theme/cybercrime", Accept=BROWSER).body.decode())
    [small_map] = page.all("svg", "picture small-map")
    marks = [mark for kind in ("path", "circle") for mark in small_map.all(kind)]
    [rest] = [more for more in page.all("details", "more") if "The next" in more.text]
    shown, everything = map(int, re.findall("[0-9]+", rest.all("summary")[0].text))
    assert (shown, len(rest.all("li"))) == (96, 96)
    countries = "SELECT DISTINCT ?c { ?p cyb:theme/skos:broader* theme:cybercrime ; cyb:country ?c }"
    rows = http(f"{demo_server}/sparql?{urlencode({'query': countries})}", Accept="text/csv").body.decode().splitlines()
    assert everything == len(rows) - 1 == sum(mark.own("class").startswith("s5") for mark in marks) > 100


def test_project_page_offers_to_check_a_corrected_record_without_another_way(server: str) -> None:
    page = parse_page(http(f"{server}/id/project/G0020", Accept=BROWSER).body.decode())
    assert ("Correct this", "/check") in [(link.text, link.own("href")) for link in page.all("a", "button")]


def test_country_without_projects_and_list_without_names_lead_on(server: str) -> None:
    page = parse_page(http(f"{server}/id/country/BM", Accept=BROWSER).body.decode())
    links = [link.own("href") for link in page.all("a")]
    assert {"/api/queries/example-may-reach?country=BM", "/pictures/coverage?all=1", "/contribute"} <= set(links)
    [small_map] = page.all("svg", "picture small-map")
    assert "around" in " ".join(mark.own("class") for kind in ("path", "circle") for mark in small_map.all(kind))
    page = parse_page(http(f"{server}/id/actor?q=zzzz", Accept=BROWSER).body.decode())
    assert {"/id/actor", "/search?q=zzzz"} <= {link.own("href") for link in page.all("a")}


def test_ontology_is_served_as_turtle(server: str) -> None:
    reply = http(f"{server}/ontology")
    assert reply.content_type == "text/turtle; charset=utf-8"
    assert len(rdflib.Graph().parse(data=reply.body, format="turtle")) > 300


@pytest.mark.parametrize(
    "path", ["/id/project/NOPE", "/id/x/y/z", "/record/NOPE", "/id/project/%3Cscript%3E", "/id/project/a%20b"]
)
def test_unknown_resource_gets_404(server: str, path: str) -> None:
    page = http(f"{server}{path}", Accept=BROWSER)
    assert page.status == 404
    assert page.body.count(b'role="search"') == 1, "in place of that of the header"
    reply = http(f"{server}{path}", Accept="application/json")
    assert reply.status in (404, 406)
    assert http(f"{server}{path}", Accept="text/turtle").status == 404
    assert b"<script>" not in page.body
    assert b"w3id.org" not in page.body.partition(b"<main")[2].partition(b"</main>")[0]


def test_text_from_records_never_becomes_markup(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    hostile = "<script>alert(1)</script>"
    (folder / "page.txt").write_text(
        f"{hostile} {{{{ 7*7 }}}} \u202e title\n\nCybil code: G0666\n\nFunders\n\n{hostile}\n\nContact\n\n{hostile}\n\n"
        f'x@y.z"onmouseover=alert(1)\n\nSummary\n\n{hostile} " onclick="alert(1)\n\nOutcomes\n\n• {hostile}\n\n'
        'Other website links\n\njavascript:alert(1) https://example.org/[bad] http://example.org/"><script>\n',
        encoding="utf-8",
    )
    pipeline.build([folder], folder / "into")
    with running_server(folder / "into") as url:
        for path in ("/", "/id/project/G0666", "/id/actor/script-alert-1-script", "/id/project/G0666/outcome/1"):
            reply = http(f"{url}{path}", Accept=BROWSER)
            assert reply.status == 200, path
            page = reply.body.decode()
            assert page.replace('<script type="application/ld+json">', "").count("<script") == 0, path
            assert 'onclick="alert' not in page
            assert 'javascript:alert(1)"' not in page
            assert "49" not in page.partition("<h1>")[2].partition("</h1>")[0]
            assert "script-src" not in reply.headers["content-security-policy"]


def test_rq_suffix_returns_the_query_with_bound_parameters(server: str) -> None:
    reply = http(f"{server}/queries/example-projects-in-country.rq?country=Kenya", Accept=BROWSER)
    assert reply.content_type == "application/sparql-query; charset=utf-8"
    assert b"id/country/KE>" in reply.body
    assert http(f"{server}/queries/example-projects-in-country.ttl?country=Atlantis").status == 400


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/id/project/g0020.ttl", "/id/project/G0020.ttl"),
        ("/id/country/bz", "/id/country/BZ"),
        ("/id/project", "/search"),
        ("/id/project.csv", "/search.csv"),
    ],
)
def test_other_spellings_and_lists_redirect(server: str, path: str, there: str) -> None:
    reply = send(server, "GET", path, Accept=BROWSER)
    assert reply.status in (301, 303)
    assert reply.headers["location"] == there


def test_robots_txt_excludes_queries(server: str) -> None:
    text = http(f"{server}/robots.txt").body.decode()
    assert "Disallow: /sparql\n" in text
    assert f"Sitemap: {server}/sitemap.xml" in text


def test_resource_is_available_as_json(server: str) -> None:
    """Compact JSON-LD names its context, whose terms expand to the same triples."""
    for path, accept in (("/id/project/G0020", "application/json"), ("/id/project/G0020.json", "*/*")):
        reply = http(f"{server}{path}", Accept=accept)
        assert (reply.status, reply.content_type) == (200, "application/json")
        document = json.loads(reply.body)
        assert document["@graph"][0]["id"] == f"{BASE}id/project/G0020"
        assert document["@context"] == f"{server}/ns/context.jsonld"
        context = http(document["@context"])
        assert (context.status, context.content_type) == (200, "application/ld+json")
        found = rdflib.Graph().parse(data=json.dumps(document | json.loads(context.body)), format="json-ld")
        turtle = rdflib.Graph().parse(data=http(f"{server}/id/project/G0020.nt").body, format="nt")
        assert len(found) == len(turtle)
    listed = json.loads(http(f"{server}/id/country?format=json").body)["@graph"]
    assert f"{BASE}id/country/BZ" in {one["id"] for one in listed}


def links_of(reply: Reply) -> list[dict[str, str]]:
    links = re.findall(r'<([^>]*)>((?:; \w+="[^"]*")+)', reply.headers["link"])
    return [{"url": url, **dict(re.findall(r'(\w+)="([^"]*)"', parameters))} for url, parameters in links]


def test_links_lead_from_a_page_to_its_iri_and_data_and_back(server: str) -> None:
    page = links_of(send(server, "GET", "/id/project/G0020", Accept=BROWSER))
    assert page[0] == {"url": f"{BASE}id/project/G0020", "rel": "cite-as"}
    data = [link for link in page if link["rel"] == "describedby"]
    assert len(data) == 5
    for link in data:
        reply = send(server, "GET", link["url"], Accept=BROWSER)
        assert reply.status == 200
        assert reply.type.partition(";")[0] == link["type"]
        assert {"url": "/id/project/G0020", "rel": "describes", "type": "text/html"} in links_of(reply)


def test_links_of_an_earlier_release_stay_in_it(server: str) -> None:
    page = links_of(send(server, "GET", "/id/country/BZ?release=1", Accept=BROWSER))
    assert {link["url"] for link in page if link["rel"] == "describedby"} >= {"/id/country/BZ.ttl?release=1"}
