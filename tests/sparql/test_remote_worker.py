"""Queries for an endpoint declare the prefixes that they use."""

from __future__ import annotations

import pyoxigraph as ox

from cybilgraph.sparql.remote_worker import with_prefixes


def test_only_missing_prefixes_are_declared_without_moving_lines() -> None:
    query = "PREFIX cyb: <urn:own#>\nSELECT * {\n ?p cyb:country ?c ; dcterms:title ?t FILTER(?t != 'skos:x') }"
    declared = with_prefixes(query)
    assert declared.startswith("PREFIX dcterms: <http://purl.org/dc/terms/> PREFIX cyb: <urn:own#>\n")
    assert "PREFIX skos:" not in declared
    assert declared.count("\n") == query.count("\n")
    ox.Store().query(declared)


def test_query_without_missing_prefixes_is_unchanged() -> None:
    assert with_prefixes("ASK { ?s ?p ?o }") == "ASK { ?s ?p ?o }"
