"""Each example query is an API endpoint; parameter values become RDF terms, never SPARQL."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

import pytest

from cybilgraph.model.formats import FORMATS, Format
from cybilgraph.sparql.queries import Query, example_queries
from cybilgraph.web.api import named_queries
from cybilgraph.web.api.protocol import PINNED
from tests.support.http_client import BROWSER, PROBLEM, Reply, q, send

pytestmark = pytest.mark.slow

QUERIES = {query.name: query for query in example_queries()}
ID = "https://w3id.org/cybilgraph/id/"
COUNTRY, WHOLE = "example-projects-in-country", "example-project-full-description"


def ask(server: str, name: str, *pairs: tuple[str, str], method: str = "GET", **headers: str) -> Reply:
    return send(server, method, f"/api/queries/{name}" + (f"?{urlencode(pairs)}" if pairs else ""), **headers)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_endpoint_answers_like_the_text_of_its_query(server: str, query: Query) -> None:
    for fmt in named_queries.formats(query):
        text = send(server, "GET", f"/sparql?{urlencode(q(query.text, format=fmt.name))}")
        assert text.status == 200
        for reply in (
            ask(server, query.name, Accept=fmt.media_type),
            ask(server, query.name, ("format", fmt.name), Accept=BROWSER),
            ask(server, f"{query.name}.{fmt.suffix}", Accept=BROWSER),
            ask(server, f"{query.name}.{fmt.name}"),
            ask(server, query.name, *((own.name, own.default) for own in query.parameters), Accept=fmt.media_type),
        ):
            assert (reply.status, reply.type) == (200, fmt.content_type)
            assert sorted(reply.body.splitlines()) == sorted(text.body.splitlines())


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_query_parameters_do_not_shadow_common_ones(query: Query) -> None:
    assert not {own.name for own in query.parameters} & {
        *named_queries.COMMON_PARAMETERS,
        *named_queries.TABLE_PARAMETERS,
    }
    assert all(own.default for own in query.parameters)


@pytest.mark.parametrize(
    ("name", "pairs", "status", "says"),
    [
        (COUNTRY, [("country", "BZ")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "belize")], 200, "Belize,G0020"),
        (COUNTRY, [("country", f"{ID}country/BZ")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "country:BZ")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "blz")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "084")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "84")], 200, "Belize,G0020"),
        (COUNTRY, [("country", "actor:BZ")], 400, "no country is called"),
        (COUNTRY, [("country", "country:XX")], 400, "no country is called"),
        ("example-actor-portfolio", [("actor", "actor:coe")], 200, "Council of Europe,"),
        (COUNTRY, [("limit", "9" * 30)], 400, "is too large"),
        ("example-actor-portfolio", [("actor", f"{ID}actor/coe")], 200, "Council of Europe,"),
        ("example-actor-portfolio", [("actor", f"{ID}actor/in-no-list")], 200, r"\A.*\r\n\Z"),
        ("example-actor-portfolio", [("actor", f"{ID}actor/x> }} #")], 400, "no actor is called"),
        ("example-actor-portfolio", [("actor", f"{ID}actor/x/y")], 400, "no actor is called"),
        ("example-actor-portfolio", [("actor", f"{ID}country/BZ")], 400, "no actor is called"),
        (COUNTRY, [("country", f"{ID}country/XX")], 400, f"Or use its IRI: {ID}country/…"),
        (COUNTRY, [("country", f"{ID}country/")], 400, "no country is called"),
        (COUNTRY, [("country", f"{ID}country/%42Z")], 400, "no country is called"),
        (COUNTRY, [("country", "BZ"), ("country", "Guyana")], 200, r"Belize,G0020[\s\S]*Guyana,"),
        (COUNTRY, [("country", "")], 400, "country is empty.*to use the default, BZ"),
        (COUNTRY, [("country", ""), ("country", "BZ")], 200, "Belize,G0020"),  # an empty form field
        (COUNTRY, [("limit", "1"), ("limit", "2")], 400, "more than one limit"),
        (COUNTRY, [("country", "BZ"), ("release", "1"), ("timeout", "5")], 200, "Belize,G0020"),
        (COUNTRY, [("limit", "1")], 200, r"\A.*\r\nBelize,,.*\r\n\Z"),
        (COUNTRY, [("limit", "1"), ("offset", "1")], 200, r"\A.*\r\nBelize,G0020.*\r\n\Z"),
        (COUNTRY, [("limit", "0")], 200, r"\A.*\r\n\Z"),
        (COUNTRY, [("country", "Belise")], 400, r"Did you mean Belize \(BZ\)"),
        (COUNTRY, [("country", "BZ"), ("country", "Atlantis")], 400, "no country is called 'Atlantis'"),
        (COUNTRY, [("country", "country:BZ } ?s ?p ?o {")], 400, "no country is called"),
        (COUNTRY, [("town", "x")], 400, "Its parameters: country"),
        (COUNTRY, [("query", "ASK {}")], 400, "no parameter 'query'"),
        (COUNTRY, [("default-graph-uri", "http://x/")], 400, "no parameter"),
        (COUNTRY, [("limit", "1 OFFSET 3")], 400, "is not a number of rows"),
        (COUNTRY, [("limit", "-1")], 400, "is not a number of rows"),
        (COUNTRY, [("limit", "٣")], 400, "is not a number of rows"),
        (COUNTRY, [("release", "99")], 404, "Available releases: 1"),
        (COUNTRY, [("format", "turtle")], 406, "json, xml, csv, tsv"),
        (COUNTRY, [("format", "png")], 406, "format 'png' is not available"),
        (WHOLE, [("limit", "1")], 400, "no parameter 'limit'"),
        ("example-active-projects-per-year", [("from", "18")], 400, "is not a year"),
        ("example-active-projects-per-year", [("from", "2018"), ("to", "2019")], 200, r"year,.*\r\n2018,.*\r\n2019,.*\r\n\Z"),
        ("example-search-text", [("text", '" } SELECT * { ?s ?p ?o } #')], 200, r"\A.*\r\n\Z"),
        ("example-search-text", [("text", "electronic evidence\\")], 200, r"\A.*\r\n\Z"),
        ("example-nothing", [], 404, "There is no query"),
        ("example-projects-in-contry", [], 404, "Did you mean example-projects-in-country"),
        ("example-nothing.csv", [], 404, "There is no query"),
        (f"{COUNTRY}.png", [], 404, "There is no query"),
        ("..%2Fqueries%2Fexample-who-funds-whom", [], 404, "There is no query"),
        (f"{COUNTRY}/more", [], 404, "There is no query"),
    ],
)  # fmt: skip
def test_parameters_are_bound_or_rejected(
    server: str, name: str, pairs: list[tuple[str, str]], status: int, says: str
) -> None:
    reply = ask(server, name, *pairs, Accept="text/csv, text/turtle;q=0.5")
    assert reply.status == status
    assert re.search(says, reply.body.decode() if status == 200 else json.dumps(reply.problem, ensure_ascii=False))
    assert status == 200 or reply.type == PROBLEM


def test_unsupported_methods_are_rejected(server: str) -> None:
    for name in (COUNTRY, f"{COUNTRY}.csv"):
        options = ask(server, name, method="OPTIONS")
        assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        assert options.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        for method in ("POST", "PUT", "DELETE"):
            refused = ask(server, name, method=method)
            assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        got, head = ask(server, name), ask(server, name, method="HEAD")
        assert not head.body
        assert head.headers | {"date": ""} == got.headers | {"date": ""}
        assert ask(server, name, If_None_Match=got.headers["etag"]).status == 304


def test_list_links_to_every_query(server: str) -> None:
    reply = send(server, "GET", "/api/queries")
    assert reply.type == "application/json"
    rows = json.loads(reply.body)["queries"]
    assert {row["name"]: row["title"] for row in rows} == {name: query.title for name, query in QUERIES.items()}
    for row in rows:
        assert row["description"]
        assert [given["name"] for given in row["parameters"]] == [own.name for own in QUERIES[row["name"]].parameters]
        for link in row["links"].values():
            assert send(server, "GET", link).status == 200


def test_browser_gets_a_page_with_links_to_the_data(server: str) -> None:
    asked = ask(server, COUNTRY, ("country", "Guyana"), Accept=BROWSER)
    assert asked.type == "text/html; charset=utf-8"
    page = asked.body.decode()
    assert "<h1>Projects in a country</h1>" in page
    assert 'name="country" value="Guyana"' in page
    links: dict[str, Format] = {f"/api/queries/{COUNTRY}.{fmt.name}?country=Guyana": fmt for fmt in FORMATS}
    listed = [link for link in links if f'href="{link}"' in page]
    assert [links[link].name for link in listed] == ["json", "xml", "csv", "tsv"]
    for link in listed:
        reply = send(server, "GET", link, Accept=BROWSER)
        assert (reply.status, reply.type) == (200, links[link].content_type)
    wrong = ask(server, COUNTRY, ("country", "Belise"), Accept=BROWSER)
    assert (wrong.status, wrong.type) == (400, "text/html; charset=utf-8")
    assert "Did you mean Belize" in wrong.body.decode()
    script = ask(server, "example-search-text", ("text", "<script>'\""), Accept=BROWSER).body.decode()
    assert "<script>" not in script
    assert ask(server, "example-who-funds-whom").status == 200
    page = send(server, "GET", "/queries/example-who-funds-whom").body.decode()
    assert 'href="/api/queries/example-who-funds-whom.csv"' in page


def test_answer_has_a_permalink(server: str) -> None:
    for target in (
        f"/api/queries/{COUNTRY}?country=C%C3%B4te%20d%27Ivoire&country=BZ&limit=5",
        f"/api/queries/{COUNTRY}.csv",
        f"/sparql?format=csv&query={quote('SELECT * { country:CI skos:prefLabel ?é }')}",
        f"/sparql?named-graph-uri=http://x/&query={quote('ASK { GRAPH ?g { ?s ?p ?o } }')}",
    ):
        reply = send(server, "GET", target)
        assert reply.headers["cybilgraph-release"] == "1"
        link = re.fullmatch(r'<([!-~]+&release=1|[!-~]+\?release=1)>; rel="cite-as"', reply.headers["link"])
        assert link, reply.headers["link"]
        lasting = send(server, "GET", link[1])
        assert lasting.body == reply.body
        assert lasting.headers["link"] == reply.headers["link"]
        assert lasting.headers["cache-control"] == PINNED
    page = ask(server, COUNTRY, ("country", "BZ"), Accept=BROWSER).body.decode()
    cited = re.search(r"<cite>(.*)</cite>", page)
    assert cited
    address = re.escape(f"{server}/api/queries/{COUNTRY}?country=BZ&amp;release=1")
    day = r"\d{4}-\d\d-\d\d"
    assert re.fullmatch(
        rf"“Projects in a country”\. cybilgraph, release 1 \({day}\)\. {address} \(accessed {day}\)\.", cited[1]
    )
    assert "link" not in send(server, "GET", f"/sparql?{urlencode(q('ASK {} #' + 'x' * 9_000))}").headers


@pytest.mark.parametrize("path", [f"/queries/{COUNTRY}", f"/api/queries/{COUNTRY}"])
def test_query_page_shows_the_sent_values(server: str, path: str) -> None:
    page = send(server, "GET", f"{path}?country=Kenya&country=BZ", Accept=BROWSER).body.decode()
    assert re.findall(r'<input [^>]*name="country" value="([^"]*)"', page) == ["Kenya", "BZ"]
    assert "VALUES ?country { &lt;https://w3id.org/cybilgraph/id/country/KE&gt;" in page
    assert "country:BZ }" not in page


@pytest.mark.parametrize("path", [f"/queries/{COUNTRY}", f"/api/queries/{COUNTRY}"])
def test_unknown_value_is_reported_next_to_its_field(server: str, path: str) -> None:
    reply = send(server, "GET", f"{path}?country=Belise", Accept=BROWSER)
    assert reply.status == 400
    page = reply.body.decode()
    empty = send(server, "GET", f"{path}?country=", Accept=BROWSER)
    assert (empty.status, b"The parameter country is empty" in empty.body) == (400, True)
    assert 'value="Belise" data-kind="country" aria-invalid="true" aria-describedby="fault-country"' in page
    assert re.search(r'id="fault-country">[^<]*&#39;Belise&#39;\. Did you mean Belize \(BZ\)\? Or use its IRI: ', page)


@pytest.mark.parametrize(
    ("years", "status"),
    [("from=2016&to=2015", 400), ("from=2015&to=2015", 200), ("from=2090", 400), ("to=1990", 400), ("to=2015", 200)],
)
def test_years_must_form_a_range(server: str, years: str, status: int) -> None:
    for path in ("/api/queries/example-active-projects-per-year", "/queries/example-active-projects-per-year"):
        reply = send(server, "GET", f"{path}?{years}", Accept=BROWSER if path.startswith("/q") else "text/csv")
        assert (reply.status, b"is later than to=" in reply.body) == (status, status == 400), path
