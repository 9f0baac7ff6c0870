"""All features of Turtle, TriG, N-Triples, N-Quads and RDF/XML have positions."""

from __future__ import annotations

import re

import pyoxigraph as ox

from cybilgraph.model.record import Place
from cybilgraph.readers.rdf.positions import UNKNOWN, Places
from tests.support.positions import RDF, located


def shown(text: str, syntax: ox.RdfFormat = ox.RdfFormat.TURTLE) -> list[tuple[str, str, str]]:
    """Return the text at the positions of subject, predicate and object, up to a space."""
    content = text.encode()

    def word(offset: int) -> str:
        return re.match(r"\S+", content[offset:].decode())[0] if offset != UNKNOWN else "?"

    return [tuple(map(word, spot[:3])) for _, spot in located(text, syntax)]


def test_locates_all_features_of_turtle() -> None:
    text = """
    PREFIX e: <http://e/> # a comment . with "all" ; sorts [ of ( things
    @base <http://e/x/> .
    @prefix : <#> .
    e:a.b a e:C ; e:p.q 'one' , "two"@en-GB , '''three
    'lines' "of" it'''^^e:t;; e:n 1, -2.5 , .5e3, true .
    <#f>:p e:b\\,c ; e:q\\~r _:n.1 .
    [ e:p [ e:q "in" ] ; e:r ( 1 [ e:s "deep" ] ( "x" ) ) ] e:t [] .
    [] e:p () .
    ( 1 2 ) e:p "list" .
    e:a e:p e:b ~ e:r {| e:since 2020 |} , e:c {| e:w [ e:x "y" ] |} .
    << e:a e:p e:b >> e:q <<( e:s e:p "quoted" )>> .
    """
    rows = shown(text)
    values = [value for *_, value in rows]
    for value in (
        "e:C",
        "'one'",
        '"two"@en-GB',
        "'''three",
        "1,",
        "-2.5",
        ".5e3,",
        "true",
        "e:b\\,c",
        "_:n.1",
        '"in"',
        '"deep"',
    ):
        assert value in values, value
    for value in ('"x"', '"list"', "2020", '"y"', "<<(", "[]", "()"):
        assert value in values, value
    assert ("e:a.b", "e:p.q", "'one'") in rows
    assert ("<#f>:p", ":p", "e:b\\,c") in rows
    assert "?" not in {word for row in rows for word in row}


def test_locates_all_features_of_trig() -> None:
    text = """@prefix e: <http://e/> .
    e:g { e:a e:p "1" . e:b e:p "2" } GRAPH e:h { [ e:p "3" ] e:q "4" . } { e:c e:p "5" } [] { e:d e:p "6" } e:e e:p "7" .
    """
    rows = shown(text, ox.RdfFormat.TRIG)
    assert [value for *_, value in rows] == [f'"{number}"' for number in range(1, 8)]
    assert ("[", "e:q", '"4"') in rows


def test_locates_all_features_of_rdf_xml() -> None:
    text = f"""<?xml version="1.0"?><!-- <e:no/> -->
    <rdf:RDF xmlns:rdf="{RDF}" xmlns:e="http://e/">
      <e:T rdf:about="a" e:x="1" e:y="2">
        <e:p rdf:resource="b"/>
        <e:q e:z="3"/>
        <e:r rdf:parseType="Resource"><e:s>five &amp; six</e:s></e:r>
        <e:l rdf:parseType="Collection"><rdf:Description rdf:about="m"/><e:T><e:v>nine</e:v></e:T></e:l>
        <rdf:li>first</rdf:li><rdf:li>second</rdf:li>
        <e:n><e:T rdf:nodeID="k"><e:u>one</e:u></e:T></e:n>
        <e:lit rdf:parseType="Literal"><b>bold</b></e:lit>
        <e:o rdf:ID="st">reified</e:o>
        <e:em/>
      </e:T>
    </rdf:RDF>"""
    content, places = text.encode(), Places(text.encode())
    lines = {}
    for quad, spot in located(text, ox.RdfFormat.RDF_XML):
        lines[str(quad.object)] = places.place(spot.object).line
        assert spot.subject != UNKNOWN
        if isinstance(quad.object, ox.Literal) and quad.object.value.isalpha():
            assert content[spot.object :].decode().startswith((quad.object.value, "<"))
    assert lines['"1"'] == lines['"2"'] == 3
    assert lines['"3"'] == 5
    assert lines['"five & six"'] == 6
    assert lines['"nine"'] == 7
    assert (lines['"first"'], lines['"one"'], lines['"reified"'], lines['""']) == (8, 9, 11, 12)


def test_locates_statements_between_comments_and_blank_lines() -> None:
    text = (
        "# <urn:no> <urn:no> <urn:no> .\n\n"
        '<urn:a> <urn:p> "a <urn:b> # text" . # a comment\r\n'
        "\t_:b <urn:q>\t_:c <urn:g> .\n"
        '<urn:é><urn:r>"1"^^<urn:t><urn:g>.\n'
    )
    places = Places(text.encode())
    found = [
        (quad.predicate.value, places.place(spot.subject), places.place(spot.object))
        for quad, spot in located(text, ox.RdfFormat.N_QUADS)
    ]
    assert found == [
        ("urn:p", Place(3, 1), Place(3, 17)),
        ("urn:q", Place(4, 2), Place(4, 14)),
        ("urn:r", Place(5, 1), Place(5, 15)),
    ]


def test_locates_statements_of_n_triples() -> None:
    text = '<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> "c"@en .\n'
    places = Places(text.encode())
    assert [places.place(spot.object) for _, spot in located(text, ox.RdfFormat.N_TRIPLES)] == [
        Place(1, 17),
        Place(2, 17),
    ]
