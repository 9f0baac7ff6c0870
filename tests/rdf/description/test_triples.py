"""Triples are written so that every RDF syntax can represent them."""

from __future__ import annotations

from pathlib import Path

import rdflib

from cybilgraph import read, to_graph
from cybilgraph.model.vocabulary import CYB, DCTERMS
from tests.support.graphs import G0020, objects


def test_graphs_contain_no_characters_that_xml_forbids(tmp_path: Path) -> None:
    """They occur in RDF; readers of other formats remove them."""
    source = tmp_path / "a.ttl"
    source.write_text(f'<{G0020}> a <{CYB.Project}> ; <{DCTERMS.title}> "A\\u0001 \\b project\\uFFFE" .')
    [record] = read(source)
    document = to_graph(record).serialize(format="xml")
    assert objects(rdflib.Graph().parse(data=document, format="xml"), G0020, DCTERMS.title) == {
        "A\ufffd \ufffd project\ufffd"
    }
