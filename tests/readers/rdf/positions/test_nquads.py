"""Statements of N-Triples and N-Quads have positions."""

from __future__ import annotations

import pyoxigraph as ox

from cybilgraph.model.record import Place
from cybilgraph.readers.rdf.positions import Places
from tests.support.positions import located


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
