"""The completion data of the query editor."""

from __future__ import annotations

import json

import pytest

from tests.support.http_client import http

pytestmark = pytest.mark.slow


def test_completion_data_describes_the_release(server: str) -> None:
    reply = http(f"{server}/sparql/terms.json")
    data = json.loads(reply.body)
    terms = {term["name"]: term for term in data["terms"]}
    assert terms["cyb:Project"]["kind"] == "class"
    assert terms["cyb:Project"]["note"]
    assert terms["country:BZ"]["label"] == "Belize"
    assert terms["country:BZ"]["m49"] == "084"
    assert "Belice" in terms["country:BZ"]["others"]
    assert terms["dcterms:title"]["kind"] == "property"
    assert data["prefixes"]["cyb"] == "https://w3id.org/cybilgraph/ontology#"
    assert len(terms) == len(data["terms"])
    again = http(f"{server}/sparql/terms.json", If_None_Match=reply.headers["etag"])
    assert (again.status, again.body) == (304, b"")
