"""The format of a page's data is selected by suffix or Accept."""

from __future__ import annotations

import pytest
import rdflib
from rdflib import RDF, URIRef

from cybilgraph.model.vocabulary import BASE, CYB
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow

PROJECT = URIRef(f"{BASE}id/project/G0020")


@pytest.mark.parametrize(
    ("accept", "content_type", "parser"),
    [
        ("*/*", "text/turtle; charset=utf-8", "turtle"),
        ("text/turtle", "text/turtle; charset=utf-8", "turtle"),
        ("application/n-triples", "application/n-triples", "nt"),
        ("application/ld+json", "application/ld+json", "json-ld"),
        ("application/rdf+xml", "application/rdf+xml", "xml"),
    ],
)
def test_project_is_available_in_rdf_formats(server: str, accept: str, content_type: str, parser: str) -> None:
    reply = http(f"{server}/id/project/G0020", Accept=accept)
    assert (reply.status, reply.content_type) == (200, content_type)
    graph = rdflib.Graph().parse(data=reply.body, format=parser)
    assert (PROJECT, RDF.type, URIRef(CYB.Project)) in graph
    assert (PROJECT, URIRef(CYB.country), URIRef(f"{BASE}id/country/BZ")) in graph
    assert len(list(graph.subject_objects(URIRef(CYB.evidence)))) >= 2


@pytest.mark.parametrize("suffix", ["ttl", "nt", "jsonld", "rdf", "nq", "trig"])
def test_suffix_selects_the_rdf_format(server: str, suffix: str) -> None:
    reply = http(f"{server}/id/project/G0020.{suffix}", Accept=BROWSER)
    assert reply.status == 200
    assert b"Support to Belize" in reply.body
    assert http(f"{server}/id/project/G9999.{suffix}").status == 404


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("/rules/has-funder", "shapes#has-funder"),
        ("/rules", "shapes#has-funder"),
        ("/release/1", "dataset"),
        ("/queries/example-who-funds-whom", "queries/example-who-funds-whom"),
        ("/id/project", "id/project/G0020"),
    ],
)
def test_pages_have_their_data_as_rdf(server: str, path: str, about: str) -> None:
    for suffix, accept in ((".ttl", BROWSER), ("", "text/turtle"), (".jsonld", BROWSER)):
        reply = http(f"{server}{path}{suffix}", Accept=accept)
        parser = "json-ld" if suffix == ".jsonld" else "turtle"
        graph = rdflib.Graph().parse(data=reply.body, format=parser)
        assert list(graph.predicate_objects(rdflib.URIRef(f"{BASE}{about}"))), (path, suffix)
    page = http(f"{server}{path}", Accept=BROWSER)
    assert page.content_type.startswith("text/html")
    assert http(f"{server}{path}.png", Accept=BROWSER).status == 404
