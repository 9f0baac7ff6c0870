"""Graphs of rdflib have what the N-Triples say."""

from __future__ import annotations

from rdflib import XSD, BNode, Literal, URIRef

from cybilgraph.rdf.rdflib_graph import graph_of

START = "<x:a> <x:b> "


def test_terms_are_kept_as_written() -> None:
    text = f'{START}"1e0"^^<{XSD.double}> .\n{START}"n\\u00e3o\\n"@pt .\n{START}_:c .\n{START}<x:d> .\n{START}"" .\n'
    assert set(graph_of(text).objects(URIRef("x:a"), URIRef("x:b"))) == {
        Literal("1e0", datatype=XSD.double, normalize=False),
        Literal("não\n", lang="pt"),
        BNode("c"),
        URIRef("x:d"),
        Literal(""),
    }


def test_long_literal_takes_linear_time() -> None:
    text = r"\"word" * 1_000_000  # the parser of rdflib would take minutes
    [(*_, found)] = graph_of(f'{START}"{text}" .\n'.encode())
    assert len(found) == 5_000_000
