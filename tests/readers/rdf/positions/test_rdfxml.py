"""All features of RDF/XML have positions."""

from __future__ import annotations

import pyoxigraph as ox

from cybilgraph.readers.rdf.positions import UNKNOWN, Places
from tests.support.positions import RDF, located


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
