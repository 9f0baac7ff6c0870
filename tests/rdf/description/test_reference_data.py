"""The description of the reference data."""

from __future__ import annotations

import rdflib
from rdflib import SKOS, URIRef

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.description import describe_reference


def test_names_of_countries_have_three_languages() -> None:
    graph = rdflib.Graph().parse(data="\n".join(describe_reference(load_gazetteer())), format="nt")
    labels = {label.language: str(label) for label in graph.objects(URIRef(f"{BASE}id/country/DE"), SKOS.prefLabel)}
    assert labels == {"en": "Germany", "es": "Alemania", "fr": "Allemagne"}
