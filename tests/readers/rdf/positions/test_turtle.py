"""All features of Turtle and TriG have positions."""

from __future__ import annotations

import re

import pyoxigraph as ox

from cybilgraph.readers.rdf.positions import UNKNOWN
from tests.support.positions import located


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
