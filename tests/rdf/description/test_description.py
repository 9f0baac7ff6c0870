"""The triples of a record: exact IRIs, canonical form, and the places of statements."""

from __future__ import annotations

import pyoxigraph as ox
import rdflib

from cybilgraph import read
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.rdf.description import describe, describe_reference
from tests.conftest import PAGES


def test_equal_input_gives_equal_lines() -> None:
    assert [describe(record) for record in read(*PAGES)] == [describe(record) for record in read(*PAGES)]


def test_store_returns_lines_unchanged() -> None:
    """Dump, store and pages are identical byte for byte: nothing is rewritten."""
    lines = sorted(
        {line for record in read(*PAGES) for line in describe(record)} | set(describe_reference(load_gazetteer()))
    )
    store = ox.Store()
    store.load("\n".join(lines), format=ox.RdfFormat.N_TRIPLES)
    assert len(store) == len(lines)
    assert sorted(store.dump(format=ox.RdfFormat.N_QUADS).decode().splitlines()) == lines


def test_to_graph_binds_only_our_prefixes(graph: rdflib.Graph) -> None:
    assert {prefix for prefix, _ in graph.namespaces()} >= {"cyb", "country", "actor"}
    assert dict(graph.namespaces()).keys() <= PREFIXES.keys() | {"xml"}
