"""A client queries an endpoint with its credentials, and explains what it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import CybilgraphError
from cybilgraph.model.vocabulary import BASE, DCTERMS
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint, RequestFailed

SEED_PROJECT = f"{BASE}id/project/G0020"


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("Aladdin:open sesame\n", {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}),  # RFC 7617, section 2
        ("a-token\n", {"Authorization": "Bearer a-token"}),
        ("\n", {}),
    ],
)
def test_credentials_are_read_from_a_file(tmp_path: Path, line: str, header: dict[str, str]) -> None:
    (tmp_path / "credentials").write_text(line, encoding="utf-8")
    assert Credentials.of(str(tmp_path / "credentials")).header == header


def test_no_file_means_no_credentials() -> None:
    assert Credentials.of("").header == {}


def test_unreadable_credentials_are_reported(tmp_path: Path) -> None:
    with pytest.raises(CybilgraphError, match="cannot be read") as error:
        Credentials.of(str(tmp_path / "nothing"))
    assert "USER:PASSWORD" in error.value.hint


@pytest.mark.slow
def test_queries_of_every_form_are_answered(server: str) -> None:
    endpoint = Endpoint(f"{server}/sparql")
    assert bool(endpoint.query("ASK { ?s ?p ?o }"))
    [title] = endpoint.query(f"SELECT ?t {{ <{SEED_PROJECT}> <{DCTERMS.title}> ?t }}")
    triples = list(endpoint.query(f"CONSTRUCT WHERE {{ <{SEED_PROJECT}> <{DCTERMS.title}> ?t }}"))
    assert [triple.object for triple in triples] == [title["t"]]


def test_syntax_error_is_reported_with_the_explanation_of_the_server(server: str) -> None:
    with pytest.raises(RequestFailed, match="refused the query") as error:
        Endpoint(f"{server}/sparql").query("SELECT * { ?a ?b ")
    assert (error.value.status, bool(error.value.server_message)) == (400, True)


def test_missing_server_is_reported() -> None:
    with pytest.raises(RequestFailed, match="does not respond") as error:
        Endpoint("http://127.0.0.1:1/sparql").query("ASK {}")
    assert (error.value.status, error.value.hint) == (0, "Is the server running?")
