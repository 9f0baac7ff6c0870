"""Prefixes that a query uses."""

from __future__ import annotations

import pytest

from cybilgraph.sparql import query_analysis


def test_undeclared_prefixes_are_found_outside_strings_and_iris() -> None:
    query = 'PREFIX cyb: <x> SELECT * { ?s cyb:a country:BZ ; dcterms:title "skos:x" ; ex:y _:b }'
    assert query_analysis.undeclared_names(query) == {"country", "dcterms", "ex"}
    assert query_analysis.undeclared_names("SELECT * { ?a <http://e/\\u0053> ?b }") == set()
    assert query_analysis.undeclared_names("PREFIX e: <x:> SELECT * { ?a e:a\\#b ?c . ?c foo:bar ?d }") == {"foo"}


@pytest.mark.parametrize("call", ["RAND()", "now ()", "UUID#c\n()", "BNODE # a\n# b\r\n ()"])
def test_volatile_functions_are_found_despite_comments(call: str) -> None:
    assert query_analysis.is_volatile(f"SELECT ({call} AS ?x) {{}}")


def test_variable_named_like_a_function_is_not_volatile() -> None:
    assert not query_analysis.is_volatile("SELECT ?rand { ?rand ?uuid ?now }")
