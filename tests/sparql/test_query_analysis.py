"""Prefixes that a query uses."""

from __future__ import annotations

from cybilgraph.sparql import query_analysis


def test_prefixes() -> None:
    query = 'PREFIX cyb: <x> SELECT * { ?s cyb:a country:BZ ; dcterms:title "skos:x" ; ex:y _:b }'
    assert query_analysis.undeclared_names(query) == {"country", "dcterms", "ex"}
    assert query_analysis.undeclared_names("SELECT * { ?a <http://e/\\u0053> ?b }") == set()
    assert query_analysis.undeclared_names("PREFIX e: <x:> SELECT * { ?a e:a\\#b ?c . ?c foo:bar ?d }") == {"foo"}
