"""The parser of outlines accepts queries, and rejects other text without crashing."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.model.resources import QUERIES
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.hints import find_hints
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import MAX_TOKENS, OutlineError, parse_outline
from cybilgraph.sparql.hints.syntax import explain_mistake

LONG = f"ASK {{ VALUES ?a {{ {'1 ' * MAX_TOKENS} }} }}"

#: Each form, pattern and kind of expression of SPARQL 1.1, as the engine accepts it.
VALID = """
SELECT ?x { ?x a ?y FILTER(?x IN ()) FILTER(?x NOT IN (1, 2, -3)) }
SELECT (COUNT(*) AS ?n) (COUNT(DISTINCT *) AS ?m) (GROUP_CONCAT(DISTINCT ?x; SEPARATOR=", ") AS ?l) { ?x a ?y }
SELECT ?y (AVG(?x) + 1 AS ?l) { ?x a ?y } GROUP BY ?y STR(?x) (STRLEN(?x) AS ?z) xsd:integer(?x)
SELECT ?y { ?x a ?y } GROUP BY ?y HAVING(COUNT(?x) > 3) (MAX(?x) < 3) ORDER BY DESC(?y) ASC(?y) ?y STR(?y) (?y+1)
SELECT * { ?x a ?y FILTER(-?x < - 3 && !(?x = 1 || !BOUND(?y)) && +?x>1 && ?x-1 > 2 && ?x+-1>1&&?x*2/3>=-1) }
SELECT * { ?x a ?y FILTER xsd:integer(?x) FILTER REGEX(?x,"a","i") FILTER EXISTS {?x a ?z. FILTER(?z=?y)} . }
SELECT * { ?x a ?y FILTER NOT EXISTS { ?x ?p ?q } FILTER(!EXISTS{?x a ?x}) FILTER(NOT EXISTS{?x a ?x} && true) }
SELECT * { BIND(RAND() AS ?r) BIND(IF(true,1,2) AS ?z) BIND(<http://www.w3.org/2001/XMLSchema#integer>(?r) AS ?q) BIND(xsd:date(1) AS ?w) }
SELECT * { ?x ^cyb:a/(cyb:b|^cyb:c)*/!(cyb:d|^cyb:e|a)+/!a?/!^cyb:z ?y ; (cyb:d)+ ?v ; a? ?w ; cyb:a* ?u }
SELECT * { ?x cyb:a ?y ; cyb:b 3, "x"@en, "y"^^xsd:date, true, -3.5e2, (1 2 (3)), [ cyb:x ?y ; ], [] ; . }
SELECT * { _:b cyb:a [] . [ cyb:c 3 ] . [] cyb:d 4 . (1 2) cyb:e 5 . () cyb:e () . ?s ?p "a\\"b" ; ?q '''x'y''' }
SELECT * { {} UNION {} UNION { ?x a ?y } OPTIONAL {} MINUS {} GRAPH ?g {} GRAPH <http://e.org> { ?x a ?y . } }
SELECT * { { SELECT (?x AS ?z) WHERE { ?x a ?y } GROUP BY ?x LIMIT 3 VALUES ?x { 1 } } }
SELECT * { VALUES (?a ?b) { (1 UNDEF) (<http://e.org> "x"@en) } VALUES ?x {} } ORDER BY ?a LIMIT 1 OFFSET 2
ASK FROM <http://e.org/> FROM NAMED <http://e.org/b> WHERE { ?x a ?y } LIMIT 3
DESCRIBE ?x cyb:a WHERE { ?x a ?y } LIMIT 1
DESCRIBE <http://e.org/>
CONSTRUCT WHERE { ?x a ?y . ?y a ?z } LIMIT 3
CONSTRUCT { ?x a ?y . [] cyb:a (1 2) ; cyb:b _:x } FROM <http://e.org/> WHERE { ?x a ?y } ORDER BY COALESCE(?x, 1)
BASE <http://e.org/> PREFIX : <x#> SELECT REDUCED ?x { :a :b <c> . ?x :c ?y . } VALUES (?x ?y) { (1 2) }
PREFIX a: <http://e.org/a/> select distinct ?x where { a:b.c a:%41 a:x\\,y optional { ?x a ?z } } order by desc(?x)
""".strip().split("\n")


@pytest.mark.parametrize(
    "query", [*VALID, *(path.read_text(encoding="utf-8") for path in sorted(QUERIES.glob("*.rq")))]
)
def test_valid_query_is_parsed(query: str) -> None:
    ox.Store().query(query, prefixes=PREFIXES)
    parse_outline(query)


def test_unparsable_query_gets_no_hints() -> None:
    for query in ("", "SELECT", "SELECT * {", "SELECT * { ?a ?b }", "x" * 1000, "SELECT * " + "{" * 5000, LONG):
        with pytest.raises(OutlineError):
            parse_outline(query)
        assert find_hints(query) == ()


PIECES = r"""
SELECT ASK CONSTRUCT DESCRIBE WHERE { } ( ) [ ] . ; , * + ? ^ | ! / = < > && || a ?a $b _:c cyb:aim foo:x :x <x>
<http://e.org/x> 'x' "x"@en "x"^^xsd:date "\u00e9" "\uD800" @en ^^ 1 -2 1e3 true OPTIONAL UNION MINUS FILTER NOT
EXISTS BIND AS VALUES UNDEF GRAPH SERVICE SILENT FROM NAMED PREFIX BASE GROUP BY HAVING ORDER LIMIT COUNT ( # “ é
"""


@pytest.mark.slow
@settings(max_examples=500)
@given(
    st.lists(st.sampled_from(PIECES.split()), max_size=40), st.sampled_from(["", "SELECT * { ", "ASK { ?a ?b ?c . "])
)
def test_parser_accepts_any_text_without_crashing(facts: Facts, pieces: list[str], before: str) -> None:
    query = before + " ".join(pieces)
    try:
        parse_outline(query)
    except OutlineError as place:
        assert 0 <= place.start <= len(query)
    mistake = explain_mistake(query, "error at 1:1: expected OPTIONAL")
    assert mistake.line >= 1
    try:
        ox.Store().query(query, prefixes=PREFIXES)
    except (SyntaxError, ValueError):
        return
    find_hints(query, facts=facts)
