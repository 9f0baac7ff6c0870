"""Projects and answers are cited in the formats of reference managers."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

import pytest

from tests.support.http_client import BROWSER, Response, http

pytestmark = pytest.mark.slow
TITLE = r"50% of {A} & B_c #1 \\ ñ"


def get(server: str, target: str, **headers: str) -> Response:
    return http(f"{server}{target}", **headers)


def cited(server: str, format_: str, of: str = "/id/project/G0020", title: str = TITLE, **more: str) -> str:
    arguments = urlencode({"of": of, "title": title, "format": format_, **more})
    return get(server, f"/cite?{arguments}").body.decode()


def test_bibtex_escapes_the_title(server: str) -> None:
    text = cited(server, "bib")
    assert r"title = {{50\% of \{A\} \& B\_c \#1 \textbackslash{}\textbackslash{} ñ}}" in text
    assert text.startswith("@misc{cybilgraph-G0020-1,\n")
    assert "url = {https://w3id.org/cybilgraph/id/project/G0020?release=1}" in text


def test_ris_has_a_field_per_line(server: str) -> None:
    lines = cited(server, "ris", title="A\nER  - \nTI  - B").split("\r\n")
    fields = dict(line.split("  - ", 1) for line in lines if line)
    assert fields["TI"] == "A ER - TI - B"
    assert (lines[0], lines[-2]) == ("TY  - DATA", "ER  - ")
    assert fields["UR"] == "https://w3id.org/cybilgraph/id/project/G0020?release=1"


@pytest.mark.parametrize("format_", ["bib", "ris", "csl.json"])
def test_invisible_characters_of_a_title_are_escaped(format_: str, server: str) -> None:
    text = cited(server, format_, title="A\0B\u202eC\x1bD")
    assert re.search("A.*x00B.*u202eC.*x1bD", text)
    assert text.replace("\r\n", "").replace("\n", "").isprintable()


def test_csl_json_has_the_same_facts(server: str) -> None:
    [entry] = json.loads(cited(server, "csl.json"))
    assert (entry["type"], entry["title"], entry["version"]) == ("dataset", TITLE, "1")
    assert entry["URL"] == "https://w3id.org/cybilgraph/id/project/G0020?release=1"
    assert re.fullmatch("@misc{(.*),", cited(server, "bib").splitlines()[0])
    assert entry["id"] in cited(server, "bib")


def test_answer_is_cited_by_its_permanent_address(server: str) -> None:
    page = get(server, f"/sparql?query={quote('ASK {}')}", Accept=BROWSER).body.decode()
    [of] = re.findall(r'name="of" value="([^"]+)"', page)
    assert "release=1" in of
    [entry] = json.loads(cited(server, "csl.json", of.replace("&amp;", "&"), "Anything?"))
    assert entry["URL"].startswith(f"{server}/sparql?query=")
    assert get(server, entry["URL"].removeprefix(server)).status == 200


def test_keys_of_different_answers_differ(server: str) -> None:
    paths = [
        "/sparql?query=ASK+%7B%7D&release=1",
        "/sparql?query=ASK+%7B+%7D&release=1",
        "/id/region/029",
        "/id/actor/eu",
    ]
    keys = [cited(server, "bib", path).splitlines()[0] for path in paths]
    assert len(set(keys)) == len(paths)
    assert keys[2] == "@misc{cybilgraph-region-029-1,"
    assert keys == [cited(server, "bib", path).splitlines()[0] for path in paths]


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/coverage?region=Caribbean&all=1",
        "/pictures/network?start=eu",
        "/compare?a=European%20Union&b=Council%20of%20Europe&from=2015",
        "/search?q=strategy&country=BZ",
        "/id/region/029",
        "/id/actor/eu",
    ],
)
def test_page_is_cited_with_its_release(path: str, server: str) -> None:
    page = get(server, path, Accept=BROWSER).body.decode()
    [of] = re.findall(r'name="of" value="([^"]+)"', page)
    [entry] = json.loads(cited(server, "csl.json", of.replace("&amp;", "&")))
    assert "release=1" in entry["URL"]
    address = entry["URL"].replace("https://w3id.org/cybilgraph", server).removeprefix(server)
    reply = get(server, address, Accept=BROWSER)
    assert (reply.status, reply.headers["cybilgraph-release"]) == (200, "1")
    assert re.findall("<h1>.*</h1>", reply.body.decode()) == re.findall("<h1>.*</h1>", page)
    assert get(server, address.replace("release=1", "release=9"), Accept=BROWSER).status in (404, 410)


def test_project_page_offers_its_citation(server: str) -> None:
    page = get(server, "/id/project/G0020", Accept=BROWSER).body.decode()
    assert re.search(r"<cite>“Support to Belize [^<]*cybilgraph, release 1 ", page)
    assert page.count('name="format"') == 3


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"of": "//example.org/id/", "title": "A"}, "can be cited"),
        ({"of": "https://example.org/id/x", "title": "A"}, "can be cited"),
        ({"of": "/id/project/a}b", "title": "A"}, "can be cited"),
        ({"of": "/id/../../elsewhere", "title": "A"}, "can be cited"),
        ({"of": "/id/project/G0020", "title": " "}, "Give a title"),
        ({"of": "/id/project/G0020", "title": "A", "format": "docx"}, "Use one of bib"),
        ({"of": "/id/project/G0020", "title": "A", "release": "99"}, "99"),
    ],
)
def test_other_citations_are_refused(arguments: dict[str, str], detail: str, server: str) -> None:
    reply = get(server, f"/cite?{urlencode(arguments)}")
    assert 400 <= reply.status < 500
    assert detail in reply.body.decode()
