"""JSON-LD with a context has positions."""

from __future__ import annotations

import pyoxigraph as ox

from cybilgraph.model.record import Place
from cybilgraph.readers.rdf.positions import Places
from tests.support.positions import BASE, XSD, located


def test_locates_json_ld_with_context() -> None:
    text = """{
      "@context": {"ex": "http://e/", "name": "ex:name", "T": "ex:T", "lang": "@language",
                   "knows": {"@id": "ex:knows", "@type": "@id"}, "day": {"@id": "ex:day", "@type": "ex:date"}},
      "@id": "http://e/a",
      "@type": ["T", "ex:U"],
      "name": ["A law.", {"@value": "loi", "lang": "fr"}],
      "knows": ["b",
                {"@id": "_:z", "name": "Zed \\"z\\""}],
      "day": "2018", "ex:count": 5,
      "ex:list": {"@list": ["one",
                            "two"]}
    }"""
    places = Places(text.encode())
    found = {str(quad.object): places.place(spot.object) for quad, spot in located(text, ox.RdfFormat.JSON_LD)}
    assert found['"A law."'] == Place(6, 16)
    assert found['"loi"@fr'].line == 6
    assert (found[f"<{BASE}b>"].line, found["_:z"].line) == (7, 8)
    assert found['"Zed \\"z\\""'].line == 8
    assert found['"2018"^^<http://e/date>'].line == 9
    assert (found['"one"'].line, found['"two"'].line) == (10, 11)
    assert found["<http://e/U>"].line == 5
    assert found[f'"5"^^<{XSD}integer>'].line == 4  # a number cannot carry a marker: it has the line of its subject
