"""Compact JSON-LD has the triples of the graph, with short keys, in a fixed order."""

from __future__ import annotations

import json
import subprocess
import sys

import pyoxigraph as ox
import pytest

from cybilgraph.model.vocabulary import BASE, CYB
from cybilgraph.rdf.compact_jsonld import compact_context, write_compact_jsonld
from cybilgraph.rdf.serialisation import turtle_to_ntriples

PROJECT = f"{BASE}id/project/G0020"
TURTLE = f"""
    @prefix cyb: <{CYB.iri}> . @prefix dcterms: <http://purl.org/dc/terms/> . @prefix p: <{PROJECT}/> .
    @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
    <{PROJECT}> a cyb:Project ; dcterms:title "A course"@en, "Un cours"@fr ; dcterms:identifier "G0020" ;
        cyb:country <{BASE}id/country/FJ>, <{BASE}id/country/BZ> ; cyb:start "2020-03"^^xsd:gYearMonth ;
        cyb:startEarliest "2020-03-01"^^xsd:date ; dcterms:relation <https://example.org/a_b?c=d#e> .
    <{BASE}id/country/BZ> cyb:alpha3 "BLZ" .
    p:evidence cyb:line 29 ; cyb:confidence 0.10 ; dcterms:abstract "Line one\\nand \\"two\\" \\u2028" .
""".encode()


def ntriples(turtle: bytes) -> bytes:
    return "\n".join(turtle_to_ntriples(turtle)).encode()


def written() -> bytes:
    return write_compact_jsonld(ntriples(TURTLE), "https://example.org/context", PROJECT)


def test_document_has_the_triples_of_the_graph() -> None:
    document = json.loads(written()) | {"@context": compact_context()}
    assert json.loads(written())["@context"] == "https://example.org/context"
    quads = ox.parse(json.dumps(document), format=ox.RdfFormat.JSON_LD)
    assert sorted(f"{quad.triple} ." for quad in quads) == turtle_to_ntriples(TURTLE)


def test_keys_are_short_and_the_resource_comes_first() -> None:
    [project, *_] = json.loads(written())["@graph"]
    assert project["id"] == PROJECT
    assert project["type"] == "Project"
    assert project["country"] == [f"{BASE}id/country/BZ", f"{BASE}id/country/FJ"]
    assert project["startEarliest"] == "2020-03-01"
    assert project["dcterms:identifier"] == "G0020"


def test_single_resource_is_a_graph_too() -> None:
    only = f'<{PROJECT}> <{CYB.slug}> "a-course" .'.encode()
    assert json.loads(write_compact_jsonld(only, "", PROJECT))["@graph"] == [{"id": PROJECT, "slug": "a-course"}]


def test_context_has_every_term_and_no_prefix_of_resources() -> None:
    context = compact_context()
    assert CYB.terms <= context.keys()
    assert context["country"] == {"@id": "cyb:country", "@type": "@id"}
    assert not [name for name, iri in context.items() if str(iri).startswith(BASE) and name != "cyb"]


@pytest.mark.slow
def test_order_does_not_depend_on_hashes() -> None:
    program = "from tests.rdf.test_compact_jsonld import written; print(written().hex())"
    outputs = {
        subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True).stdout
        for seed in "123"
    }
    assert outputs == {f"{written().hex()}\n".encode()}
