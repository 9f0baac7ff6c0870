"""The OpenAPI document is valid and correct: each endpoint behaves as described."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from openapi_spec_validator import validate

from cybilgraph.model.site_profile import DEFAULT_PROFILE
from cybilgraph.web.api.openapi import Operation, operations
from cybilgraph.web.pages.check_form import OUTPUT_TYPES
from tests.conftest import running_server
from tests.support.http_client import BROWSER, Response, http

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def document(portal: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(http(f"{portal}/api/openapi.json").body)
    return found


def test_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_has_one_tag_and_its_own_identifier(document: dict[str, Any]) -> None:
    found = [operation for methods in document["paths"].values() for operation in methods.values()]
    tags = [tag for operation in found for tag in operation["tags"]]
    assert len(found) == len(tags) == len({operation["operationId"] for operation in found})
    assert set(tags) == {tag["name"] for tag in document["tags"]}
    site = {path for path, methods in document["paths"].items() for one in methods.values() if one["tags"] == ["Site"]}
    assert site == {"/", "/api/openapi.json", "/.well-known/api-catalog", "/healthz", "/readyz", "/metrics"}


def test_page_shows_every_operation_without_a_script(portal: str, document: dict[str, Any]) -> None:
    reply = http(f"{portal}/api", Accept=BROWSER)
    page = unescape(reply.body.decode())
    shown = re.findall(r"<h3 id=\"[^\"]+\"><code>([A-Z]+ \S+)</code></h3>", page)
    assert sorted(shown) == sorted(
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    )
    for text in (
        "Cybil code: G0999",
        "ASK { ?project a cyb:Project }",
        "The time limit in seconds.",
        "<code>sarif</code>",
    ):
        assert text in page
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "<script" not in page
    assert "`" not in page
    assert "<code>basis</code> shows whether" in page
    assert "The name of the rule, the last part of its IRI." in page
    assert page.count('<details class="rule">') == len(shown)


def test_document_gives_the_licence_of_the_data(portal: str, releases: Path) -> None:
    licence = "https://creativecommons.org/licenses/by/4.0/"
    with running_server(releases, "--licence", licence) as url:
        found = json.loads(http(f"{url}/api/openapi.json").body)
        validate(found)
        assert found["info"]["license"] == {"name": licence, "url": licence}
        assert f'<a href="{licence}" rel="license">' in http(f"{url}/api", Accept=BROWSER).body.decode()
    without = json.loads(http(f"{portal}/api/openapi.json").body)["info"]["license"]
    assert without == {"name": DEFAULT_PROFILE.rights}


def test_parameters_describe_the_accepted_identifiers(document: dict[str, Any]) -> None:
    country, *_ = document["paths"]["/api/queries/example-projects-in-country"]["get"]["parameters"]
    assert "a code or a name, or the IRI https://w3id.org/cybilgraph/id/country/…" in country["description"]


def call(portal: str, row: Operation, media_type: str = "", accept: str = "*/*") -> Response:
    examples = {parameter.name: parameter.example for parameter in row.parameters if parameter.example}
    path = re.sub(r"\{(\w+)\}", lambda gap: examples.pop(gap[1]), row.path)
    query = f"?{urlencode(examples)}" if examples else ""
    headers = {"Accept": accept}
    body = None
    if media_type:
        example = row.examples[media_type]
        headers["Content_Type"] = media_type
        if isinstance(example, str):
            body = example.encode()
        else:
            body = (urlencode(example) if "form" in media_type else json.dumps(example)).encode()
    return http(f"{portal}{path}{query}", row.method.upper(), body, **headers)


CALLS = [(row, media_type) for row in operations() for media_type in (row.examples or [""])]


@pytest.mark.parametrize(("row", "media_type"), CALLS, ids=lambda value: getattr(value, "path", value) or "-")
def test_every_operation_accepts_its_example(
    portal: str, document: dict[str, Any], row: Operation, media_type: str
) -> None:
    reply = call(portal, row, media_type)
    assert reply.status == 200
    sent = reply.content_type.partition(";")[0]
    assert sent in row.answers
    schema = row.answers[sent]
    if sent == "application/json":
        jsonschema.validate(json.loads(reply.body), {**schema, "components": document["components"]})


@pytest.mark.parametrize(("row", "media_type"), CALLS[:1], ids=["check"])
def test_every_documented_media_type_is_available(portal: str, row: Operation, media_type: str) -> None:
    for accept in row.answers:
        reply = call(portal, row, media_type, accept)
        if accept == OUTPUT_TYPES["xlsx"]:  # only for a workbook
            assert reply.status == 406
        else:
            assert (reply.status, reply.content_type.partition(";")[0]) == (200, accept)


def test_problems_match_their_schema(portal: str, document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    responses = document["paths"]["/api/check"]["post"]["responses"]
    for media_type, body, status in (
        ("image/png", b"x", 415),
        ("application/json", b'{"text":1}', 400),
        ("text/turtle", b"[", 422),
    ):
        reply = http(f"{portal}/api/check", "POST", body, Content_Type=media_type)
        assert reply.status == status
        assert str(status) in responses
        jsonschema.validate(json.loads(reply.body), schema)


def test_document_covers_every_api_path(portal: str, document: dict[str, Any]) -> None:
    for path in ("/api/check", "/api/openapi.json", "/sparql", "/ontology", "/shapes", "/shapes.ttl", "/check", "/"):
        assert path in document["paths"]
        method = next(iter(document["paths"][path])).upper()
        assert http(f"{portal}{path}", "OPTIONS").headers["allow"].find(method) >= 0


def test_api_catalog_leads_to_descriptions_that_exist(portal: str) -> None:
    catalog = http(f"{portal}/.well-known/api-catalog")
    assert catalog.content_type == "application/linkset+json"
    apis = json.loads(catalog.body)["linkset"]
    assert [api["anchor"] for api in apis] == [f"{portal}/sparql", f"{portal}/api/queries"]
    for target in (target for api in apis for name, targets in api.items() if name != "anchor" for target in targets):
        reply = http(target["href"], Accept=target["type"])
        assert (reply.status, reply.content_type.partition(";")[0]) == (200, target["type"])
