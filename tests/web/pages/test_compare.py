"""A comparison shows the numbers of the search for each of two things."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from cybilgraph import pipeline
from tests.conftest import running_server
from tests.support.http_client import BROWSER, Response, http
from tests.support.markup import parse_page

pytestmark = pytest.mark.slow


def send(server: str, target: str, **arguments: str) -> Response:
    return http(f"{server}{target}?{urlencode(arguments)}", Accept=BROWSER if target == "/compare" else "*/*")


def rows(server: str, target: str, **arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(send(server, target, **arguments).body.decode(), newline="")))


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ("European Union", "coe", ("actor", "actor")),
        ("BZ", "Tonga", ("country", "country")),
        ("029", "Africa", ("region", "region")),
        ("CARICOM", "theme/cybercrime", ("group", "theme")),
    ],
)
def test_numbers_are_those_of_the_search(first: str, second: str, kinds: tuple[str, str], server: str) -> None:
    table = rows(server, "/compare.csv", a=first, b=second)
    names = list(table[0])[3:]
    assert len(table) > 3
    page = parse_page(send(server, "/compare", a=first, b=second).body.decode())
    assert all(heading.text for heading in page.all("th")), "no empty headings"
    links = [link for link in page.all("a") if link.own("href").startswith("/search?")]
    assert links
    for link in links[:30]:
        found = http(f"{server}{link.own('href').replace('/search?', '/search.csv?')}").body.decode()
        assert len(list(csv.DictReader(io.StringIO(found, newline="")))) == int(link.text.replace(",", "")), link.own(
            "href"
        )
    for name, kind in zip(names, kinds, strict=True):
        total = next(int(row[name]) for row in table if row["facet"] == "projects")
        assert any(f"{kind}=" in link.own("href") for link in links) or not total


def test_years_limit_the_projects(server: str) -> None:
    arguments = {"a": "European Union", "b": "Council of Europe"}
    everything, some = (
        rows(server, "/compare.csv", **arguments, **more) for more in ({}, {"from": "2018", "to": "2019"})
    )
    assert [row["value"] for row in some if row["facet"] == "year"] == ["2018", "2019"]
    assert int(some[0]["European Union"]) < int(everything[0]["European Union"])


def test_roles_and_undated_projects_account_for_every_project(server: str) -> None:
    table = rows(server, "/compare.csv", a="European Union", b="Council of Europe")
    for name in ("European Union", "Council of Europe"):
        counts = {(row["facet"], row["value"], row["label"]): int(row[name]) for row in table}
        total = counts["projects", "", ""]
        key = "eu" if name == "European Union" else "coe"
        roles = ("funder", "implementer")
        found = [rows(server, "/search.csv", **{role: key}) for role in roles]
        either = {row["iri"] for role in found for row in role}
        assert [counts["role", role, f"As {role}"] for role in roles] == [*map(len, found)]
        assert counts["role", "", "In other or unspecified roles only"] == total - len(either)
        dated = sum(bool(row["start"]) for row in rows(server, "/search.csv", actor=key))
        assert counts["year", "", "No start date"] == total - dated
    page = parse_page(send(server, "/compare", a="European Union", b="Council of Europe").body.decode())
    titles = [heading.text for heading in page.all("h2")]
    assert titles[:3] == ["Roles", "Active projects per year", "Countries"]


def test_organisations_compared_are_also_funders_and_implementers(server: str) -> None:
    table = rows(server, "/compare.csv", a="European Union", b="Council of Europe")
    joint = len(rows(server, "/search.csv", actor="coe", funder="eu"))
    [found] = [row for row in table if (row["facet"], row["label"]) == ("funder", "European Union")]
    assert int(found["Council of Europe"]) == joint > 0
    assert int(found["European Union"]) == len(rows(server, "/search.csv", funder="eu"))


def test_comparison_by_years_says_how_many_projects_have_no_start_date(server: str) -> None:
    names = {"a": "European Union", "b": "Council of Europe"}
    everything = rows(server, "/compare.csv", **names)
    [undated] = [row for row in everything if row["label"] == "No start date"]
    page = parse_page(send(server, "/compare", **names, **{"from": "2015"}).body.decode())
    [shown] = [row for row in page.all("tr") if "Not counted, without a start date" in row.text]
    assert [cell.text for cell in shown.all("td")] == [undated["European Union"], undated["Council of Europe"]]


def test_form_shows_names_that_lead_back_to_the_same(server: str) -> None:
    page = parse_page(send(server, "/compare", a="actor/eu", b="029").body.decode())
    fields = {field.own("name"): field.own("value") for field in page.all("input")}
    assert (fields["a"], fields["b"]) == ("European Union", "Caribbean")


def test_form_asks_for_two_things(server: str) -> None:
    page = parse_page(send(server, "/compare").body.decode())
    assert {field.own("name") for field in page.all("input")} >= {"a", "b", "from", "to"}
    assert send(server, "/compare", a="European Union").status == 200


@pytest.mark.parametrize(
    ("arguments", "status", "detail"),
    [
        ({"a": "European Union", "b": "Europan Unio"}, 404, "Did you mean European Union"),
        ({"a": "actor/no-such-actor", "b": "BZ"}, 404, "actor/no-such-actor"),
        ({"a": "BZ", "b": "TO", "from": "soon"}, 400, "Write four digits"),
        ({"a": "BZ", "b": "<b>" * 500}, 404, "&lt;b&gt;"),
    ],
)
def test_wrong_names_are_reported(arguments: dict[str, str], status: int, detail: str, server: str) -> None:
    reply = send(server, "/compare", **arguments)
    assert reply.status == status
    assert detail in reply.body.decode()


def test_table_needs_two_things(server: str) -> None:
    reply = send(server, "/compare.csv", a="BZ")
    assert (reply.status, b"Give two names to compare" in reply.body) == (400, True)


def test_period_may_have_any_number_of_years(tmp_path: Path) -> None:
    years = range(1990, 2021)
    records = [{"title": f"In {year}", "start": str(year), "funders": ["European Union"]} for year in years]
    (tmp_path / "records.json").write_text(json.dumps({"projects": records}))
    pipeline.build([tmp_path / "records.json"], tmp_path / "into", dumps=False)
    arguments = {"a": "eu", "b": "oas", "from": "1991"}
    with running_server(tmp_path / "into") as server:
        page = parse_page(send(server, "/compare", **arguments).body.decode())
        total = next(link for link in page.all("a") if link.text == "30")
        found = http(f"{server}{total.own('href').replace('/search?', '/search.csv?')}").body.decode()
        explorer = http(f"{server}/pictures/network?start=eu&from=1991", Accept=BROWSER)
    assert len(found.splitlines()) == 31
    assert "Projects without a start date are not counted" in explorer.body.decode()


@pytest.mark.parametrize(
    "target",
    ["/compare?a=Europan+Union&b=coe", "/compare?a=eu&b=coe&from=soon", "/pictures/network?start=Europan+Union"],
)
def test_page_of_a_problem_keeps_the_form(target: str, server: str) -> None:
    reply = http(f"{server}{target}", Accept=BROWSER)
    assert reply.status in (400, 404)
    [form] = parse_page(reply.body.decode()).all("form", "compare")
    sent = dict(parse_qsl(target.partition("?")[2]))
    assert sent.items() <= {one.own("name"): one.own("value") for one in form.all("input")}.items()
