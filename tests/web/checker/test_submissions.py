"""Submissions are decoded from JSON, forms, files and plain records, in their encoding and format."""

from __future__ import annotations

import json
import urllib.parse

import pytest
import rdflib

from tests.support.check_requests import BAD, FORM, form, part, post, rules
from tests.support.hostile import GOOD

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("charset", ["cp1252", "windows-1251", "utf-16", "ISO-8859-1", "utf-8", "euc-kr"])
@pytest.mark.parametrize(
    ("media_type", "text"),
    [
        ("text/csv", "title,code\n{},G0101\n"),
        ("text/plain", "{}\n\nCybil code: G0101\n"),
        ("application/json", '{{"title": "{}", "code": "G0101"}}'),
        ("application/json", '{{"text": "{}\\nCybil code: G0101"}}'),
        ("application/yaml", "title: {}\ncode: G0101\n"),
        ("text/html; a=b", "<meta charset=koi8-r><h1>{}</h1><p>Cybil code: G0101</p>"),
        (
            "text/turtle",
            '<urn:x> a <https://w3id.org/cybilgraph/ontology#Project> ; <http://purl.org/dc/terms/title> "{}" .',
        ),
    ],
)
def test_declared_encoding_is_used(portal: str, media_type: str, text: str, charset: str) -> None:
    title = {"windows-1251": "Проект", "euc-kr": "사이버"}.get(charset, "Été à Genève")
    content = text.format(title).encode(charset)
    whole = post(portal, content, f"{media_type}; charset={charset}", path="/api/check?include=turtle")
    part_of = form(part("file", content, "x", f"{media_type}; charset={charset}"))
    for reply in (whole, post(portal, part_of, FORM, path="/api/check?include=turtle")):
        if reply is not whole and b'"text"' in content.replace(b"\0", b""):
            continue  # in a file, this would be a record
        assert reply.status == 200, reply.body
        assert title in json.loads(reply.body)["turtle"]
        assert "encoding" not in rules(reply)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", BAD),
        ("application/octet-stream", BAD),
        ("application/json", json.dumps({"text": BAD.decode()}).encode()),
        ("application/json; charset=utf-8", json.dumps({"text": BAD.decode().replace("\n", "\r\n")}).encode()),
        (FORM, form(part("file", BAD, "page.txt"))),
        (FORM, form(part("file", BAD, ""))),
        (FORM, form(part("text", BAD))),
        ("application/x-www-form-urlencoded", urllib.parse.urlencode({"text": BAD}).encode()),
    ],
)
def test_record_is_checked_for_every_way_of_sending(portal: str, content_type: str, body: bytes) -> None:
    reply = post(portal, body, content_type)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.headers["access-control-allow-origin"] == "*"
    report = json.loads(reply.body)
    assert not report["conforms"]
    places = {found["rule"].rpartition("#")[2]: found["line"] for found in report["findings"]}
    assert places["end-after-start"] == 9
    assert places["near-name"] == 5


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json", ".yaml", ".xml", ".html", ".ttl", ".rdf", ".jsonld", ""])
def test_format_is_detected_from_the_file_name(portal: str, suffix: str) -> None:
    reply = post(portal, form(part("file", GOOD()[suffix], f"record{suffix}")), FORM)
    assert (reply.status, json.loads(reply.body)["records"]) == (200, 1)


@pytest.mark.parametrize(
    ("media_type", "suffix"),
    [("text/csv", ".csv"), ("text/turtle", ".ttl"), ("application/yaml", ".yaml"), ("application/json", ".json")],
)
def test_format_is_detected_from_the_media_type(portal: str, media_type: str, suffix: str) -> None:
    assert post(portal, GOOD()[suffix], media_type).status == 200


def test_options_are_applied(portal: str) -> None:
    asked = {
        "text": BAD.decode(),
        "lang": "fr",
        "as_of": "2016-01-01",
        "include": ["turtle", "derived"],
        "name": "p.txt",
    }
    report = json.loads(post(portal, json.dumps(asked).encode(), "application/json").body)
    assert report["as_of"] == "2016-01-01"
    assert "« Finishd » a été lu comme Finished." in [found["message"] for found in report["findings"]]
    assert report["findings"][0]["file"] == "p.txt"
    graph = rdflib.Graph().parse(data=report["turtle"], format="turtle")
    assert len(graph) > 30
    assert any(row["quote"] == "UNODC helped Belize." and row["line"] == 13 for row in report["derived"])
    reply = post(portal, BAD, "text/plain", path="/api/check?lang=es&include=derived&as_of=2016-01-01")
    assert json.loads(reply.body)["derived"] == report["derived"]
